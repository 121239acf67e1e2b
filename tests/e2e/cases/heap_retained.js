'use strict';
/* `nopsy retained`: what objects and classes cost; content of a known size, and V8's own sizes. */
const path = require('path');
const { short } = require('../lib/compare');
const { HeapSnapshot } = require('../lib/heapsnapshot');
const { batch, flags, instances, instancesOf, latest, modern, rows, some } = require('../lib/heap');

/* class -> retained sizes of its instances, each asked for by its address. */
async function sizesOf(t, names) {
  const found = await instancesOf(t, names);
  const addresses = [...found.values()].flat();
  const answers = await batch(t, addresses.map((address) => `retained ${address}`));
  const sizes = new Map(addresses.map((address, i) => {
    const answer = answers[i];
    const row = rows(answer, 'objects').find((r) => r.address === address) || (answer && answer.address === address ? answer : null);
    if (answer && (!row || !(row.retained_bytes >= row.self_bytes))) t.fail(`retained ${address}: ${short(answer)}`);
    return [address, row ? row.retained_bytes : 0];
  }));
  return new Map(names.map((name) => [name, found.get(name).map((address) => sizes.get(address))]));
}

async function checkKnown(t) {
  const all = await sizesOf(t, t.truth.retained.map((r) => r.name));
  for (const wanted of t.truth.retained) {
    const sizes = all.get(wanted.name);
    if (!sizes.some((n) => n >= wanted.least && n <= wanted.most)) {
      t.fail(`${wanted.name}: retains ${sizes.join(' ') || 'nothing'}, wanted ${wanted.least} to ${wanted.most}`);
    }
  }
}

/* A class as a whole, here a list whose head retains all the others. */
async function checkChain(t) {
  const { name, count, each } = t.truth.chain;
  const groups = rows(await t.json('objects', '--class', name), 'groups').filter((g) => g.class === name);
  const all = groups.reduce((n, g) => n + (g.retained_bytes || 0), 0);
  if (!(all >= count * each[0] && all <= count * each[1])) t.fail(`objects: all ${name} retain ${all}, wanted ${count * each[0]} to ${count * each[1]}`);
  const tree = rows(await t.json('retained'), 'objects');
  const head = tree.find((r) => r.class === name);
  if (!head || !(head.retained_bytes >= count * each[0] && head.retained_bytes <= count * each[1])) {
    t.fail(`retained: the head of the list is ${short(head)}, wanted ${count * each[0]} to ${count * each[1]}`);
  }
}

/* The tree: siblings by size, none more than what holds it; the big ones of the fixture are in it, and what holds them. */
function checkTree(t, tree) {
  const above = [];
  const before = [];
  for (const row of tree) {
    const depth = row.depth || 0;
    const held = depth > 0 && above[depth - 1];
    if (held && row.retained_bytes > held.retained_bytes) t.fail(`retained: ${short(row)} is more than what holds it, ${short(held)}`);
    if (before[depth] && row.retained_bytes > before[depth].retained_bytes) t.fail(`retained: ${short(row)} comes after ${short(before[depth])}`);
    above[depth] = before[depth] = row;
    before.length = depth + 1;
  }
}

async function checkBiggest(t) {
  const tree = rows(await t.json('retained'), 'objects');
  checkTree(t, tree);
  const first = tree.map((r) => r.class).filter((name, i, all) => t.truth.order.includes(name) && all.indexOf(name) === i);
  if (first.join() !== t.truth.order.join()) t.fail(`retained: expected ${t.truth.order} in this order, got ${first}`);
  const text = await t.run(['retained', t.spec]);
  if (!/RetainedExternal/.test(text.stdout)) t.fail(`retained as text: no RetainedExternal: ${short(text.stdout)}`);
}

/* Sizes by class as DevTools computes them from V8's snapshot of the same heap. */
async function checkAgainstV8(t) {
  const s = HeapSnapshot.load(path.join(t.dir, 'v8.heapsnapshot'));
  const retained = s.retainedSizes();
  const all = await sizesOf(t, t.truth.retained.map((r) => r.name));
  for (const wanted of t.truth.retained) {
    if (wanted.external === 'string' && t.number < 2400) continue; // V8 does not count them there
    const theirs = s.find('object', wanted.name).map((i) => retained[i]).sort((a, b) => b - a)[0];
    const mine = all.get(wanted.name).sort((a, b) => b - a)[0];
    // Some of V8's own objects (code, feedback, shapes) hold others weakly for nopsy that V8's snapshot calls strong, and the other way round.
    if (mine !== theirs) t.notes.push(`${wanted.name}: retains ${mine}, V8's snapshot says ${theirs}`);
    if (!(Math.abs(mine - theirs) <= 1500)) t.fail(`${wanted.name}: retains ${mine}, V8's snapshot says ${theirs}`);
  }
}

module.exports = [
  { name: 'heap/retained', args: () => ['spin'], quick: some,
    explained: [{ name: 'V8 keeps functions in the map of their object there', when: (t) => t.number <= 12, match: /^RetainedClosure: / }], check: async (t) => {
    await checkKnown(t);
    await checkBiggest(t);
  } },
  { name: 'heap/retained/chain', args: () => ['spin'], quick: modern, check: checkChain },
  { name: 'heap/retained/v8', args: () => ['snapshot'], from: 800, core: 'self', modes: ['core'], quick: latest,
    explained: [{ name: 'V8 5.8 counts stubs of machine code to the one function that uses them', when: (t) => t.number === 800, match: /^RetainedList: / }],
    check: checkAgainstV8 },
].map((c) => ({ feature: 'retained sizes', fixture: 'heap-retained.js', flags, modes: ['live', 'core'], ...c }));
