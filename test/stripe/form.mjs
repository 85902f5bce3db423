// The bodies of Stripe's first version of the API: forms whose names nest in brackets.

// 'a[b]=1&c[]=2&d[0][e]=3' becomes { a: { b: '1' }, c: ['2'], d: [{ e: '3' }] }; every value is text.
export function parseForm(text) {
  const root = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) {
    const path = [name.split('[', 1)[0], ...Array.from(name.matchAll(/\[([^[\]]*)\]/g), (part) => part[1])];
    put(root, path, value);
  }
  return tidy(root);
}

function put(node, [name, ...rest], value) {
  const key = name === '' ? String(Object.keys(node).length) : name;
  if (rest.length === 0) node[key] = value;
  else {
    if (typeof node[key] !== 'object') node[key] = Object.create(null);
    put(node[key], rest, value);
  }
}

// What is numbered from 0 is an array.
function tidy(node) {
  if (typeof node !== 'object') return node;
  const names = Object.keys(node);
  if (names.length > 0 && names.every((name, i) => name === String(i))) return names.map((name) => tidy(node[name]));
  return Object.fromEntries(names.map((name) => [name, tidy(node[name])]));
}
