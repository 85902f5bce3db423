// The endpoints under /v1: which there are, what they take, and what they answer.

import { CANCEL_PARAMETERS, cancelIntent, CONFIRM_PARAMETERS, confirmIntent, CREATE_PARAMETERS, createIntent } from './intents.mjs';
import { createRefund, REFUND_PARAMETERS } from './refunds.mjs';
import { answerWith } from './expand.mjs';
import { ApiError, invalid } from './errors.mjs';

const KINDS = { payment_intents: 'payment_intent', refunds: 'refund', charges: 'charge', balance_transactions: 'balance_transaction' };
const FILTERS = ['payment_intent', 'charge', 'type', 'source'];
const PAGE = ['limit', 'starting_after', 'ending_before', 'created', 'expand'];
const LONGEST_PAGE = 100;

const POSTS = [
  [/^payment_intents$/, CREATE_PARAMETERS, (account, id, given, request) => createIntent(account, given, request)],
  [/^payment_intents\/(\w+)\/confirm$/, CONFIRM_PARAMETERS, (account, id, given, request) => confirmIntent(account, account.find('payment_intent', id), given, request)],
  [/^payment_intents\/(\w+)\/cancel$/, CANCEL_PARAMETERS, (account, id, given, request) => cancelIntent(account, account.find('payment_intent', id), given, request)],
  [/^refunds$/, REFUND_PARAMETERS, (account, id, given, request) => createRefund(account, given, request)],
];

// What to do for a request, as a function of the account's that gives the object to answer with; throws an ApiError.
export function route(method, path, given) {
  if (method === 'GET') return routeGet(path, given);
  for (const [pattern, parameters, act] of method === 'POST' ? POSTS : []) {
    const match = pattern.exec(path);
    if (!match) continue;
    const unknown = Object.keys(given).find((name) => !parameters.includes(name));
    if (unknown) throw invalid(`Received unknown parameter: ${unknown}`, { code: 'parameter_unknown', param: unknown });
    return (account, request) => answerWith(account, act(account, match[1], given, request), given.expand);
  }
  throw unrecognized(method, path);
}

function routeGet(path, given) {
  const [collection, id, ...more] = path.split('/');
  const kind = KINDS[collection];
  if (!kind || more.length > 0) throw unrecognized('GET', path);
  return (account) => answerWith(account, id ? account.find(kind, id) : list(account, kind, given, collection), given.expand);
}

function list(account, kind, given, collection) {
  const unknown = Object.keys(given).find((name) => !FILTERS.includes(name) && !PAGE.includes(name));
  if (unknown) throw invalid(`Received unknown parameter: ${unknown}`, { code: 'parameter_unknown', param: unknown });
  const filters = FILTERS.filter((name) => name in given);
  const found = account.all(kind).filter((each) => filters.every((name) => each[name] === given[name]) && isOfTime(each, given.created));
  const from = given.starting_after ? found.findIndex((each) => each.id === given.starting_after) + 1 : 0;
  const limit = Math.min(Number(given.limit ?? 10), LONGEST_PAGE);
  return { object: 'list', url: `/v1/${collection}`, has_more: found.length > from + limit, data: found.slice(from, from + limit) };
}

const isOfTime = ({ created }, { gt = -1, gte = 0, lt = Infinity, lte = Infinity } = {}) =>
  created > Number(gt) && created >= Number(gte) && created < Number(lt) && created <= Number(lte);

const unrecognized = (method, path) => new ApiError(404,
  { type: 'invalid_request_error', message: `Unrecognized request URL (${method}: /v1/${path}).` }, { begun: false });
