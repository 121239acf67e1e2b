'use strict';
/* `nopsy leaks`: each pattern is found, with its size, its count and the path to it. */
const { short } = require('../lib/compare');
const { flags, pathHas, shownPath } = require('../lib/heap');

function suspectsOf(t, answer) {
  if (!answer || !Array.isArray(answer.suspects)) {
    if (answer) t.fail(`leaks: no suspects in ${short(answer)}`);
    return [];
  }
  for (const s of answer.suspects) {
    if (typeof s.class !== 'string' || !(s.retained_bytes >= 0) || !s.reason) t.fail(`leaks: a suspect is ${short(s)}`);
  }
  return answer.suspects;
}

const told = (s) => `${s.class} ${s.count} ${s.retained_bytes} ${s.reason}: ${shownPath(s.path)}`;

/* V8 adds a few helpers of its own to what a fixture made, and may hold the first function of a kind in a map, too. */
function countIs(wanted, got) {
  return wanted === null || (got >= wanted * 0.99 && got <= wanted * 1.05 + 5);
}

function suspectMatches(leak, s) {
  return (!leak.classes || leak.classes.includes(s.class)) && countIs(leak.count, s.count) &&
    (leak.least === null || s.retained_bytes >= leak.least) && (!leak.path || pathHas(leak.path, s.path));
}

async function checkLeak(t) {
  const answer = await t.json('leaks');
  const suspects = suspectsOf(t, answer);
  const { leak } = t.truth;
  if (leak.none) {
    const blamed = suspects.find((s) => /leakNothing|LeakRequest/.test(JSON.stringify(s)));
    if (blamed) t.fail(`nothing leaks, but ${told(blamed)} is suspected`);
    return;
  }
  const byCollections = leak.least === null; // what a section of its own tells
  if (!byCollections && !suspects.some((s) => suspectMatches(leak, s))) {
    t.fail(`no suspect is one of ${leak.classes} with ${leak.count}, ${leak.least} bytes, ${JSON.stringify(leak.path)}:\n${suspects.slice(0, 6).map(told).join('\n')}`);
  }
  // What everything hangs off is no suspect.
  const first = suspects[0];
  if (!byCollections && first && !suspectMatches(leak, first)) t.fail(`the first suspect is not it: ${told(first)}`);
  const text = JSON.stringify(answer || {});
  for (const word of leak.mentions) if (!new RegExp(word).test(text)) t.fail(`the report does not mention ${word}: ${text.slice(0, 600)}`);
  if (leak.steps) {
    const longest = Math.max(0, ...suspects.map((s) => (s.path || []).length));
    if (longest > leak.steps) t.fail(`a path has ${longest} steps`);
  }
  if (answer) checkSections(t, leak, answer);
  if (t.mode === 'core') await checkCrowds(t, suspects); // a live heap is copied anew
  const people = await t.run(['leaks', t.spec]);
  if (!people.stdout.trim()) t.fail('leaks as text: nothing');
  for (const word of leak.mentions.filter((w) => !w.includes('"'))) if (!new RegExp(word).test(people.stdout)) t.fail(`the report for people does not mention ${word}`);
}

const about = (n, wanted) => n >= wanted * 0.99 && n <= wanted * 1.1;

/* Rows of a section: each has its way from the root, the section or its first row the commands to go on with. */
function sectionRows(t, answer, name) {
  const section = answer[name];
  if (!section || !Array.isArray(section.top) || !section.top.length) {
    t.fail(`the report has no ${name}: ${short(section)}`);
    return [];
  }
  for (const row of section.top) {
    if (!Array.isArray(row.path) || !row.path.length || !row.root) t.fail(`${name}: without a path: ${short(row)}`);
  }
  const commands = [...(section.commands || []), ...(section.top[0].commands || [])];
  if (!commands.length || commands.some((c) => !c.startsWith('nopsy ') || !c.includes(t.spec))) t.fail(`${name}: commands are ${short(commands)}`);
  return section.top;
}

function checkSections(t, leak, answer) {
  if (leak.timers) {
    const rows = sectionRows(t, answer, 'timers');
    const ticks = rows.find((r) => /leakTick|leakLater/.test(r.callback));
    if (!ticks || ticks.count !== leak.timers) t.fail(`of ${leak.timers} timers the report has ${short(rows[0])}`);
  }
  if (leak.listeners) {
    const rows = sectionRows(t, answer, 'listeners');
    if (!rows.some((r) => r.count === leak.listeners && /onLeakData/.test(r.listener))) t.fail(`of ${leak.listeners} listeners the report has ${short(rows[0])}`);
  }
  if (leak.pending) {
    const rows = sectionRows(t, answer, 'promises');
    if (answer.promises && answer.promises.pending < leak.pending) t.fail(`${answer.promises.pending} promises are pending, not ${leak.pending}`);
    // One or two of the program's own may stand in the same place.
    if (!rows.some((r) => r.count >= leak.pending && (r.count <= leak.pending + 2 || r.count % leak.pending === 0))) t.fail(`no ${leak.pending} promises alike: ${short(rows)}`);
  }
  if (leak.buffers) {
    const all = leak.buffers.count * (leak.buffers.slab - leak.buffers.view);
    const rows = sectionRows(t, answer, 'buffers');
    if (answer.buffers && !about(answer.buffers.wasted_bytes, all)) t.fail(`slices of Buffers waste ${answer.buffers.wasted_bytes} bytes, not ${all}`);
    if (rows.length && (rows[0].used_bytes !== leak.buffers.view || rows[0].store_bytes < leak.buffers.slab)) t.fail(`a slice of a Buffer is ${short(rows[0])}`);
  }
  if (leak.slices) {
    const all = leak.slices.count * (leak.slices.parent - leak.slices.slice);
    sectionRows(t, answer, 'slices');
    if (answer.slices && !about(answer.slices.wasted_bytes, all)) t.fail(`slices of strings waste ${answer.slices.wasted_bytes} bytes, not ${all}`);
  }
  if (leak.duplicates) {
    const rows = sectionRows(t, answer, 'duplicates');
    if (!rows.some((r) => r.value.startsWith(leak.duplicates.prefix) && r.count === leak.duplicates.count)) {
      t.fail(`the report does not tell ${leak.duplicates.count} copies of "${leak.duplicates.prefix}...": ${short(rows)}`);
    }
  }
}

/* A crowd retains what the census says of the same class and shape, which computes it in another way. */
async function checkCrowds(t, suspects) {
  const crowds = suspects.filter((s) => s.kind === 'class');
  if (!crowds.length) return;
  const { groups = [] } = (await t.json('objects')) || {};
  for (const s of crowds) {
    if (!groups.some((g) => g.class === s.class && g.count === s.count && g.retained_bytes === s.retained_bytes)) {
      t.fail(`${told(s)}: the census has ${short(groups.filter((g) => g.class === s.class).slice(0, 3))}`);
    }
  }
}

/* One object for many: a report names the accumulation, not each of the many. */
async function checkSummary(t) {
  const suspects = suspectsOf(t, await t.json('leaks'));
  if (suspects.length > 50) t.fail(`${suspects.length} suspects`);
  await checkLeak(t);
}

const OLD = ['listeners', 'closures', 'timers', 'object-cache', 'typo', 'array-queue', 'linked-list', 'buffer-slice', 'string-slice',
  'duplicate-strings', 'errors', 'sockets', 'none'];
const ES6 = [['map-cache', 600], ['set-cache', 600], ['promises', 600], ['weak-map', 600], ['async', 800], ['als', 1217]];
/* In the quick set: each pattern once, on a version that tells something of its own about it. */
const QUICK = { listeners: 10, closures: 2421, timers: 1222, 'object-cache': 10, typo: 2421, 'buffer-slice': 2421, 'string-slice': 1222,
  sockets: 2421, none: 2421, 'map-cache': 2421, promises: 1222, async: 2421, als: 2421 };

const pattern = (name, fixture, from) => ({
  name: `heap/leaks/${name}`, feature: 'leak report', fixture, from, except: name === 'als' ? ['13.0.0'] : [], // AsyncLocalStorage is of 12.17 and 13.10
  args: () => [name, 'spin'], flags, modes: ['live', 'core'],
  quick: (number, mode) => mode === 'core' && QUICK[name] === number, check: name === 'typo' ? checkSummary : checkLeak,
});

module.exports = [
  ...OLD.map((name) => pattern(name, 'heap-leaks.js')),
  ...ES6.map(([name, from]) => pattern(name, 'heap-leaks-es6.js', from)),
];
