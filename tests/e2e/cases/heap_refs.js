'use strict';
/* `nopsy refs` and `nopsy path`: who holds an object, by every kind of reference. */
const { short } = require('../lib/compare');
const { ADDRESS, flags, instances, latest, modern, pathHas, shownPath, some, stepMatches } = require('../lib/heap');

const EDGES = new Set(['property', 'element', 'context', 'internal', 'key', 'value', 'weak']);

async function referrers(t, address, ...more) {
  const answer = await t.json('refs', address, ...more);
  const list = answer && answer.referrers;
  if (!Array.isArray(list)) {
    if (answer) t.fail(`refs ${address}: ${short(answer)}`);
    return [];
  }
  for (const r of list) {
    if (!ADDRESS.test(r.address || '') || typeof r.class !== 'string' || !EDGES.has(r.edge)) t.fail(`refs ${address}: a referrer is ${short(r)}`);
  }
  return list;
}

async function paths(t, address, ...more) {
  const answer = await t.json('path', address, ...more);
  const list = answer && answer.paths;
  if (!Array.isArray(list)) {
    if (answer) t.fail(`path ${address}: ${short(answer)}`);
    return [];
  }
  for (const p of list) {
    if (typeof p.root !== 'string' || !p.root) t.fail(`path ${address}: root is ${short(p.root)}`);
    if (!Array.isArray(p.steps) || !p.steps.length) {
      t.fail(`path ${address}: no steps in ${short(p)}`);
      p.steps = [];
      continue;
    }
    if (p.steps[p.steps.length - 1].address !== address) t.fail(`path ${address}: ends at ${short(p.steps[p.steps.length - 1])}`);
    const weak = p.steps.find((s) => s.edge === 'weak');
    if (weak) t.fail(`path ${address}: a weak edge in ${shownPath(p.steps)}`);
  }
  return list;
}

/* A referrer of a path is one that `refs` tells, too. */
async function checkLastStep(t, ref, address, list, path) {
  const holder = path.steps[path.steps.length - 2];
  if (!holder) return;
  if (!list.some((r) => r.address === holder.address || r.class === holder.class)) {
    t.fail(`${ref.name}: the path's last holder ${short(holder)} is not among the referrers ${short(list)}`);
  }
}

async function checkRef(t, ref) {
  const found = await instances(t, ref.name);
  // Of a constructor's prototype object nothing is stated; what is held lies last in the path.
  const answers = [];
  for (const address of found) {
    const list = await referrers(t, address);
    answers.push({ address, list, paths: await paths(t, address) });
  }
  const is = (a) => ref.referrers.every((wanted) => a.list.some((r) => stepMatches(wanted, r)));
  const one = answers.find((a) => is(a) && a.paths.some((p) => pathHas(ref.path, p.steps)));
  if (one) {
    await checkLastStep(t, ref, one.address, one.list, one.paths[0]);
    return;
  }
  if (!answers.length) t.fail(`${ref.name}: no live instance`);
  for (const a of answers) {
    for (const wanted of ref.referrers) {
      if (!a.list.some((r) => stepMatches(wanted, r))) t.fail(`${ref.name}: ${JSON.stringify(wanted)} is not among ${short(a.list.map((r) => [r.class, r.edge, r.name]))}`);
    }
    if (!a.paths.some((p) => pathHas(ref.path, p.steps))) {
      t.fail(`${ref.name}: no path has ${JSON.stringify(ref.path)}:\n${a.paths.map((p) => `${p.root}: ${shownPath(p.steps)}`).join('\n') || 'no path at all'}`);
    }
  }
}

async function checkAll(t) {
  for (const ref of t.truth.refs) await checkRef(t, ref);
}

async function checkUnheld(t) {
  for (const name of t.truth.unheld) {
    const [address] = await instances(t, name, '--all');
    if (!address) {
      t.fail(`${name}: no dropped instance with --all`);
      continue;
    }
    const list = await paths(t, address);
    if (list.length) t.fail(`${name}: garbage has the path ${shownPath(list[0].steps)}`);
  }
}

async function checkCount(t) {
  for (const address of await instances(t, t.truth.twoPaths)) {
    const list = await paths(t, address, '--count', '5');
    const names = new Set(list.flatMap((p) => p.steps.slice(-2, -1).map((s) => s.name)));
    if (list.length < 2 || !names.has('first') || !names.has('second')) continue;
    if (new Set(list.map((p) => JSON.stringify(p.steps.map((s) => s.address)))).size !== list.length) t.fail('path --count 5: a path stands twice');
    if (list.some((p, i) => i && p.steps.length < list[i - 1].steps.length)) t.fail('path --count 5: a shorter path comes later');
    const single = await paths(t, address, '--count', '1');
    if (single.length !== 1) t.fail(`path --count 1: ${single.length} paths`);
    return;
  }
  t.fail(`path --count 5 of ${t.truth.twoPaths}: not both holders' paths`);
}

async function checkTexts(t) {
  const [address] = await instances(t, 'RefByProperty');
  const refs = await t.run(['refs', t.spec, address]);
  if (!/Holder/.test(refs.stdout) || !/held/.test(refs.stdout)) t.fail(`refs as text: ${short(refs.stdout)}`);
  const path = await t.run(['path', t.spec, address]);
  if (!/byProperty/.test(path.stdout) || !/held/.test(path.stdout)) t.fail(`path as text: ${short(path.stdout)}`);
  const wrong = await t.run(['refs', t.spec, '0x10'], { status: [1, 3] });
  if (!wrong.stderr.trim()) t.fail('refs of what is no object: nothing on standard error');
  const alias = await t.run(['shell', t.spec, '-c', `${address}::jsfindrefs`]);
  if (!/held/.test(alias.stdout)) t.fail(`ADDR::jsfindrefs: ${short(alias.stdout)}`);
  const references = await t.run(['shell', t.spec, '-c', `${address}::findjsobjects -r`]);
  if (!/held/.test(references.stdout)) t.fail(`ADDR::findjsobjects -r: ${short(references.stdout)}`);
}

/* Weak references hold nothing: `refs` shows them, `path` does not go along. */
async function checkWeak(t) {
  const [address] = await instances(t, 'RefWeakAndStrong');
  const list = address ? await referrers(t, address) : [];
  if (!list.some((r) => r.edge === 'weak' && r.class === 'WeakRef')) t.fail(`RefWeakAndStrong: no weak referrer among ${short(list)}`);
}

module.exports = [
  { name: 'heap/refs', fixture: 'heap-refs.js', args: () => ['spin'], quick: some, check: async (t) => {
    await checkAll(t);
    await checkUnheld(t);
  } },
  { name: 'heap/refs/idle', fixture: 'heap-refs.js', args: () => ['wait'], quick: () => false, check: checkAll },
  { name: 'heap/path', fixture: 'heap-refs.js', args: () => ['spin'], quick: modern, check: async (t) => {
    await checkCount(t);
    await checkTexts(t);
  } },
  { name: 'heap/refs/es6', fixture: 'heap-refs-es6.js', from: 600, args: () => ['spin'], quick: modern, check: checkAll },
  { name: 'heap/refs/new', fixture: 'heap-refs-new.js', from: 1406, args: () => ['spin'], quick: latest, check: async (t) => {
    await checkAll(t);
    await checkWeak(t);
  } },
].map((c) => ({ feature: 'who holds it', flags, modes: ['live', 'gcore', 'core'], ...c }));
