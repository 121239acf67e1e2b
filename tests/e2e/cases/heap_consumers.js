'use strict';
/*
 * The snapshots of nopsy in the programs of others: Chrome DevTools' loader
 * computes sizes and distances from them, memlab finds the leak.  The packages
 * are those of tools/fetch-npm.
 */
const fs = require('fs');
const os = require('os');
const path = require('path');
const { short } = require('../lib/compare');
const { HeapSnapshot } = require('../lib/heapsnapshot');
const { flags, latest, NO_ORACLE } = require('../lib/heap');
const { SkipError, must } = require('../lib/target');
const versions = require('../lib/versions');

const NPM = process.env.NOPSY_NPM_CACHE || path.join(os.homedir(), '.cache/nopsy/npm');

/* What a consumer says of a file. */
async function consumer(name, file, classes, packageName) {
  if (!fs.existsSync(path.join(NPM, 'node_modules', packageName))) {
    throw new SkipError(`${packageName} is not in the npm cache: run tools/fetch-npm`);
  }
  const node = versions.binary(versions.list('versions').find((v) => versions.matches(v, '24')));
  const script = path.join(versions.TESTS, 'e2e/lib', `consumer_${name}.js`);
  const said = await must(node, ['--max-old-space-size=4096', script, NPM, file, ...classes]);
  return JSON.parse(said.slice(said.lastIndexOf('\n{') + 1));
}

const devtools = (file, classes) => consumer('devtools', file, classes, 'chrome-devtools-frontend');
const memlab = (file, classes) => consumer('memlab', file, classes, '@memlab/core');

async function written(t) {
  const file = path.join(t.dir, 'ours.heapsnapshot');
  await t.run(['snapshot', t.spec, '-o', file]);
  if (fs.existsSync(file)) return file;
  t.fail('no snapshot was written');
  return null;
}

/* Self sizes are not compared: DevTools adds those of arrays that only one object has. */
function compareWithDevtools(t, s, told, classes) {
  const byId = new Map();
  for (let i = 0; i < s.count; i++) byId.set(s.id[i], i);
  const [retained, distance] = [s.retainedSizes(), s.distances()];
  for (const name of classes) {
    const wrong = told.classes[name].filter((n) => retained[byId.get(n.id)] !== n.retained || distance[byId.get(n.id)] !== n.distance);
    if (!told.classes[name].length) t.fail(`DevTools: no ${name}`);
    if (wrong.length) {
      const i = byId.get(wrong[0].id);
      t.fail(`${name}: DevTools computes ${short(wrong[0])}, the test's loader ${retained[i]} bytes and the distance ${distance[i]}, ${wrong.length} times`);
    }
  }
  const total = s.self.reduce((a, b) => a + b, 0);
  if (told.total !== total) t.fail(`DevTools: ${told.total} bytes in all, the nodes have ${total}`);
  if (told.nodes !== s.count) t.fail(`DevTools: ${told.nodes} nodes of ${s.count}`);
}

const ORACLE = ['OracleRoot', 'OraclePoint', 'OracleMixed', 'OracleTree', 'OracleOld', 'Object', 'Array', 'Map', 'WeakMap', 'Promise'];

/* The loader of the tests is no better than its rules: DevTools' own answers on V8's snapshot. */
async function checkLoader(t) {
  const file = path.join(t.dir, 'v8.heapsnapshot');
  compareWithDevtools(t, HeapSnapshot.load(file), await devtools(file, ORACLE), ORACLE);
}

/*
 * DevTools on nopsy's snapshot and on V8's of the same process.  Up to Node 20
 * V8 told maps as hidden nodes, whose sizes DevTools adds to their owner's; up
 * to 16 its own objects had other references, and so others retain them.
 */
async function checkDevtools(t) {
  const file = await written(t);
  if (!file) return;
  const ours = await devtools(file, ORACLE);
  const theirs = await devtools(path.join(t.dir, 'v8.heapsnapshot'), ORACLE);
  compareWithDevtools(t, HeapSnapshot.load(file), ours, ORACLE);
  if (ours.problems.length > theirs.problems.length) t.fail(`DevTools has a problem: ${ours.problems[0]}`);
  for (const name of ORACLE.filter((n) => n.startsWith('Oracle'))) {
    const size = (n) => `${t.number >= 2200 ? n.self : '-'}/${t.number >= 1800 ? n.retained : '-'}@${n.distance}`;
    const sizes = (told) => told.classes[name].map(size).sort().join(' ');
    if (sizes(ours) !== sizes(theirs)) t.fail(`${name}: self/retained@distance in DevTools of nopsy's file ${short(sizes(ours))}, of V8's ${short(sizes(theirs))}`);
  }
}

async function checkMemlab(t) {
  const file = await written(t);
  if (!file) return;
  const told = await memlab(file, ['LeakRegistry', 'LeakSession']);
  const registry = told.classes.LeakRegistry.sort((a, b) => b.retained - a.retained)[0];
  const { least } = t.truth.leak;
  if (!registry || !(registry.retained >= least)) t.fail(`memlab: LeakRegistry retains ${short(registry)}, wanted at least ${least}`);
  const sessions = told.classes.LeakSession;
  if (sessions.length < t.truth.leak.count) t.fail(`memlab: ${sessions.length} LeakSession of ${t.truth.leak.count}`);
  const astray = sessions.filter((s) => !s.path.includes('cahce'));
  if (astray.length > 1) t.fail(`memlab: ${astray.length} LeakSession have a path without "cahce", for instance ${short(astray[0])}`);
}

module.exports = [
  { name: 'heap/consumers/loader', fixture: 'heap-oracle.js', except: NO_ORACLE, args: () => ['plain', 'snapshot'], core: 'self', from: 1000, check: checkLoader },
  { name: 'heap/consumers/devtools', fixture: 'heap-oracle.js', except: NO_ORACLE, args: () => ['plain', 'snapshot'], core: 'self', from: 1000, check: checkDevtools },
  { name: 'heap/consumers/memlab', fixture: 'heap-leaks.js', args: () => ['typo', 'spin'], check: checkMemlab },
].map((c) => ({ feature: 'DevTools and memlab', flags, modes: ['core'], quick: latest, ...c }));
