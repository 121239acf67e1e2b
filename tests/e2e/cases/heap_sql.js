'use strict';
/* `nopsy sql`: queries with known answers, and the same tables in a file. */
const fs = require('fs');
const path = require('path');
const { short } = require('../lib/compare');
const { countMatches, flags, groupsOf, some, sum } = require('../lib/heap');

const TABLES = ['objects', 'edges', 'strings', 'properties', 'functions', 'scripts', 'contexts', 'frames', 'threads', 'roots'];

async function query(t, text) {
  const answer = await t.json('sql', text);
  if (!answer || !Array.isArray(answer.columns) || !Array.isArray(answer.rows) || !answer.rows.every((r) => r.length === answer.columns.length)) {
    if (answer) t.fail(`sql "${text}": ${short(answer)}`);
    return [];
  }
  return answer.rows;
}

async function checkCensus(t) {
  const rows = await query(t, 'select class, count(*), sum(self_bytes) from objects where is_live group by 1 order by 3 desc');
  if (rows.some((r, i) => i && r[2] > rows[i - 1][2])) t.fail('sql: order by 3 desc is not sorted');
  const byClass = new Map(rows.map((r) => [r[0], r]));
  for (const c of t.truth.classes) {
    const got = (byClass.get(c.name) || [0, 0])[1];
    if (!countMatches(c.live, got)) t.fail(`sql: expected ${c.live} ${c.name} in objects, got ${got}`);
  }
  // Without a condition, garbage too.
  const all = new Map(await query(t, 'select class, count(*) from objects group by 1'));
  for (const c of t.truth.classes) {
    const got = all.get(c.name) || 0;
    if (!countMatches(c.live + c.garbage, got) && t.number !== 12) t.fail(`sql: expected ${c.live + c.garbage} ${c.name} in objects, got ${got}`);
  }
  // The tables and the census are of one heap.
  const groups = groupsOf(t, await t.json('objects', '--class', 'CensusChain'), 'objects --class CensusChain');
  const chain = byClass.get('CensusChain') || [];
  if (chain[2] !== sum(groups.filter((g) => g.class === 'CensusChain'), 'self_bytes')) t.fail(`sql: CensusChain has ${chain[2]} bytes, objects says ${short(groups)}`);
}

async function checkQueries(t) {
  const known = [
    ["select count(*) from properties where name = 'gamma'", (n) => n === 20],
    ["select count(*) from functions where name = 'CensusKept'", (n) => n === 1],
    ["select count(*) from scripts where name like '%/heap-census.js'", (n) => n === 1],
    ["select count(*) from edges e join objects o on o.address = e.target where e.kind = 'property' and e.name = 'single' and o.class = 'CensusSingle'",
      (n) => n === 1],
    ["select sum(live_count) from functions where name = 'CensusKept'", (n) => n === 1],
    ["select count(*) from frames where name = 'stopped'", (n) => n === 1],
    ["select count(*) from strings where length > 3", (n) => n > 1000],
  ];
  for (const [text, is] of known) {
    const rows = await query(t, text);
    if (!rows.length || !is(rows[0][0])) t.fail(`sql "${text}": ${short(rows)}`);
  }
  for (const table of TABLES) {
    const rows = await query(t, `select count(*) from ${table}`);
    if (!rows.length || !(rows[0][0] >= 0)) t.fail(`sql: the table ${table}: ${short(rows)}`);
  }
  const joined = await query(t, "select count(*) from objects o join properties p on p.object = o.address where o.is_live and o.class = 'CensusShaped' and p.name = 'gamma'");
  if (!joined.length || joined[0][0] !== 20) t.fail(`sql: a join of objects and properties gives ${short(joined)}, wanted 20`);
}

async function checkErrors(t) {
  const bad = await t.run(['sql', t.spec, 'selct 1'], { status: [1, 2] });
  if (!/selct/.test(bad.stderr)) t.fail(`sql "selct 1": the message is ${short(bad.stderr)}`);
  const unknown = await t.run(['sql', t.spec, 'select 1 from nothing_here'], { status: [1, 2] });
  if (!/nothing_here/.test(unknown.stderr)) t.fail(`sql of an unknown table: the message is ${short(unknown.stderr)}`);
  const write = await t.run(['sql', t.spec, 'delete from objects'], { status: [1, 2] });
  if (!write.stderr.trim()) t.fail('sql "delete from objects": no message');
  const text = await t.run(['sql', t.spec, 'select 6 * 7 as answer']);
  if (!/answer/.test(text.stdout) || !/\b42\b/.test(text.stdout)) t.fail(`sql as text: ${short(text.stdout)}`);
}

async function checkFile(t) {
  const file = path.join(t.dir, `${t.mode}.sqlite`);
  await t.run(['sql', t.spec, '-o', file]);
  if (!fs.existsSync(file)) {
    t.fail('sql -o: no file');
    return;
  }
  if ((fs.statSync(file).mode & 0o777) !== 0o600) t.fail(`the file's mode is ${(fs.statSync(file).mode & 0o777).toString(8)}`);
  if (fs.readFileSync(file).subarray(0, 15).toString() !== 'SQLite format 3') t.fail('sql -o: not a file of SQLite');
  let sqlite;
  try {
    sqlite = require('node:sqlite');
  } catch (e) {
    t.notes.push(`the file was not opened: this Node (${process.version}) has no node:sqlite`);
    return;
  }
  const db = new sqlite.DatabaseSync(file, { readOnly: true });
  const row = db.prepare("select count(*) as n from objects where class = 'CensusKept' and is_live").get();
  if (!countMatches(1000, row.n)) t.fail(`the file has ${row.n} CensusKept`);
  db.close();
}

module.exports = [
  { name: 'heap/sql', quick: some, check: async (t) => {
    await checkCensus(t);
    await checkQueries(t);
  } },
  { name: 'heap/sql/file', modes: ['core'], quick: (n) => n === 2421, check: async (t) => {
    await checkFile(t);
    await checkErrors(t);
  } },
].map((c) => ({ feature: 'sql', fixture: 'heap-census.js', args: () => ['spin'], flags, modes: ['live', 'core'], ...c }));
