'use strict';
/* `nopsy refs` and `nopsy path`: who holds an object, by every kind of reference. */
const { short } = require('../lib/compare');
const { ADDRESS, batch, flags, instances, instancesOf, latest, modern, pathHas, shownPath, some, stepMatches } = require('../lib/heap');

const EDGES = new Set(['property', 'element', 'context', 'internal', 'key', 'value', 'weak']);

function referrersIn(t, answer, address) {
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

function pathsIn(t, answer, address) {
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

const paths = async (t, address, ...more) => pathsIn(t, await t.json('path', address, ...more), address);

/* Who holds an object stands in both answers. */
function checkLastStep(t, ref, one) {
  const { steps } = one.paths[0];
  const holder = steps[steps.length - 2];
  if (holder && !one.list.some((r) => r.address === holder.address)) {
    t.fail(`${ref.name}: the path's last holder ${short(holder)} is not among the referrers ${short(one.list)}`);
  }
}

/* answers: of each instance of the class; a prototype object may be one of them, of which nothing is stated. */
function checkRef(t, ref, answers) {
  const is = (a) => ref.referrers.every((wanted) => a.list.some((r) => stepMatches(wanted, r)));
  const one = answers.find((a) => is(a) && a.paths.some((p) => pathHas(ref.path, p.steps)));
  if (one) {
    checkLastStep(t, ref, one);
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
  const found = await instancesOf(t, t.truth.refs.map((ref) => ref.name));
  const addresses = [...found.values()].flat();
  const refs = await batch(t, addresses.map((address) => `refs ${address}`));
  const ways = await batch(t, addresses.map((address) => `path ${address}`));
  const answers = new Map(addresses.map((address, i) =>
    [address, { address, list: referrersIn(t, refs[i], address), paths: pathsIn(t, ways[i], address) }]));
  for (const ref of t.truth.refs) checkRef(t, ref, found.get(ref.name).map((address) => answers.get(address)));
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
  const list = address ? referrersIn(t, await t.json('refs', address), address) : [];
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
