'use strict';
/* Does the comparison see a wrong answer? Prints TAP. */
const compare = require('./lib/compare');

let count = 0;
function expect(name, wanted, diffs) {
  const ok = wanted === 'equal' ? diffs.length === 0 : diffs.some((d) => wanted.test(d));
  process.stdout.write(`${ok ? 'ok' : 'not ok'} ${++count} - ${name}\n`);
  if (!ok) {
    process.stdout.write(`#   wanted ${wanted}, got ${JSON.stringify(diffs)}\n`);
    process.exitCode = 1;
  }
}

const VALUE = { type: 'object', class: 'Foo', properties: [{ name: 'a', value: { type: 'smi', value: 1 }, kind: 'data' },
  { name: 'b', value: { type: 'string', value: 'text' }, kind: 'data' }] };
const copy = (o) => JSON.parse(JSON.stringify(o));
function values(change) {
  const actual = { ...copy(VALUE), address: '0x1' };
  change(actual);
  const diffs = [];
  compare.value(VALUE, actual, 'v', diffs);
  return diffs;
}
expect('an equal value', 'equal', values(() => {}));
expect('another type', /type/, values((v) => { v.type = 'array'; }));
expect('another class', /class/, values((v) => { v.class = 'Bar'; }));
expect('another property value', /v\.a/, values((v) => { v.properties[0].value.value = 2; }));
expect('a missing property', /properties/, values((v) => v.properties.pop()));
expect('another order', /properties/, values((v) => v.properties.reverse()));
expect('one property more', /properties/, values((v) => v.properties.push({ name: 'c', value: { type: 'null' } })));
expect('no properties', /properties/, values((v) => { delete v.properties; }));

const list = { type: 'array', length: 4, elements: [{ type: 'smi', value: 1 }, { type: 'hole' }, { type: 'hole' }, { type: 'null' }] };
function lists(elements, length = 4) {
  const diffs = [];
  compare.value(list, { type: 'array', length, elements }, 'v', diffs);
  return diffs;
}
expect('counted holes', 'equal', lists([{ type: 'smi', value: 1 }, { type: 'hole', count: 2 }, { type: 'null' }]));
expect('too few holes', /elements/, lists([{ type: 'smi', value: 1 }, { type: 'hole' }, { type: 'null' }]));
expect('another length', /length/, lists(list.elements, 5));

const FRAMES = [
  { name: 'step', maybe: true, file: '/a.js', lines: [1, 3] },
  { name: 'leaf', file: '/a.js', lines: [5, 7], args: [{ name: 'x', value: { type: 'smi', value: 1 } }, { name: null, value: { type: 'null' } }], missing: ['y'] },
  { name: null, display: 'Object.<anonymous>', file: '/a.js', line: 9, column: 3, definition: 8 },
];
const ANSWER = [
  { kind: 'builtin', name: 'Array.forEach' },
  { kind: 'js', name: 'leaf', display: 'leaf', file: '/a.js', line: 6, column: 1, position: 'exact', tier: 'turbofan',
    args: [{ name: 'x', value: { type: 'smi', value: 1 } }, { value: { type: 'null' } }, { name: 'y', passed: false, value: { type: 'undefined' } }] },
  { kind: 'js', name: '', display: 'Object.<anonymous>', file: '/a.js', line: 9, column: 3, position: 'exact', tier: 'interpreted' },
  { kind: 'js', name: 'Module._compile', file: 'node:internal/x', line: 1, column: 1, position: 'exact', tier: 'interpreted' },
];
function stacks(change, more) {
  const answer = copy(ANSWER);
  change(answer);
  const diffs = [];
  compare.thread(FRAMES, answer, { args: true, display: true, definition: () => false, approximate: (i) => i === 0, ...more }, diffs);
  return diffs;
}
expect('an equal stack', 'equal', stacks(() => {}));
expect('the helper on top', 'equal', stacks((a) => a.unshift({ ...copy(a[1]), name: 'step', line: 2, args: undefined })));
expect('a missing frame', /expected 2 frames/, stacks((a) => a.splice(1, 1)));
expect('a frame too much', /got 3/, stacks((a) => a.splice(2, 0, copy(a[1]))));
expect('another name', /first difference|name/, stacks((a) => { a[1].name = 'leaf2'; }));
expect('another display', /V8 prints/, stacks((a) => { a[2].display = 'Foo.bar'; }));
expect('a line outside the loop', /line of 5-7/, stacks((a) => { a[1].line = 8; }));
expect('a wrong line', /line 9/, stacks((a) => { a[2].line = 10; }));
expect('a wrong column', /column 3/, stacks((a) => { a[2].column = 4; }));
expect('only approximate', /approximate/, stacks((a) => { a[2].position = 'approximate'; }));
expect('only the definition', /definition/, stacks((a) => { a[2].position = 'definition'; a[2].line = 8; }));
expect('the definition where it is allowed', 'equal', stacks((a) => { a[2].position = 'definition'; a[2].line = 8; }, { definition: () => true }));
expect('a wrong definition', /defined on/, stacks((a) => { a[2].position = 'definition'; a[2].line = 9; }, { definition: () => true }));
expect('a wrong file', /file/, stacks((a) => { a[2].file = '/b.js'; }));
expect('no tier', /tier/, stacks((a) => { delete a[1].tier; }));
expect('a wrong argument', /argument x/, stacks((a) => { a[1].args[0].value.value = 2; }));
expect('a wrong argument name', /argument 0/, stacks((a) => { a[1].args[0].name = 'z'; }));
expect('an extra argument with a name', /argument 1/, stacks((a) => { a[1].args[1].name = 'y'; }));
expect('an argument not passed that was', /arguments|not passed/, stacks((a) => { delete a[1].args[2].passed; }));

const status = require('./lib/status');
const versions = require('./lib/versions');
const path = require('path');
const told = (text, wanted) => expect(`what the status table says of ${wanted}`, 'equal', status.told(text) === wanted ? [] : [status.told(text)]);
told(`nopsy stack 8661 --exe ${versions.binary('4.9.1')} --json: exit status 3`, 'nopsy stack PID --exe NODE --json: exit status 3');
told(`nopsy print ${path.join(require('os').tmpdir(), 'nopsy-e2e-MDEpBW')}/core 0x1: exit status 1`, 'nopsy print TMP/core 0x1: exit status 1');
told('11582  frame 1 total at makeErrors (/some/where/tests/fixtures/values.js:1:2)\nmore', 'PID  frame 1 total at makeErrors (tests/fixtures/values.js:1:2)');
require('./lib/snapshot_selftest')(expect);
process.stdout.write(`1..${count}\n`);
