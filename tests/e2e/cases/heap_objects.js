'use strict';
/* `nopsy objects`: the census by class and shape, alive and dead. */
const path = require('path');
const { short } = require('../lib/compare');
const { HeapSnapshot } = require('../lib/heapsnapshot');
const { batch, countMatches, flags, groupsOf, instances, modern, NO_ORACLE, some, sum } = require('../lib/heap');

const ofClass = (groups, name) => groups.filter((g) => g.class === name);

/* The class that a group of instances has: since Node 18 V8 names all subclasses, and nopsy may before. */
function countOf(groups, c) {
  const own = sum(ofClass(groups, c.name), 'count');
  return own || !c.builtin ? own : c.live && sum(ofClass(groups, c.builtin), 'count') >= c.live ? c.live : 0;
}

function checkTotal(t, answer, groups, what) {
  const total = answer && answer.total;
  if (!total) {
    t.fail(`${what}: no total`);
    return;
  }
  // Memory outside of the heap has bytes and is no object.
  const wanted = { count: sum(groups.filter((g) => g.class !== '(external memory)'), 'count'), self_bytes: sum(groups, 'self_bytes') };
  for (const name of Object.keys(wanted)) {
    if (total[name] !== wanted[name]) t.fail(`${what}: total.${name} is ${total[name]}, the groups add up to ${wanted[name]}`);
  }
}

function checkCounts(t, groups, wanted, what) {
  for (const c of t.truth.classes) {
    const got = countOf(groups, c);
    if (!countMatches(wanted(c), got)) t.fail(`${what}: expected ${wanted(c)} ${c.name}, got ${got}`);
  }
}

const isShape = (g, shape) => JSON.stringify(g.shape) === JSON.stringify(shape);

function checkShape(t, c, [shape, count], all, filtered) {
  const groups = groupsOf(t, all, `objects --class ${c.name}`);
  const got = sum(groups.filter((g) => g.class === c.name && isShape(g, shape)), 'count');
  if (got !== count) t.fail(`${c.name}: expected ${count} of the shape ${shape}, got ${got} among ${short(groups.map((g) => [g.shape, g.count]))}`);
  const alike = groupsOf(t, filtered, `objects --shape ${shape}`);
  if (!alike.some((g) => isShape(g, shape) && g.count === count)) {
    t.fail(`objects --class ${c.name} --shape ${shape}: expected ${count}, got ${short(alike.map((g) => [g.shape, g.count]))}`);
  }
  const stray = alike.find((g) => !shape.every((name) => (g.shape || []).includes(name)));
  if (stray) t.fail(`objects --shape ${shape}: an answer has the shape ${stray.shape}`);
}

async function checkShapes(t, classes) {
  const wanted = classes.flatMap((c) => c.shapes.map((s) => [c, s]));
  const answers = await batch(t, wanted.flatMap(([c, [shape]]) => [`objects --class ${c.name}`, `objects --class ${c.name} --shape ${shape.join(',')}`]));
  wanted.forEach(([c, shape], i) => checkShape(t, c, shape, answers[2 * i], answers[2 * i + 1]));
}

async function checkProperties(t, wanted) {
  const answers = await batch(t, wanted.map((p) => `objects --property ${p.name}`));
  wanted.forEach((p, i) => {
    const groups = groupsOf(t, answers[i], `objects --property ${p.name}`);
    if (sum(groups, 'count') !== p.count) t.fail(`objects --property ${p.name}: expected ${p.count}, got ${short(groups.map((g) => [g.class, g.count]))}`);
    for (const [name, count] of Object.entries(p.byClass)) {
      const got = sum(ofClass(groups, name), 'count');
      if (got !== count) t.fail(`objects --property ${p.name}: expected ${count} ${name}, got ${got}`);
    }
  });
}

/* The addresses of instances are what their class says, and lead to objects whose properties are known. */
async function checkInstances(t) {
  const list = await instances(t, 'CensusKept');
  if (!countMatches(1000, list.length)) t.fail(`objects --class CensusKept --instances: ${list.length} addresses`);
  if (!list.length) return;
  const shown = await t.json('print', ...list, '--depth', '1');
  const values = (Array.isArray(shown) ? shown : []).filter((v) => (v.properties || []).some((p) => p.name === 'label'));
  const ids = new Set(values.map((v) => (v.properties.find((p) => p.name === 'id') || { value: {} }).value.value));
  if (values.some((v) => v.class !== 'CensusKept')) t.fail('print of the instances: another class');
  for (let id = 0; id < 1000; id++) if (!ids.has(id)) return t.fail(`no instance has the id ${id}`);
  const single = groupsOf(t, await t.json('objects', '--class', 'CensusSingle'), 'CensusSingle');
  const one = await instances(t, 'CensusSingle');
  if (!single.some((g) => one.includes(g.example))) t.fail(`CensusSingle: the example ${short(single)} is not among ${one}`);
}

async function checkLimits(t) {
  const many = groupsOf(t, await t.json('objects', '--min-count', '20000'), 'objects --min-count 20000');
  if (!many.some((g) => g.class === 'CensusChain') || many.some((g) => g.count < 20000)) t.fail(`--min-count 20000: ${short(many)}`);
  const big = groupsOf(t, await t.json('objects', '--min-bytes', '100000'), 'objects --min-bytes 100000');
  if (!big.some((g) => g.class === 'CensusChain') || big.some((g) => g.self_bytes < 100000)) t.fail(`--min-bytes 100000: ${short(big)}`);
  // Nothing of that name is an answer too.
  const none = groupsOf(t, await t.json('objects', '--class', 'NoSuchClassHere'), 'objects --class NoSuchClassHere');
  if (none.length) t.fail(`objects --class NoSuchClassHere: ${short(none)}`);
}

async function checkCensus(t) {
  const answer = await t.json('objects');
  const live = groupsOf(t, answer, 'objects');
  checkTotal(t, answer, live, 'objects');
  checkCounts(t, live, (c) => c.live, 'live objects');
  const whole = await t.json('objects', '--all');
  const all = groupsOf(t, whole, 'objects --all');
  checkTotal(t, whole, all, 'objects --all');
  checkCounts(t, all, (c) => c.live + c.garbage, 'objects --all');
  if (answer && whole && !(whole.total.count >= answer.total.count)) t.fail(`--all counts ${whole.total.count}, without it ${answer.total.count}`);
  // Everything is counted: strings, arrays, code and maps too.
  for (const [name, pattern] of [['strings', /string/i], ['arrays', /FixedArray|array|elements/i], ['maps', /^(Map|map|system \/ Map|\(map\))/], ['code', /code|bytecode/i]]) {
    if (!live.some((g) => pattern.test(g.class))) t.fail(`objects: no class of ${name}`);
  }
  const text = await t.run(['objects', t.spec]);
  if (!/CensusKept/.test(text.stdout) || !text.stdout.includes('1000')) t.fail('objects as text: no line of CensusKept with 1000');
  // What share of the heap was parsed is always told.
  if (!/pars|%|cover/i.test(text.stdout + text.stderr)) t.fail('objects as text: does not say how much of the heap was parsed');
}

/* Counts and sizes by class as V8's own snapshot of the same process has them. */
async function checkAgainstV8(t) {
  const s = HeapSnapshot.load(path.join(t.dir, 'v8.heapsnapshot'));
  const theirs = new Map();
  for (let i = 0; i < s.count; i++) {
    if (s.typeName(i) !== 'object' || s.nameOf(i) === 'system / Context') continue;
    const one = theirs.get(s.nameOf(i)) || { count: 0, self: 0 };
    theirs.set(s.nameOf(i), { count: one.count + 1, self: one.self + s.self[i] });
  }
  const groups = groupsOf(t, await t.json('objects', '--by', 'class'), 'objects --by class');
  let equal = 0;
  let all = 0;
  for (const [name, one] of theirs) {
    const [count, self] = [sum(ofClass(groups, name), 'count'), sum(ofClass(groups, name), 'self_bytes')];
    all++;
    if (count === one.count && self === one.self) equal++;
    else if (name.startsWith('Oracle')) t.fail(`${name}: ${one.count} of ${one.self} bytes for V8, ${count} of ${self} for nopsy`);
  }
  t.notes.push(`${equal} of V8's ${all} classes of objects are equal in count and bytes`);
  if (equal < all * 0.85) t.fail(`only ${equal} of V8's ${all} classes of objects are equal in count and bytes`);
}

const cases = [{
  name: 'heap/objects', fixture: 'heap-census.js', args: () => ['spin'], quick: some,
  explained: [{ name: 'pages that were evacuated and not yet swept hold the old copies', when: (t) => t.number === 12,
    match: /^objects --all: expected \d+ Census(Shaped|Dictionary)/ }],
  check: async (t) => {
    await checkCensus(t);
    await checkInstances(t);
  },
}, {
  name: 'heap/objects/filters', fixture: 'heap-census.js', args: () => ['spin'], quick: some,
  check: async (t) => {
    await checkShapes(t, t.truth.classes.filter((c) => c.shapes));
    await checkProperties(t, t.truth.properties);
    await checkLimits(t);
  },
}, {
  name: 'heap/objects/es6', fixture: 'heap-census-es6.js', from: 600, args: () => ['spin'], quick: modern,
  explained: [{ name: 'an object in C++ holds the context, and nothing tells that it is dead itself', when: (t) => t.number >= 2300,
    match: /^live objects: expected 0 CensusOfDropped/ }],
  check: async (t) => {
    const live = groupsOf(t, await t.json('objects'), 'objects');
    checkCounts(t, live, (c) => c.live, 'live objects');
    checkCounts(t, groupsOf(t, await t.json('objects', '--all'), 'objects --all'), (c) => c.live + c.garbage, 'objects --all');
  },
}, {
  name: 'heap/objects/idle', fixture: 'heap-census.js', args: () => ['wait'], quick: () => false,
  check: async (t) => {
    // Without a stack, everything must be found alive through the global object.
    checkCounts(t, groupsOf(t, await t.json('objects'), 'objects'), (c) => c.live, 'live objects');
  },
}, {
  name: 'heap/objects/v8', fixture: 'heap-oracle.js', from: 800, except: NO_ORACLE, args: () => ['plain', 'snapshot'], core: 'self', modes: ['core'], quick: modern,
  check: checkAgainstV8,
}, {
  name: 'heap/shell', fixture: 'heap-census.js', args: () => ['spin'], quick: modern,
  check: async (t) => {
    const lines = async (command) => {
      const result = await t.run(['shell', t.spec, '-c', command]);
      return result.stdout.split('\n').filter((l) => l.trim());
    };
    const census = await lines('::findjsobjects');
    const kept = census.find((l) => /\bCensusKept\b/.test(l));
    if (!kept || !/\b1000\b/.test(kept)) t.fail(`::findjsobjects: the line of CensusKept is ${kept}`);
    const [one] = (await instances(t, 'CensusSingle'));
    const found = await lines('::findjsobjects -c CensusSingle');
    if (!one || !found.join('\n').includes(one.slice(2))) t.fail(`::findjsobjects -c CensusSingle: ${found} is without ${one}`);
    const byProperty = await lines('::findjsobjects -p gamma');
    if (!byProperty.length) t.fail('::findjsobjects -p gamma: nothing');
    const printed = await lines('::findjsobjects -c CensusSingle | ::jsprint');
    if (!/only.*true/.test(printed.join(' '))) t.fail(`::findjsobjects -c CensusSingle | ::jsprint: ${short(printed)}`);
    const alike = await lines(`${(await instances(t, 'CensusKept'))[5]}::findjsobjects -l`);
    if (alike.length < 1000) t.fail(`ADDR::findjsobjects -l: ${alike.length} lines, wanted 1000`);
  },
}].map((c) => ({ feature: 'heap census', modes: ['live', 'gcore', 'core'], flags, ...c }));

module.exports = cases;
