'use strict';
/* `nopsy sql`: queries with known answers, and the same tables in a file. */
const fs = require('fs');
const path = require('path');
const { short } = require('../lib/compare');
const { countMatches, flags, groupsOf, some, sum } = require('../lib/heap');
const nopsy = require('../lib/nopsy');

const TABLES = ['objects', 'edges', 'strings', 'properties', 'functions', 'scripts', 'contexts', 'frames', 'threads', 'roots', 'handles'];

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

/* Calls back when the process has a file open in that folder that has no name there (yet): its half-written answer. */
function whenWriting(child, folder, call) {
  const timer = setInterval(() => {
    let names = [];
    try {
      names = fs.readdirSync(`/proc/${child.pid}/fd`).map((fd) => fs.readlinkSync(`/proc/${child.pid}/fd/${fd}`));
    } catch (e) { /* not there yet, or gone */ }
    if (!names.some((name) => name.startsWith(`${folder}/`) && !/core|\.sqlite$/.test(path.basename(name)))) return;
    clearInterval(timer);
    call();
  }, 2);
  child.on('exit', () => clearInterval(timer));
}

/* However an export ends before it is whole: nothing is left of it, and what was at its place stays. */
async function checkEnds(t) {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(t.dir, 'ends-')));
  const file = path.join(folder, 'x.sqlite');
  const checkLeft = (what) => {
    const names = fs.readdirSync(folder).join();
    if (names !== 'x.sqlite' || fs.readFileSync(file, 'utf8') !== 'old') t.fail(`${what}: ${names} is left, ${fs.statSync(file).size} bytes`);
  };
  fs.writeFileSync(file, 'old');
  for (const [signal, name] of [['SIGTERM', 'x.sqlite'], ['SIGINT', 'new.sqlite'], ['SIGKILL', 'new.sqlite']]) {
    const result = await nopsy.run(['sql', t.spec, '-o', path.join(folder, name)], { onSpawn: (child) => whenWriting(child, folder, () => child.kill(signal)) });
    if (result.status === 0) t.fail(`sql -o with ${signal} ended well: it was not seen writing`);
    else checkLeft(`sql -o with ${signal}`);
    if (signal === 'SIGINT' && (result.status !== 1 || !/interrupted/.test(result.stderr))) t.fail(`sql -o with SIGINT: status ${result.status}, ${short(result.stderr)}`);
    fs.writeFileSync(file, 'old');
  }
  const result = await nopsy.run(['sql', t.spec, '-o', `${folder}/x.sqlite`],
    { wrapper: ['unshare', '-m', 'sh', '-c', `mount -t tmpfs -o size=2m tmpfs '${folder}' && { "$@"; s=$?; ls '${folder}'; exit $s; }; exit 77`, 'sh'] });
  if (result.status === 77 || result.status === null) t.notes.push('no file system of our own can be made here: a full disk was not tried');
  else if (result.status !== 1 || !/disk is full/.test(result.stderr) || result.stdout.trim()) {
    t.fail(`sql -o on a full disk: status ${result.status}, ${short(result.stderr)}, left behind: ${result.stdout}`);
  }
  const link = path.join(folder, 'link.sqlite');
  fs.symlinkSync('x.sqlite', link);
  await t.run(['sql', t.spec, '-o', link, '--tables', 'threads']);
  if (!fs.lstatSync(link).isSymbolicLink() || fs.statSync(file).size < 100) t.fail('sql -o to a symbolic link replaces the link, or not what it leads to');
}

module.exports = [
  { name: 'heap/sql', quick: some, check: async (t) => {
    await checkCensus(t);
    await checkQueries(t);
  } },
  { name: 'heap/sql/file', modes: ['core'], quick: (n) => n === 2421, check: async (t) => {
    await checkFile(t);
    await checkEnds(t);
    await checkErrors(t);
  } },
].map((c) => ({ feature: 'sql', fixture: 'heap-census.js', args: () => ['spin'], flags, modes: ['live', 'core'], ...c }));
