// draw.mjs < facts of the room as JSON, then a line "entry position" each: computes every position anew, in another
// language, from what is published. Prints what it found.
import { readFileSync } from 'node:fs';
import { drawOf, faultOf } from '../../docs/box-office/draw.js';

const [facts, ...lines] = readFileSync(0, 'utf8').trimEnd().split('\n');
const room = JSON.parse(facts);
const place = drawOf(room.seed, room.drawn);
const wrong = lines.map((line) => line.split(' ').map(Number)).filter(([entry, position]) => place(entry) !== position);
console.log(JSON.stringify({ fault: faultOf(room), computed: lines.length, wrong: wrong.length }));
