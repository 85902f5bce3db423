// expand[]=latest_charge.balance_transaction: an id becomes the object that it names.

import { describeCard, cardOf } from './cards.mjs';
import { invalid } from './errors.mjs';

// What is answered: a copy of the object, or of a list of them, expanded.
export function answerWith(account, object, paths = []) {
  const copy = structuredClone(object);
  for (const path of paths) {
    const names = path.split('.');
    if (copy.object === 'list' && names.shift() !== 'data') throw cannotExpand(path);
    for (const each of copy.object === 'list' ? copy.data : [copy]) expand(account, each, names, path);
  }
  return copy;
}

function expand(account, object, [name, ...rest], path) {
  if (!(name in object)) throw cannotExpand(path);
  if (typeof object[name] === 'string') object[name] = named(account, object[name]) ?? (() => { throw cannotExpand(path); })();
  if (rest.length > 0 && object[name] !== null) expand(account, object[name], rest, path);
}

function named(account, id) {
  const found = account.get(id);
  if (found) return structuredClone(found);
  return cardOf(id) && describeCard(id);
}

const cannotExpand = (path) => invalid(`This property cannot be expanded (${path}).`, { param: 'expand' });
