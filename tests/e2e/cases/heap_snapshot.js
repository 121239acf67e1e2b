'use strict';
/* `nopsy snapshot`: the rules of the format, and V8's own snapshot of the same stopped process. */
const fs = require('fs');
const path = require('path');
const { short } = require('../lib/compare');
const { HeapSnapshot, formatProblems } = require('../lib/heapsnapshot');
const { compare, explanations, unexplained } = require('../lib/snapshot_compare');
const { countMatches, flags, modern, NO_ORACLE, some } = require('../lib/heap');

/* Writes a snapshot; null (then diffs tells) when there is none. */
async function snapshotOf(t, file, ...more) {
  const result = await t.run(['snapshot', t.spec, '-o', file, ...more]);
  if (!fs.existsSync(file)) {
    if (result.status === 0) t.fail(`snapshot -o ${path.basename(file)}: no such file`);
    return null;
  }
  const { mode } = fs.statSync(file);
  if ((mode & 0o777) !== 0o600) t.fail(`the snapshot's mode is ${(mode & 0o777).toString(8)}`);
  try {
    return HeapSnapshot.load(file);
  } catch (e) {
    t.fail(`the snapshot is not readable: ${e.message}`);
    return null;
  }
}

async function checkFormat(t) {
  const s = await snapshotOf(t, path.join(t.dir, `${t.mode}.heapsnapshot`));
  if (!s) return;
  t.diffs.push(...formatProblems(s.raw));
  t.notes.push(`${s.count} nodes, ${s.edgeCount} edges`);
  for (const c of t.truth.classes) {
    const count = s.find('object', c.name).length;
    if (!countMatches(c.live, count)) t.fail(`the snapshot has ${count} ${c.name}, the fixture ${c.live}`);
  }
  // DevTools finds the user's objects: from the root's shortcut, near the global object.
  const distances = s.distances();
  const [single] = s.find('object', 'CensusSingle').filter((i) => s.path(i));
  if (single === undefined) t.fail('no CensusSingle that the root leads to');
  else if (distances[single] > 10) t.fail(`the distance of CensusSingle is ${distances[single]}`);
  const retained = s.retainedSizes()[0];
  const all = s.self.reduce((a, b) => a + b, 0);
  if (retained !== all) t.fail(`the root retains ${retained} of ${all} bytes`);
  if (!s.raw.locations.length) t.fail('no locations');
}

async function checkRedacted(t) {
  const file = path.join(t.dir, 'redacted.heapsnapshot');
  const s = await snapshotOf(t, file, '--redact');
  if (!s) return;
  t.diffs.push(...formatProblems(s.raw));
  const secret = s.strings.find((text) => text.startsWith('find-me-by-content') || text.startsWith('the-longest-string'));
  if (secret) t.fail(`--redact: the snapshot has the string ${short(secret)}`);
  if (!s.find('closure', 'findHandler').length) t.fail('--redact: the names of functions are gone');
}

async function checkStreams(t) {
  const folder = fs.mkdtempSync(path.join(t.dir, 'streamed-'));
  const file = path.join(folder, 'x.heapsnapshot');
  await t.run(['snapshot', t.spec, '-o', file]);
  const other = await t.run(['snapshot', t.spec, '-o', '-']);
  if (other.stdout !== fs.readFileSync(file, 'utf8')) t.fail('snapshot -o - differs from the file');
  const left = fs.readdirSync(folder);
  if (left.length !== 1) t.fail(`snapshot leaves ${left}`);
  const nowhere = await t.run(['snapshot', t.spec, '-o', path.join(t.dir, 'no/such/dir/x')], { status: 1 });
  if (!nowhere.stderr.includes('no/such/dir')) t.fail(`snapshot into no directory: ${short(nowhere.stderr)}`);
}

/* Of the first releases and 17.9: V8 comes to objects through more objects in C++ (distances), or by more ways that are told alike (pairs). */
const LESS = { 800: { least: 0.5, distances: 0.95 }, 900: { least: 0.5 }, 1000: { least: 0.5 }, 1200: { distances: 0.65 }, 1709: { least: 0.85 },
  1800: { least: 0.85 } };

/*
 * What must be equal at least.  Distances and retained sizes hang together: one
 * reference that only one side has changes those of many.  So they are held to
 * a share of the sample, and from Node 18 on those of the fixture's own classes
 * to V8's each.  Up to Node 16 V8's own objects had other references.
 */
function demands(number) {
  if (number >= 1800) return { least: 0.95, distances: 0.98, retained: 0.998, ...LESS[number] };
  const wanted = number >= 1200 ? { least: 0.9, distances: 0.99, retained: 0.99 } : { least: 0.55, distances: 0.97, retained: 0.94 };
  return { ...wanted, ...LESS[number] };
}

function holdShares(t, found, stats, wanted) {
  for (const [name, equal, share] of [['distances', stats.equalDistance, wanted.distances], ['retained sizes', stats.equalRetained, wanted.retained]]) {
    if (equal < stats.sampled * share) t.fail(`only ${equal} of ${stats.sampled} ${name} are V8's`);
  }
  return found.filter((line) => !/^(distance|retained) /.test(line) || (t.number >= 1800 && /^\w+ object Oracle/.test(line)));
}

async function checkAgainstV8(t) {
  const v8 = HeapSnapshot.load(path.join(t.dir, 'v8.heapsnapshot'));
  const ours = await snapshotOf(t, path.join(t.dir, 'ours.heapsnapshot'));
  if (!ours) return;
  t.diffs.push(...formatProblems(ours.raw));
  const wanted = demands(t.number);
  if (t.truth.variant === 'context') {
    wanted.distances -= 0.03; // the other context is nearer through objects in C++
    wanted.least -= 0.03; // of what both contexts have two are alike
  }
  // nopsy writes the kinds and names of Node 26 on all versions; up to 22 V8 had other ones for its own objects.
  const { found, stats } = compare(v8, ours, { sample: 10000, seed: t.number, least: wanted.least, onlyJavascript: t.number < 2400 });
  const left = unexplained(holdShares(t, found, stats, wanted), explanations(t.version));
  t.notes.push(`${found.length} kinds of differences, ${left.length} without explanation; ${JSON.stringify(stats)}`);
  fs.writeFileSync(path.join(t.dir, 'differences.txt'), left.join('\n')); // all of them, for --keep
  t.diffs.push(...left);
}

module.exports = [
  { name: 'heap/snapshot', fixture: 'heap-census.js', args: () => ['spin'], modes: ['live', 'gcore', 'core'], quick: some, check: checkFormat },
  { name: 'heap/snapshot/idle', fixture: 'heap-census.js', args: () => ['wait'], modes: ['live', 'core'], quick: () => false, check: checkFormat },
  { name: 'heap/snapshot/output', fixture: 'heap-find.js', args: () => ['spin'], modes: ['core'], quick: (n) => n === 2421, check: async (t) => {
    await checkRedacted(t);
    await checkStreams(t);
  } },
  { name: 'heap/snapshot/v8', fixture: 'heap-oracle.js', from: 800, except: NO_ORACLE, args: () => ['plain', 'snapshot'], core: 'self',
    modes: ['core'], quick: modern, check: checkAgainstV8 },
  { name: 'heap/snapshot/context', fixture: 'heap-oracle.js', from: 800, except: NO_ORACLE, args: () => ['context', 'snapshot'], core: 'self',
    modes: ['core'], quick: () => false, check: checkAgainstV8 },
].map((c) => ({ feature: 'snapshot', flags, ...c }));
