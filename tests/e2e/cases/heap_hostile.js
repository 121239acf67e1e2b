'use strict';
/* Heaps that are hard: long chains, cycles, deep strings, hostile names; cores that are cut or damaged. */
const fs = require('fs');
const path = require('path');
const corefile = require('../lib/corefile');
const nopsy = require('../lib/nopsy');
const { formatProblems } = require('../lib/heapsnapshot');
const { countMatches, flags, groupsOf, instances, latest, sum } = require('../lib/heap');

/* What a terminal must never get. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const COMMANDS = [['objects'], ['objects', '--all'], ['functions'], ['strings'], ['retained'], ['leaks'], ['errors'],
  ['sql', 'select class, count(*) from objects group by 1']];

async function checkHostile(t) {
  for (const [command, ...more] of COMMANDS) {
    const text = await t.run([command, t.spec, ...more], { timeout_ms: 120000 });
    const bad = CONTROL.exec(text.stdout);
    if (bad) t.fail(`${command}: the answer for people has the character U+${bad[0].charCodeAt(0).toString(16)} in ${JSON.stringify(text.stdout.slice(Math.max(0, bad.index - 60), bad.index + 20))}`);
    await t.json(command, ...more, { timeout_ms: 120000 });
  }
  const groups = groupsOf(t, await t.json('objects', '--class', 'Hostile*'), 'objects --class Hostile*');
  for (const c of t.truth.classes) {
    const got = sum(groups.filter((g) => g.class === c.name), 'count');
    if (!countMatches(c.live, got)) t.fail(`expected ${c.live} ${c.name}, got ${got}`);
  }
}

/* The last of the links: its path must be found and not be told hop by hop to people. */
async function checkChain(t) {
  const list = await instances(t, 'HostileLink');
  const answer = await t.json('path', list[list.length - 1], { timeout_ms: 120000 });
  if (!answer || !answer.paths || !answer.paths.length) t.fail('no path to a link of the chain');
  const text = await t.run(['path', t.spec, list[list.length - 1]], { timeout_ms: 120000 });
  const lines = text.stdout.split('\n').length;
  if (lines > 1000) t.fail(`the path as text has ${lines} lines`);
}

async function checkSnapshot(t) {
  const file = path.join(t.dir, 'hostile.heapsnapshot');
  await t.run(['snapshot', t.spec, '-o', file], { timeout_ms: 120000 });
  if (!fs.existsSync(file)) return;
  t.diffs.push(...formatProblems(JSON.parse(fs.readFileSync(file, 'utf8'))));
}

async function checkAll(t) {
  await checkHostile(t);
  await checkChain(t);
  await checkSnapshot(t);
}

/* Any answer is fine that is unbroken, valid JSON and says what it lacks. */
async function mustCope(t, file, what) {
  for (const [command, ...more] of COMMANDS) {
    const result = await t.run([command, file, ...more, '--json'], { status: [0, 1, 3], timeout_ms: 120000 });
    if (result.status !== 1 && !result.json && !result.broken) t.fail(`${what}: ${nopsy.shown(result)}: no JSON`);
    if (result.status !== 0 && !result.stderr.trim()) t.fail(`${what}: ${nopsy.shown(result)}: status ${result.status} and nothing on standard error`);
  }
}

async function checkCut(t) {
  for (const fraction of [0.3, 0.6, 0.9]) {
    const file = await corefile.cut(t.spec, path.join(t.dir, `cut-${fraction}`), fraction);
    await mustCope(t, file, `cut at ${fraction}`);
    fs.unlinkSync(file);
  }
}

async function checkDamaged(t) {
  for (let seed = 1; seed <= Number(process.env.NOPSY_FLIPS || 3); seed++) {
    const undo = corefile.flip(t.spec, seed + t.number, 2000, 'data');
    await mustCope(t, t.spec, `2000 bytes flipped, seed ${seed + t.number}`);
    undo();
  }
}

module.exports = [
  { name: 'heap/hostile', fixture: 'heap-hostile.js', args: () => ['20000', 'spin'], quick: latest, check: checkAll },
  { name: 'heap/hostile/million', fixture: 'heap-hostile.js', args: () => ['1000000', 'spin'], quick: () => false, check: checkAll },
  { name: 'heap/bad-input/cut', fixture: 'heap-census.js', quick: (n) => n === 1222, check: checkCut },
  { name: 'heap/bad-input/damaged', fixture: 'heap-census.js', quick: (n) => n === 2421, check: checkDamaged },
].map((c) => ({ feature: 'bad heaps', args: () => ['spin'], flags, modes: ['core'], ...c }));
