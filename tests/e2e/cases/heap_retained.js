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

async function checkChain(t) {
  const { name, count, each } = t.truth.chain;
  const list = await instances(t, name);
  const objects = rows(await t.json('retained', '--class', name), 'objects', 'groups');
  const most = Math.max(0, ...objects.map((r) => r.retained_bytes || 0));
  if (list.length < count) t.fail(`${name}: ${list.length} instances`);
  if (!(most >= count * each[0] && most <= count * each[1])) t.fail(`${name}: the head retains ${most}, wanted ${count * each[0]} to ${count * each[1]}`);
}

async function checkBiggest(t) {
  const answer = await t.json('retained');
  const list = rows(answer, 'objects', 'groups');
  for (let i = 1; i < list.length; i++) {
    if (list[i].retained_bytes > list[i - 1].retained_bytes) {
      t.fail(`retained: the rows are not sorted: ${short(list.slice(i - 1, i + 1))}`);
      break;
    }
  }
  const text = JSON.stringify(answer || {});
  if (!/Retained/.test(text)) t.fail(`retained: none of the big ones is told: ${short(list.slice(0, 8))}`);
  const groups = rows(await t.json('objects', '--class', 'RetainedList'), 'groups').filter((g) => g.class === 'RetainedList');
  if (!groups.some((g) => g.retained_bytes >= 500000)) t.fail(`objects --class RetainedList: retained_bytes is ${short(groups)}`);
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
    if (mine !== theirs) t.fail(`${wanted.name}: retains ${mine}, V8's snapshot says ${theirs}`);
  }
}

module.exports = [
  { name: 'heap/retained', args: () => ['spin'], quick: some, check: async (t) => {
    await checkKnown(t);
    await checkBiggest(t);
  } },
  { name: 'heap/retained/chain', args: () => ['spin'], quick: modern, check: checkChain },
  { name: 'heap/retained/v8', args: () => ['snapshot'], from: 800, core: 'self', modes: ['core'], quick: latest, check: checkAgainstV8 },
].map((c) => ({ feature: 'retained sizes', fixture: 'heap-retained.js', flags, modes: ['live', 'core'], ...c }));
