'use strict';
/* docs/SQL.md: its list of tables is that of the program, its queries run and find what the fixture hides; in the file, too. */
const fs = require('fs');
const path = require('path');
const { short } = require('../lib/compare');
const { flags, latest, modern } = require('../lib/heap');

const DOCS = path.resolve(__dirname, '../../../docs/SQL.md');

/* [{title, query}] */
function examples() {
  const found = [];
  let title = '';
  for (const part of fs.readFileSync(DOCS, 'utf8').split(/^(?=### )/m)) {
    title = (part.match(/^### (.*)/) || [])[1];
    for (const block of part.match(/```sql\n[\s\S]*?```/g) || []) found.push({ title, query: block.slice(7, -3).trim() });
  }
  return found;
}

/* Tables and columns as the page lists them. */
function documented() {
  const tables = {};
  const text = fs.readFileSync(DOCS, 'utf8').split('## Tables')[1].split('## Queries')[0];
  for (const part of text.split(/^### /m).slice(1)) {
    tables[part.match(/^\w+/)[0]] = (part.match(/^\| `\w+` \|/gm) || []).map((line) => line.match(/\w+/)[0]);
  }
  return tables;
}

/* What each answer must hold: by title, rows as objects. */
const EXPECTED = {
  'What the heap consists of': (t, rows) => rows.some((r) => r.class === 'Session' && r.count >= 3000 && r.count <= 3001),
  'The objects that hold most': (t, rows) => rows.length === 20 && rows.every((r, i) => !i || r.retained_bytes <= rows[i - 1].retained_bytes),
  'Which classes hold most': (t, rows) => rows.some((r) => r.class === 'SessionStore' || r.class === 'Object'),
  'The misspelt property': (t, rows) => rows.some((r) => r.class === 'SessionStore' && r.name === t.truth.typo && r.retained_bytes > 100000) &&
    !rows.some((r) => r.class === 'SessionStore' && r.name === 'cache'),
  'Who has a property of a name': (t, rows) => rows.length === 1 && rows[0].class === 'SessionStore' && rows[0].value_type === 'object',
  'Equal strings': (t, rows) => rows.some((r) => r.text.startsWith('equal:') && r.length === 40 && r.count === t.truth.equal),
  'Who holds an object': (t, rows) => rows.some((r) => r.class === 'Object' && r.kind === 'property' && /^session-\d+$/.test(r.name)),
  'The chain of owners': (t, rows) => rows[0].class === 'Session' && rows.some((r) => r.class === 'SessionStore'),
  'Closures by function': (t, rows) => rows.some((r) => r.name === 'handler' && /heap-sql\.js$/.test(r.script) && r.line === 22 && r.live_count === t.truth.handlers),
  'What closures keep alive': (t, rows) => rows.some((r) => r.function === 'handler' && r.variable === 'request' && r.count === t.truth.handlers && r.retained_bytes > 700 * 4000),
  'Contexts with large variables': (t, rows) => rows.some((r) => r.variable === 'request' && r.count === t.truth.handlers),
  'What the roots hold': (t, rows) => rows.some((r) => r.kind === 'stack'),
  'Memory outside of the heap and its owners': () => true,
  'What keeps the process alive': (t, rows) => rows.some((r) => r.type === 'timer' && r.function === 'tick' && /heap-sql\.js$/.test(r.file) && r.count === 1 &&
    r.due_ms > 900000 && r.due_ms <= 1000000),
  'What runs': (t, rows) => rows.some((r) => r.name === 'spin' && /heap\.js$/.test(r.file)),
  'Where the garbage lies': (t, rows) => rows.some((r) => /^(old_space|old_pointer_space)$/.test(r.page_space) && r.self_bytes > r.garbage_bytes),
};

function objects(answer) {
  return answer.rows.map((row) => Object.fromEntries(row.map((cell, i) => [answer.columns[i], cell])));
}

async function checkSchema(t) {
  const answer = await t.json('sql', '--schema');
  const tables = Object.fromEntries(answer.tables.map((table) => [table.name, table.columns.map((c) => c.name)]));
  if (JSON.stringify(tables) !== JSON.stringify(documented())) t.fail(`docs/SQL.md lists ${short(documented())}, --schema ${short(tables)}`);
}

/* -> answers by title */
async function checkExamples(t) {
  const answers = {};
  for (const { title, query } of examples()) {
    const answer = await t.json('sql', query);
    if (!answer || !Array.isArray(answer.rows)) continue;
    answers[title] = answer;
    if (!EXPECTED[title]) t.fail(`docs/SQL.md, ${title}: no test says what it must find`);
    else if (!EXPECTED[title](t, objects(answer))) t.fail(`docs/SQL.md, ${title}: ${short(objects(answer).slice(0, 10))}`);
  }
  for (const title of Object.keys(EXPECTED)) if (!answers[title]) t.fail(`docs/SQL.md: ${title} is not there, or has no answer`);
  return answers;
}

/* All columns of some rows, and sums over all rows: what the file keeps in short form must come out as it was. */
const SAME = [
  'select count(*), sum(self_bytes), sum(retained_bytes), sum(distance), sum(is_live), count(dominator) from objects',
  'select class, type, shape, page_space, count(*), min(address), max(address) from objects group by 1, 2, 3, 4',
  "select * from objects where class in ('Session', 'SessionStore', '(external memory)')",
  'select kind, count(*), sum(is_weak), sum(length(name)), count(owner), min(holder), max(target) from edges group by 1',
  "select * from edges where holder in (select address from objects where class in ('Session', 'SessionStore'))",
  "select * from edges where target in (select address from objects where class in ('Session', 'SessionStore'))",
  "select kind, value_type, count(*), sum(case typeof(value) when 'text' then length(value) else value end), count(target), sum(length(name)) from properties group by 1, 2",
  "select * from properties where object in (select address from objects where class in ('Session', 'SessionStore'))",
  "select * from properties where name in ('user', 'cahce', 'started')",
  'select kind, is_one_byte, count(*), sum(length), sum(length(value)), sum(self_bytes) from strings group by 1, 2',
  "select * from strings where value like 'equal:%'",
  'select * from contexts', 'select * from closures', 'select * from functions', 'select * from handles', 'select * from frames',
];

async function checkSame(t, db) {
  for (const query of SAME) {
    const wanted = (await t.json('sql', query)).rows, rows = db.prepare(query).all().map((r) => Object.values(r));
    // Of texts that are no numbers JSON has no other spelling; infinite numbers it has as texts.
    const plain = (list) => sorted(list.map((row) => row.map((cell) => (typeof cell === 'number' && !Number.isFinite(cell) ? String(cell) : cell))));
    const [a, b] = [plain(rows), plain(wanted)];
    const at = a.findIndex((row, i) => row !== b[i]);
    if (!wanted.length || a.length !== b.length || at >= 0) t.fail(`${query}: ${a.length} rows in the file, ${b.length} in sql: ${short(a[at])} ${short(b[at])}`);
  }
}

/* Rows whose order the query leaves open. */
const sorted = (rows) => rows.map((r) => JSON.stringify(r)).sort();

async function checkFile(t, answers) {
  const file = path.join(t.dir, 'examples.sqlite');
  await t.run(['sql', t.spec, '-o', file]);
  let sqlite;
  try {
    sqlite = require('node:sqlite');
  } catch (e) {
    t.notes.push(`the file was not opened: this Node (${process.version}) has no node:sqlite`);
    return;
  }
  const db = new sqlite.DatabaseSync(file, { readOnly: true });
  for (const { title, query } of examples()) {
    const rows = db.prepare(query).all().map((r) => Object.values(r));
    const wanted = answers[title] && answers[title].rows;
    // Rows that tie at a limit may be others.
    const same = wanted && rows.length === wanted.length && (/\blimit\b/.test(query) || JSON.stringify(sorted(rows)) === JSON.stringify(sorted(wanted)));
    if (!same) t.fail(`${title}: the file answers ${short(rows.slice(0, 5))}, sql ${short(wanted && wanted.slice(0, 5))}`);
  }
  await checkSame(t, db);
  db.close();
  const some = path.join(t.dir, 'some.sqlite');
  await t.run(['sql', t.spec, '-o', some, '--tables', 'threads,strings']);
  const two = new sqlite.DatabaseSync(some, { readOnly: true });
  const names = two.prepare("select name from sqlite_master where type in ('table', 'view') and name not like '\\_%' escape '\\' order by 1").all().map((r) => r.name).join();
  if (names !== 'strings,threads') t.fail(`--tables threads,strings wrote ${names}`);
  two.close();
}

/* Addresses compare as such, whatever the way they are written. */
async function checkAddresses(t) {
  const [[address]] = (await t.json('sql', "select address from objects where class = 'SessionStore' and shape like 'cache%'")).rows;
  const number = BigInt(address);
  // All in one query: each run of nopsy reads the heap anew.
  const ways = [`'${address}'`, `'0X${address.slice(2).toUpperCase()}'`, `'0x${(number - 1n).toString(16)}'`, `${number}`, `${number - 1n}`, `'${number}'`];
  const columns = [['objects', 'address'], ['properties', 'object'], ['edges', 'holder'], ['edges', 'target']];
  const count = ([table, column], condition) => `(select count(*) from ${table} where ${column} ${condition})`;
  const asked = columns.flatMap((column) => [...ways.map((way) => count(column, `= ${way}`)), count(column, "in ('0x10', 'nothing', null)")]);
  const [got] = (await t.json('sql', `select ${asked.join(', ')}`)).rows;
  columns.forEach(([table, column], i) => {
    const counts = got.slice(i * (ways.length + 1), (i + 1) * (ways.length + 1)), none = counts.pop();
    if (!(counts[0] > 0) || new Set(counts).size !== 1) t.fail(`${table}.${column} = ${address} in six ways: ${counts}`);
    if (none !== 0) t.fail(`${table}.${column} in ('0x10', 'nothing', null): ${none}`);
  });
  const both = (await t.json('sql', `select e.name from edges e join properties p on p.target = e.target where e.holder = ${number - 1n} and p.object = '${address}' and e.kind = 'property' and p.name = e.name order by 1`)).rows;
  if (JSON.stringify(both.slice(0, 2)) !== '[["cache"],["cahce"]]') t.fail(`the edges and properties of the store: ${short(both)}`);
}

/* What a query may not do, and what it says then. */
async function checkRules(t) {
  const canary = path.join(t.dir, 'canary');
  const refused = [`attach '${canary}' as x`, `vacuum into '${canary}'`, 'create table x(y)', 'create temp table x(y)', 'drop table objects',
    'insert into objects(id) values(1)', 'update objects set id = 1', 'pragma writable_schema = 1', 'select 1; select 2', 'select 1;;; select',
    "select load_extension('x')", "select fts3_tokenizer('x')", '', '/* nothing */', 'select nothing from objects', "select 'x' regexp '('", 'begin'];
  for (const query of refused) {
    const result = await t.run(['sql', t.spec, query], { status: 2 });
    if (!/objects, edges/.test(result.stderr)) t.fail(`sql "${query}": the tables are not named in ${short(result.stderr)}`);
  }
  if (fs.existsSync(canary)) t.fail('a query wrote a file');
  await t.run(['sql', t.spec], { status: 2 });
  await t.run(['sql', t.spec, '-o', '-'], { status: 2 });
  await t.run(['sql', t.spec, '-o', '/dev/null'], { status: 2 });
  await t.run(['sql', t.spec, '-o', path.join(t.dir, 'no', 'such', 'folder.sqlite')], { status: 1 });
  await t.run(['sql', t.spec, 'select 1', '-o', path.join(t.dir, 'x.sqlite')], { status: 2 });
  await t.run(['sql', t.spec, '-o', path.join(t.dir, 'x.sqlite'), '--tables', 'objects,nothing'], { status: 2 });
  if (fs.readdirSync(t.dir).some((name) => /^x\.sqlite/.test(name))) t.fail(`left behind: ${fs.readdirSync(t.dir)}`);
  // One that has no end is ended by Control-C, and by its use of memory.
  const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c';
  const ended = await t.run(['sql', t.spec, endless], { status: 1, onSpawn: (child) => setTimeout(() => child.kill('SIGINT'), 3000) });
  if (!/interrupted/.test(ended.stderr)) t.fail(`an interrupted query says ${short(ended.stderr)}`);
  const big = await t.run(['sql', t.spec, 'select group_concat(hex(zeroblob(1000000))) from (select 1 from objects limit 100)'], { status: 1 });
  if (!/too big|memory/.test(big.stderr)) t.fail(`an answer without bounds: ${short(big.stderr)}`);
}

async function checkWays(t) {
  const secret = "select value from strings where length = 40 and self_bytes >= 40";
  const open = await t.run(['sql', t.spec, secret, '--limit', '500']);
  if (!/equal:/.test(open.stdout)) t.fail(`sql "${secret}": ${short(open.stdout.slice(0, 300))}`);
  const redacted = await t.run(['sql', t.spec, '--redact', '--limit', '500', secret]);
  if (/equal:/.test(redacted.stdout) || !/redacted 40 chars/.test(redacted.stdout)) t.fail(`--redact: ${short(redacted.stdout.slice(0, 300))}`);
  const guessed = await t.json('sql', '--redact', "select count(*) from strings where value like 'equal:%'");
  if (guessed.rows[0][0] !== 0) t.fail('--redact: a query sees the text');
  const piped = await t.run(['shell', t.spec, '-c', "sql \"select address from objects where class = 'SessionStore' and shape like 'cache%'\" | print --depth 0"]);
  if (!/SessionStore/.test(piped.stdout)) t.fail(`sql | print: ${short(piped.stdout + piped.stderr)}`);
  const cut = await t.run(['sql', t.spec, 'select id from objects', '--limit', '3']);
  if (!/more rows/.test(cut.stdout)) t.fail(`--limit 3: ${short(cut.stdout)}`);
  const names = await t.json('sql', 'select 1 as a, 2 as a, id as "b.c" from objects limit 1');
  if (JSON.stringify(names.columns) !== '["a","a","b.c"]' || names.rows[0].length !== 3) t.fail(`names of columns: ${short(names)}`);
}

module.exports = [
  { name: 'heap/sql/examples', modes: ['live', 'core'], quick: modern, check: async (t) => {
    await checkSchema(t);
    const answers = await checkExamples(t);
    if (t.mode === 'core') await checkFile(t, answers);
  } },
  { name: 'heap/sql/rules', modes: ['core'], quick: latest, check: async (t) => {
    await checkAddresses(t);
    await checkRules(t);
    await checkWays(t);
  } },
].map((c) => ({ feature: 'sql', fixture: 'heap-sql.js', args: () => ['spin'], flags, ...c }));
