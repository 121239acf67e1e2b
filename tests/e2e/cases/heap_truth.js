'use strict';
/* The statements of the heap fixtures are those of V8: held against its own snapshot of the same process. */
const fs = require('fs');
const path = require('path');
const { HeapSnapshot } = require('../lib/heapsnapshot');
const { compare } = require('../lib/snapshot_compare');
const truth = require('../lib/heap_truth');
const { flags, latest, NO_ORACLE } = require('../lib/heap');

const cases = [['heap-census.js', 800], ['heap-census-es6.js', 800], ['heap-find.js', 800], ['heap-refs.js', 800], ['heap-refs-es6.js', 800],
  ['heap-refs-new.js', 1406], ['heap-retained.js', 800], ['heap-errors.js', 800], ['heap-oracle.js', 800]].map(([fixture, from]) => ({
  name: `heap/truth/${fixture.slice(5, -3)}`, feature: 'truths of the fixtures', fixture, from, except: fixture === 'heap-oracle.js' ? NO_ORACLE : [], flags, args: () => ['plain', 'snapshot'],
  core: 'self', modes: ['core'], quick: latest,
  check: async (t) => {
    const s = HeapSnapshot.load(path.join(t.dir, 'v8.heapsnapshot'));
    truth.check(s, t.truth, t.diffs);
  },
}));

/* Deliberate changes of a real snapshot, which the comparison must see: [what, change(raw), finding]. More are in selftest.js. */
const CHANGES = [
  ['a node has another size', (raw, s, i) => { raw.nodes[i * s.meta.node_fields.length + 3] += 8; }, /^bytes object OraclePoint: /],
  ['an edge leads elsewhere', (raw, s, i) => { raw.edges[3 * s.edges(i).find((e) => s.edgeLabel(e) === '__proto__') + 2] =
    s.find('object', 'OracleRoot')[0] * s.meta.node_fields.length; }, /^(node|edge) object OraclePoint/],
  ['a user root is missing', (raw, s) => {
    for (const e of s.edges(0)) if (s.edgeType[e] === s.SHORTCUT) raw.edges[3 * e] = s.WEAK;
  }, /^(pairs all|distance|retained) /],
];

cases.push({
  name: 'heap/comparison', feature: 'truths of the fixtures', fixture: 'heap-oracle.js', from: 800, except: NO_ORACLE, flags, args: () => ['plain', 'snapshot'],
  core: 'self', modes: ['core'], quick: latest,
  check: async (t) => {
    const text = fs.readFileSync(path.join(t.dir, 'v8.heapsnapshot'), 'utf8');
    const v8 = new HeapSnapshot(JSON.parse(text));
    const options = { sample: 3000, least: t.number < 1200 ? 0.7 : 0.95 };
    const equal = compare(v8, new HeapSnapshot(JSON.parse(text)), options);
    if (equal.found.length) t.fail(`a snapshot differs from itself: ${equal.found.slice(0, 3).join('\n')}`);
    t.notes.push(JSON.stringify(equal.stats));
    const point = v8.find('object', 'OraclePoint')[500];
    for (const [what, change, wanted] of CHANGES) {
      const raw = JSON.parse(text);
      change(raw, v8, point);
      const { found } = compare(v8, new HeapSnapshot(raw), options);
      if (!found.some((line) => wanted.test(line))) t.fail(`${what}: not seen, found ${found.slice(0, 3).join('\n') || 'nothing'}`);
    }
  },
});

module.exports = cases;
