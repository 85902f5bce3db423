// journey.mjs URL: search, availability, sign up, log in, reserve, repeat, pay, tickets, cancel.
import { PostgrestClient } from '@supabase/postgrest-js'
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'

const url = process.argv[2]
const is = (got, wanted, name) => {
  const same = isDeepStrictEqual(got, wanted)
  console.log(`${same ? 'ok' : 'not ok'} - ${name}`)
  if (!same) console.log(`got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`)
}

let seen // the headers of the last answer
const fetching = async (...request) => {
  const answer = await fetch(...request)
  seen = answer.headers
  return answer
}
const client = (headers = {}) => new PostgrestClient(url, { headers, fetch: fetching })
const bearer = (token) => ({ Authorization: `Bearer ${token}` })
const keyed = (token, key) => client({ ...bearer(token), 'Idempotency-Key': key })
const get = { get: true }

// Looking around
const anybody = client()
const found = await anybody.rpc('search_events', { query: 'sho', page_size: 5 }, get)
is(found.status, 200, 'search answers')
is(found.data.events.map((e) => e.event_id), [1], 'and finds the event by the beginning of a word')
is(found.data.next_page, null, 'on one page')
const free = await anybody.rpc('availability', { event_id: 1 }, get)
is([free.data.capacity, free.data.free], [24, 24], 'all is free')
is(Buffer.from(free.data.taken, 'base64'), Buffer.alloc(3), 'bit by bit')
const tag = seen.get('etag')
const unchanged = await fetch(`${url}/events/1/availability`, { headers: { 'If-None-Match': tag } })
is([unchanged.status, await unchanged.text()], [304, ''], 'and nothing has changed since')
const plan = await anybody.rpc('seat_plan', { event_id: 1 }, get)
is(plan.data.rows.map((r) => r.seats.length), [8, 8, 8], 'the plan has the rows')

// Who is asking
const email = 'ann@example.org'
const signedUp = await anybody.rpc('sign_up', { email: 'Ann@Example.org', password: 'correct horse', name: 'Ann' })
is([signedUp.status, signedUp.data.email, signedUp.data.name], [201, email, 'Ann'], 'sign up')
const wrong = await anybody.rpc('log_in', { email, password: 'wrong horse' })
is([wrong.status, wrong.error.code], [401, 'wrong_credentials'], 'log in with the wrong password')
const loggedIn = await anybody.rpc('log_in', { email, password: 'correct horse' })
is(loggedIn.status, 200, 'log in')
const token = loggedIn.data.token
const ann = client(bearer(token))
is((await ann.rpc('my_account', {}, get)).data.email, email, 'the token says who I am')
is((await ann.rpc('my_bookings', {}, get)).data.bookings, [], 'who has no bookings')
is((await anybody.rpc('my_bookings', {}, get)).status, 401, 'which is nobody else’s business')

// A hold, asked for twice
const key = randomUUID()
const hold = await keyed(token, key).rpc('reserve', { event_id: 1, quantity: 2 })
is([hold.status, hold.data.seats.length, hold.data.amount, hold.data.adjacent], [201, 2, 5000, true], 'reserve')
is(seen.get('idempotency-replayed'), null, 'for the first time')
const again = await keyed(token, key).rpc('reserve', { event_id: 1, quantity: 2 })
is([again.status, again.data], [201, hold.data], 'the same request again: the same answer')
is(seen.get('idempotency-replayed'), 'true', 'which says that it is')
const reused = await keyed(token, key).rpc('reserve', { event_id: 1, quantity: 3 })
is([reused.status, reused.error.code], [422, 'idempotency_key_reused'], 'another request with the key is refused')
const taken = await client(bearer(token)).rpc('reserve_seats', { event_id: 1, seats: hold.data.seats })
is([taken.status, taken.error.code], [409, 'seat_taken'], 'the seats are taken')
is(JSON.parse(taken.error.details).seats, hold.data.seats, 'and the refusal names them')

// Paying: declined, then later, asked again
const { booking_id } = hold.data
const declined = await keyed(token, randomUUID()).rpc('pay', { booking_id, payment_token: 'tok_test_declined' })
is([declined.status, declined.error.code], [402, 'payment_declined'], 'a card is declined')
const declinedHold = (await ann.rpc('find_booking', { booking_id }, get)).data
is(declinedHold.status, 'held', 'and the seats are still held')
is(declinedHold.payment_provider, { name: 'test', test: true }, 'it tells with whom it is paid')
const payKey = randomUUID()
const pay = () => keyed(token, payKey).rpc('pay', { booking_id, payment_token: 'tok_test_slow' })
let paid = await pay()
is([paid.status, paid.data.state, seen.get('retry-after')], [202, 'pending', '1'], 'another takes its time')
for (let i = 0; i < 20 && paid.status === 202; i++) {
  await new Promise((resolve) => setTimeout(resolve, 1000 * Number(seen.get('retry-after'))))
  paid = await pay()
}
is([paid.status, paid.data.state, paid.data.status], [200, 'captured', 'confirmed'], 'and is paid')

// Tickets, history, cancelling
const tickets = await ann.rpc('booking_tickets', { booking_id }, get)
is(tickets.data.map((t) => t.seat_index), hold.data.seats, 'there are tickets')
is((await ann.rpc('my_tickets', {}, get)).data.tickets, tickets.data, 'which are mine')
const history = await ann.rpc('history', { booking_id }, get)
is(history.data.map((h) => h.to_status), ['held', 'paying', 'held', 'paying', 'confirmed'], 'the history tells it all')
const cancelled = await ann.rpc('cancel', { booking_id, reason: 'ill' })
is([cancelled.data.status, cancelled.data.payment.state], ['cancelled', 'refunded'], 'cancel, and the money comes back')
is((await ann.rpc('my_tickets', {}, get)).data.tickets, [], 'the tickets are gone')

// A guest has his booking's reference
const guest = client({ 'Idempotency-Key': randomUUID() })
const guests = await guest.rpc('reserve_seats', { event_id: 1, seats: [20, 21] })
is(guests.status, 201, 'a guest holds seats')
is((await ann.rpc('my_bookings', {}, get)).data.bookings.map((b) => b.booking_id), [booking_id], 'that are not Ann’s')
const guestPays = await client().rpc('pay', { booking_id: guests.data.booking_id, payment_token: 'tok_test_success' })
is([guestPays.status, guestPays.data.status], [200, 'confirmed'], 'and pays')

// One more is given up, on the REST paths
const rest = async (method, path, body) => {
  const answer = await fetch(url + path, {
    method, body: body && JSON.stringify(body), headers: { ...bearer(token), ...(body && { 'Content-Type': 'application/json' }) }
  })
  return [answer.status, await answer.json()]
}
const [status, third] = await rest('POST', '/bookings/reserve-seats', { event_id: 1, seats: [9] })
is(status, 201, 'a third hold')
const [released, after] = await rest('POST', `/bookings/${third.booking_id}/release`)
is([released, after.status], [200, 'released'], 'is given up')
is((await rest('GET', '/bookings?page_size=1'))[1].next_page, 2, 'bookings come page by page')
