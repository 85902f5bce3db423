// buyers.mjs URL SECONDS < {"tokens": [...], "event": 1}: a buyer for each token books and pays until the time
// is over. Whatever goes wrong on the way is repeated with the same key. Prints what was acknowledged.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'

const [url, seconds] = [process.argv[2], Number(process.argv[3])]
const { tokens, event } = JSON.parse(readFileSync(0, 'utf8'))
const end = Date.now() + 1000 * seconds
const count = { requests: 0, repeated: 0, hungUp: 0, refused: {} }
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// One thing that the buyer wants: repeated with its key until there is an answer that counts.
async function insist(token, path, body) {
  const key = randomUUID()
  for (let attempt = 0; attempt < 60; attempt++) {
    if (attempt) count.repeated++
    count.requests++
    // Now and then a buyer hangs up before he has his answer.
    const impatient = Math.random() < 0.05
    try {
      const answer = await fetch(url + path, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', 'Idempotency-Key': key },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(impatient ? 5 + Math.random() * 60 : 30000)
      })
      const said = await answer.json()
      if ([429, 502, 503, 504].includes(answer.status) || ['request_in_progress', 'payment_in_progress'].includes(said.code)) {
        await pause(100 + 300 * Math.random())
        continue
      }
      return { status: answer.status, said }
    } catch {
      count.hungUp++
      await pause(20 + 100 * Math.random())
    }
  }
  throw new Error(`no answer to ${path} after 60 attempts`)
}

async function buy(token) {
  const mine = []
  while (Date.now() < end) {
    const hold = await insist(token, '/bookings/reserve', { event_id: event, quantity: 1 + Math.floor(3 * Math.random()) })
    if (hold.status !== 201) {
      count.refused[hold.said.code] = (count.refused[hold.said.code] ?? 0) + 1
      await pause(200)
      continue
    }
    const { booking_id, seats } = hold.said
    const booking = { booking_id, seats, paid: false }
    mine.push(booking)
    if (Math.random() < 0.8) {
      const pay = await insist(token, `/bookings/${booking_id}/payment`, { payment_token: 'tok_test_success' })
      booking.paid = pay.status === 200
      if (!booking.paid) count.refused[pay.said.code] = (count.refused[pay.said.code] ?? 0) + 1
    }
    await pause(100 * Math.random())
  }
  return mine
}

const acknowledged = await Promise.all(tokens.map(buy))
process.stdout.write(JSON.stringify({ acknowledged: acknowledged.flat(), count }))
