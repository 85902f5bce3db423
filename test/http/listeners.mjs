// listeners.mjs PORT EVENT HOW_MANY < lines of {"seat": 17, "at": ms}, then {"end": true}: so many browsers, half of
// them by WebSocket and half by EventSource, follow a sale. Prints when all listen, and at the end how long after its
// sale each seat was gone for each of them.
import http from 'node:http'
import { createInterface } from 'node:readline'

const [port, event, howMany] = process.argv.slice(2).map(Number)
const arrivals = []                     // [version, at] of each listener
const seen = new Map()                  // seat → the version that first had it
const known = new Map()                 // version → the message, parsed once for all
const gaps = { count: 0 }

const isTaken = (bytes, i) => (bytes[i >> 3] >> (i & 7)) & 1

function note(text, listener, at) {
  const version = Number(/"version": (\d+)/.exec(text)[1])
  const from = Number(/"from": (\d+|null)/.exec(text)[1])
  const mine = arrivals[listener]
  if (mine.length > 0 && from > mine.at(-1)[0]) gaps.count++
  mine.push([version, at])
  if (known.has(version)) return
  known.set(version, text.length)
  const { taken, changes, capacity } = JSON.parse(text)
  const runs = taken ? [{ first_seat: 0, seats: capacity, taken }] : changes
  for (const run of runs) {
    const bytes = Buffer.from(run.taken, 'base64')
    for (let i = 0; i < run.seats; i++) {
      if (!isTaken(bytes, i)) continue
      const seat = run.first_seat + i
      if (!(seen.get(seat) <= version)) seen.set(seat, version)
    }
  }
}

function byEventSource(listener) {
  return new Promise((begun, failed) => {
    http.get({ port, host: '127.0.0.1', path: `/live/events/${event}`, agent: false, headers: { Accept: 'text/event-stream' } }, (answer) => {
      if (answer.statusCode !== 200) return failed(new Error(`EventSource: ${answer.statusCode}`))
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (more) => {
        const at = Date.now()
        text += more
        for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
          const data = /^data: (.*)$/m.exec(text.slice(0, end))
          if (data) note(data[1], listener, at)
        }
      })
      begun()
    }).on('error', failed)
  })
}

function byWebSocket(listener) {
  return new Promise((begun, failed) => {
    const headers = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' }
    const request = http.get({ port, host: '127.0.0.1', path: `/live/events/${event}`, agent: false, headers })
    request.on('response', (answer) => failed(new Error(`WebSocket: ${answer.statusCode}`)))
    request.on('error', failed)
    request.on('upgrade', (_, socket, head) => {
      let bytes = head
      const read = () => {
        const at = Date.now()
        for (let frame; (frame = frameOf(bytes)); bytes = bytes.subarray(frame.end)) {
          if ((bytes[0] & 15) === 1) note(bytes.toString('utf8', frame.start, frame.end), listener, at)
        }
      }
      read()
      socket.on('data', (more) => { bytes = bytes.length > 0 ? Buffer.concat([bytes, more]) : more; read() })
      begun()
    })
  })
}

// Where the first frame begins and ends; null while it is not all there.
function frameOf(bytes) {
  if (bytes.length < 2) return null
  const short = bytes[1] & 127
  const start = short === 126 ? 4 : short === 127 ? 10 : 2
  if (bytes.length < start) return null
  const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short
  return bytes.length < start + length ? null : { start, end: start + length }
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms))

for (let i = 0; i < howMany; i++) {
  arrivals.push([])
  await (i % 2 === 0 ? byWebSocket(i) : byEventSource(i))
}
console.log('listening')

const sales = []
for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line)
  if (said.end) break
  sales.push(said)
}

// Until everybody has seen everything, or that takes too long.
const last = () => Math.max(...sales.map(({ seat }) => seen.get(seat) ?? Infinity))
const all = () => arrivals.every((mine) => mine.length > 0 && mine.at(-1)[0] >= last())
for (let wait = 0; wait < 300 && !all(); wait++) await pause(100)

const late = []
for (const mine of arrivals) {
  const when = new Map()                // version → when this one had it, or a later one
  for (const { seat, at } of sales) {
    const version = seen.get(seat)
    if (!when.has(version)) when.set(version, mine.find(([told]) => told >= version)?.[1] ?? Infinity)
    late.push(when.get(version) - at)
  }
}
late.sort((a, b) => a - b)
const of = (share) => late[Math.min(Math.ceil(share * late.length), late.length) - 1]
const sizes = [...known.values()].sort((a, b) => a - b)
console.log(JSON.stringify({
  listeners: howMany, sales: sales.length, messages: known.size, gaps: gaps.count, all: all(), p50: of(0.5), p99: of(0.99), most: of(1),
  bytes: sizes[sizes.length >> 1], largest: sizes.at(-1),
}))
process.exit(0)
