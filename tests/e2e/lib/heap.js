'use strict';
/*
 * What the cases of the heap commands share: reading their answers, and
 * holding them against what the fixtures state (see tests/fixtures/lib/heap.js).
 */
const { short } = require('./compare');

const ADDRESS = /^0x[0-9a-f]+$/;

/* Where the heap is tested in the quick set: few versions, dead only. */
const some = (number, mode) => mode !== 'live' && mode !== 'gcore' && [10, 1222, 2421].includes(number);
const modern = (number, mode) => mode !== 'live' && mode !== 'gcore' && [1222, 2421].includes(number);
const latest = (number, mode) => mode !== 'live' && mode !== 'gcore' && number === 2421;

/* Versions that crash while they write a snapshot of the heap of heap-oracle.js. */
const NO_ORACLE = ['14.0.0'];

/* Fixtures may ask for a collection. */
const flags = () => ['--expose-gc'];

/* The first list of records among the named fields of an answer, or among all. */
function rows(answer, ...names) {
  if (!answer) return [];
  for (const name of names) if (Array.isArray(answer[name])) return answer[name];
  return Object.values(answer).find((v) => Array.isArray(v) && v.every((row) => row && typeof row === 'object')) || [];
}

/* The first field of a record that is there. */
function field(row, ...names) {
  for (const name of names) if (row && row[name] !== undefined && row[name] !== null) return row[name];
  return undefined;
}

function sum(list, name) {
  return list.reduce((total, row) => total + (row[name] || 0), 0);
}

function groupsOf(t, answer, what) {
  if (!answer) return [];
  if (!Array.isArray(answer.groups)) {
    t.fail(`${what}: no groups in ${short(answer)}`);
    return [];
  }
  for (const g of answer.groups) {
    if (typeof g.class !== 'string' || !(g.count > 0) || !(g.self_bytes >= 0)) t.fail(`${what}: a group is ${short(g)}`);
  }
  return answer.groups;
}

/*
 * A class's prototype object may count as one of its instances, as V8 counts some.  Stacks are read word by word: of
 * hundreds that were dropped, a word that was left there may keep one or two.
 */
function countMatches(wanted, got) {
  return wanted === 0 ? got <= 2 : got === wanted || got === wanted + 1;
}

/* Addresses of all instances of a class. */
async function instances(t, name, ...more) {
  const answer = await t.json('objects', '--class', name, '--instances', ...more);
  const list = answer && answer.instances;
  if (!Array.isArray(list) || !list.every((a) => ADDRESS.test(a))) {
    if (answer) t.fail(`objects --class ${name} --instances: ${short(answer)}`);
    return [];
  }
  if (new Set(list).size !== list.length) t.fail(`objects --class ${name} --instances: an address stands twice`);
  return list;
}

/*
 * The answers of many commands without a target, in one shell on one open
 * target; null for a command that has no answer, and diffs tells.
 */
async function batch(t, commands) {
  if (!commands.length) return [];
  const result = await t.run(['shell', t.spec, '-c', commands.map((c) => `${c} --json`).join('; ')], { status: [0, 1, 3], timeout_ms: 120000 });
  const lines = result.stdout.split('\n').filter((l) => l.trim());
  if (lines.length !== commands.length) {
    t.fail(`shell: ${commands.length} commands (${commands.slice(0, 2).join('; ')} ...), ${lines.length} lines of JSON: ${result.stderr.slice(0, 500)}`);
    return commands.map(() => null);
  }
  return lines.map((line) => JSON.parse(line));
}

/* class -> addresses of its instances, for many classes at once. */
async function instancesOf(t, names, ...more) {
  const answers = await batch(t, names.map((name) => ['objects', '--class', name, '--instances', ...more].join(' ')));
  return new Map(names.map((name, i) => [name, (answers[i] && answers[i].instances) || []]));
}

/* A name of the truth: anything, a plain one, or {match}. */
function nameMatches(wanted, got) {
  if (wanted === null || wanted === undefined) return true;
  if (typeof wanted === 'object') return String(got === undefined ? '' : got).includes(wanted.match);
  return String(got) === String(wanted) || String(got) === `[${wanted}]`;
}

function stepMatches([klass, edge, name], step) {
  return (klass === null || step.class === klass) && (edge === null || step.edge === edge) && nameMatches(name, step.name);
}

/* Do these steps stand in the path, in this order? */
function pathHas(wanted, steps) {
  let at = 0;
  for (const step of steps || []) if (at < wanted.length && stepMatches(wanted[at], step)) at++;
  return at === wanted.length;
}

function shownPath(steps) {
  return (steps || []).map((s) => `${s.class}${s.edge ? ` --${s.edge} ${s.name === undefined ? '' : s.name}-->` : ''}`).join(' ');
}

module.exports = { rows, field, sum, groupsOf, batch, countMatches, instances, instancesOf, nameMatches, stepMatches, pathHas, shownPath, some, modern, latest,
  flags, ADDRESS, NO_ORACLE };
