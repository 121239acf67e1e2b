'use strict';
/* Several isolates in one process: together, and each alone. */
const { short } = require('../lib/compare');
const { flags, rows, some } = require('../lib/heap');

const count = (answer, name) => rows(answer, 'groups').filter((g) => g.class === name).reduce((n, g) => n + g.count, 0);
/* a prototype object may count as an instance, as V8 counts some */
const isAbout = (n, wanted) => n === wanted || n === wanted + 1;

async function check(t) {
  const all = await t.json('objects', '--limit', '100000');
  const isolates = (all && all.coverage && all.coverage.isolates) || [];
  if (isolates.length !== 2) {
    t.fail(`two isolates wanted, got ${short(isolates)}`);
    return;
  }
  const seen = { IsolateMain: [], IsolateWorker: [] };
  for (const isolate of isolates) {
    const one = await t.json('objects', '--isolate', isolate, '--limit', '100000');
    for (const name of Object.keys(seen)) seen[name].push(count(one, name));
    if (short(one.coverage.isolates) !== short([isolate])) t.fail(`--isolate ${isolate}: ${short(one.coverage.isolates)}`);
  }
  for (const [name, wanted] of Object.entries(t.truth.classes)) {
    if (!isAbout(count(all, name), wanted)) t.fail(`together: ${count(all, name)} ${name}, wanted ${wanted}`);
    const sorted = seen[name].sort((a, b) => a - b);
    if (sorted[0] !== 0 || !isAbout(sorted[1], wanted)) t.fail(`each alone: ${short(sorted)} ${name}, wanted 0 and ${wanted}`);
  }
  const wrong = await t.run(['objects', t.spec, '--isolate', '0x1234'], { status: [1] });
  if (!isolates.every((isolate) => wrong.stderr.includes(isolate))) t.fail(`--isolate 0x1234 does not name those that are there: ${wrong.stderr}`);
}

module.exports = [
  { name: 'heap/isolates', feature: 'census of the heap', fixture: 'heap-isolates.js', flags, modes: ['live', 'core'], from: 1200, args: () => ['wait'], quick: some, check },
];
