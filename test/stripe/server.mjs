// server.mjs [port=0] [key=sk_test_…] [secret=whsec_…] [url=http://…] [seed=1] [parent=PID] [timeout=0.05 …]
//
// A local stand-in for Stripe's API: PaymentIntents, refunds, idempotency keys, webhooks, and faults at will. Several
// keys are several accounts. It prints its address when it listens, and ends with its parent where one is named.
// Faults and their rates are in faults.mjs.

import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { Account, API_VERSION, newId } from './account.mjs';
import { administer } from './admin.mjs';
import { route } from './api.mjs';
import { ApiError, invalid, locked, rateLimited, serverError, unauthorized } from './errors.mjs';
import { Faults } from './faults.mjs';
import { parseForm } from './form.mjs';
import { fingerprint } from './keys.mjs';
import { Webhooks } from './webhooks.mjs';

const MOST_BYTES = 1 << 20;
const HANG = 60000;             // milliseconds after which a connection that is left without an answer is closed

export class StripeServer {
  accounts = new Map();         // by key
  requests = {};                // counts by 'POST payment_intents 200' and the like

  constructor({ keys = ['sk_test_of_the_local_server'], seed = 1 } = {}) {
    this.faults = new Faults(seed);
    this.webhooks = new Webhooks(this.faults);
    for (const key of keys) this.accounts.set(key, new Account((event) => this.webhooks.send(event)));
    this.http = createServer((request, response) => this.#receive(request, response));
    this.http.keepAliveTimeout = HANG;
  }

  // Resolves to the address.
  listen(port = 0) {
    return new Promise((done) => { this.http.listen(port, '127.0.0.1', () => done(`http://127.0.0.1:${this.http.address().port}`)); });
  }

  close() {
    this.http.close();
    this.http.closeAllConnections();
  }

  async #receive(request, response) {
    const body = await read(request);
    const url = new URL(request.url, 'http://localhost');
    if (url.pathname.startsWith('/admin/')) {
      reply(response, ...administer(this, request.method, url.pathname.slice('/admin/'.length), body));
      return;
    }
    const call = { method: request.method, path: url.pathname.replace(/^\/v1\//, ''), headers: request.headers, body,
      query: url.search.slice(1), id: newId('req') };
    const [status, answer, headers] = await this.#serve(call).catch(refusal);
    this.#count(call, status);
    if (status === null) abandon(response, answer);
    else reply(response, status, answer, { 'Request-Id': call.id, 'Stripe-Version': call.headers['stripe-version'] ?? API_VERSION, ...headers });
  }

  // [status, body, headers]; status is null where no answer comes, and body then how long it stays away.
  async #serve(call) {
    const account = this.#accountOf(call.headers);
    if (this.faults.strikes('limit')) throw rateLimited();
    if (this.faults.strikes('timeout')) return [null, HANG];
    const answer = await (call.method === 'GET' ? this.#look(account, call) : this.#act(account, call)).catch(refusal);
    return this.faults.strikes('lost') ? [null, 0] : answer;
  }

  async #look(account, call) {
    if (this.faults.strikes('error_before')) throw serverError();
    return [200, route('GET', call.path, parseForm(call.query))(account)];
  }

  // What changes something is done once for each key.
  async #act(account, call) {
    const key = call.headers['idempotency-key'];
    if (key === undefined) return this.#work(account, call, null);
    const kept = account.keys.claim(key, fingerprint(call.method, call.path, call.body));
    if (kept) return [kept.status, kept.body, { 'Idempotency-Key': key, 'Original-Request': kept.request, 'Idempotent-Replayed': 'true' }];
    const [status, body, , begun = true] = await this.#work(account, call, key).catch(refusal);
    if (begun) account.keys.save(key, { status, body, request: call.id });
    else account.keys.forget(key);
    return [status, body, { 'Idempotency-Key': key, 'Original-Request': call.id }];
  }

  async #work(account, call, key) {
    const given = readForm(call);
    const act = route(call.method, call.path, given);
    if (this.faults.strikes('error_before')) throw serverError();
    const intent = /^payment_intents\/(\w+)\//.exec(call.path)?.[1];
    if (account.locked.has(intent)) throw locked();
    if (charges(call, given) && this.faults.strikes('slow')) {
      if (intent) account.locked.add(intent);
      await new Promise((done) => { setTimeout(done, this.faults.rates.slow_ms); });
      account.locked.delete(intent);
    }
    const answer = act(account, { requestId: call.id, key });
    if (this.faults.strikes('error_after')) throw serverError();
    return [200, answer];
  }

  #accountOf({ authorization = '' }) {
    const [scheme, secret = ''] = authorization.split(' ');
    const key = scheme === 'Basic' ? Buffer.from(secret, 'base64').toString().split(':')[0] : secret;
    if (!key) throw unauthorized('You did not provide an API key: Authorization must be Bearer and your secret key.');
    return this.accounts.get(key) ?? (() => { throw unauthorized(`Invalid API Key provided: ${key.slice(0, 8)}***`); })();
  }

  #count({ method, path }, status) {
    const name = `${method} ${path.replace(/\w+_[0-9a-f]{24}/, ':id')} ${status ?? 'none'}`;
    this.requests[name] = (this.requests[name] ?? 0) + 1;
  }
}

// [status, body, headers, whether a key remembers it]; a fault of this server is not Stripe's.
function refusal(error) {
  if (error instanceof ApiError) return [error.status, error.body, {}, error.begun];
  console.error(error);
  return [500, serverError().body, {}, false];
}

const charges = ({ path }, given) => path.endsWith('/confirm') || given.confirm === 'true';

function readForm({ headers, body }) {
  if (body !== '' && !/^application\/x-www-form-urlencoded\b/.test(headers['content-type'] ?? '')) {
    throw invalid('The body must be application/x-www-form-urlencoded.');
  }
  return parseForm(body);
}

async function read(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) request.destroy();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function reply(response, status, body, headers = {}) {
  const text = JSON.stringify(body, null, 2);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), ...headers });
  response.end(text);
}

function abandon(response, after) {
  setTimeout(() => response.destroy(), after).unref();
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const given = Object.fromEntries(process.argv.slice(2).map((pair) => pair.split(/=(.*)/s, 2)));
  const { port = 0, key, secret, url, seed, parent, ...rates } = given;
  const server = new StripeServer({ ...(key && { keys: key.split(',') }), ...(seed && { seed: Number(seed) }) });
  Object.assign(server.webhooks.endpoint, secret && { secret }, url && { url });
  server.faults.set(rates);
  console.log(await server.listen(Number(port)));
  if (parent) setInterval(() => { if (process.ppid !== Number(parent)) process.exit(); }, 1000);
}
