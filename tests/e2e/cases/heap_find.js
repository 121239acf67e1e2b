'use strict';
/* `nopsy functions` and `nopsy strings`. */
const { short } = require('../lib/compare');
const { ADDRESS, field, flags, modern, rows, some } = require('../lib/heap');

const NAME = ['name', 'function'];
const lineOf = (row) => field(row, 'line') || Number((/:(\d+)(?::\d+)?$/.exec(field(row, 'script', 'file', 'location') || '') || [])[1]);
const fileOf = (row) => String(field(row, 'file', 'script', 'location') || '').replace(/:\d+(:\d+)?$/, '');

async function checkFunctions(t) {
  const all = rows(await t.json('functions'), 'functions', 'groups');
  for (const f of t.truth.functions) {
    const found = all.filter((row) => field(row, ...NAME) === f.name);
    if (found.length !== 1 || found[0].count !== f.count) {
      t.fail(`functions: expected one row with ${f.count} ${f.name}, got ${short(found)}`);
      continue;
    }
    if (fileOf(found[0]) !== t.truth.file || lineOf(found[0]) !== f.line) {
      t.fail(`functions: ${f.name} is at ${t.truth.file}:${f.line}, got ${short(found[0])}`);
    }
    const named = rows(await t.json('functions', '--name', f.name), 'functions', 'groups').filter((row) => field(row, ...NAME) === f.name);
    if (!named.some((row) => row.count === f.count)) t.fail(`functions --name ${f.name}: ${short(named)}`);
  }
  const here = rows(await t.json('functions', '--script', 'heap-find.js'), 'functions', 'groups');
  if (!t.truth.functions.every((f) => here.some((row) => field(row, ...NAME) === f.name))) {
    t.fail(`functions --script heap-find.js: ${short(here.map((row) => field(row, ...NAME)))}`);
  }
  const stray = here.find((row) => !fileOf(row).endsWith('heap-find.js'));
  if (stray) t.fail(`functions --script heap-find.js: ${short(stray)}`);
  const answer = await t.json('functions', '--name', 'findHandler', '--instances');
  const list = (answer && answer.instances) || [];
  if (list.length !== 250 || !list.every((a) => ADDRESS.test(a))) t.fail(`functions --name findHandler --instances: ${list.length} of 250, ${short(list)}`);
  else {
    const shown = await t.json('closure', list[17]);
    if (!/"name":"n"/.test(JSON.stringify(shown))) t.fail(`closure ${list[17]}: has no variable n: ${short(shown)}`);
  }
}

/* Every list of strings in an answer, whatever the sections are called. */
function stringRows(answer) {
  return Object.values(answer || {}).filter(Array.isArray).flat().filter((row) => row && typeof row === 'object');
}
function textOf(row) {
  const value = field(row, 'value', 'text', 'string');
  return String(value && typeof value === 'object' ? value.value : value);
}

async function checkStrings(t) {
  const answer = await t.json('strings');
  const list = stringRows(answer);
  // The most duplicated of ours comes with its count, and what the copies cost.
  const wanted = t.truth.duplicates[0];
  const row = list.find((r) => textOf(r).startsWith(wanted.value.slice(0, 20)) && field(r, 'count', 'copies') === wanted.count);
  if (!row) t.fail(`strings: no ${wanted.count} copies of "${wanted.value}": ${short(list.slice(0, 5))}`);
  else {
    const wasted = field(row, 'wasted_bytes', 'wasted');
    const each = 2 * wanted.value.length + 32; // from Node 6 to 11 join() makes strings of two bytes a character
    if (!(wasted >= (wanted.count - 1) * wanted.value.length && wasted <= wanted.count * each)) t.fail(`strings: wasted_bytes is ${wasted} in ${short(row)}`);
  }
  const { longest } = t.truth;
  const big = list.find((r) => textOf(r).startsWith(longest.prefix));
  if (!big) t.fail(`strings: the longest, ${longest.length} characters, is not told: ${short(list.slice(0, 5))}`);
  else if (!(field(big, 'length') === longest.length || field(big, 'self_bytes', 'bytes', 'size_bytes') >= longest.length)) t.fail(`strings: the longest is ${short(big)}`);

  const matched = stringRows(await t.json('strings', '--match', t.truth.marker.pattern));
  if (!matched.some((r) => textOf(r).startsWith('find-me-by-content'))) t.fail(`strings --match ${t.truth.marker.pattern}: ${short(matched)}`);
  const stray = matched.find((r) => !/^find-me-by-[c]ontent/.test(textOf(r)));
  if (stray) t.fail(`strings --match ${t.truth.marker.pattern}: also ${short(stray)}`);
  const wide = stringRows(await t.json('strings', '--match', '^длинадлина'));
  if (!wide.some((r) => textOf(r).startsWith('длинадлина'))) t.fail(`strings --match with two-byte characters: ${short(wide)}`);
  const none = stringRows(await t.json('strings', '--match', 'nothing-has-this[ ]text'));
  if (none.length) t.fail(`strings --match of nothing: ${short(none)}`);
  // Contents are hidden when asked for.
  const hidden = await t.run(['strings', t.spec, '--match', t.truth.marker.pattern, '--redact', '--json']);
  if (hidden.stdout.includes('find-me-by-content')) t.fail('strings --redact shows contents');
  const bad = await t.run(['strings', t.spec, '--match', '(unclosed'], { status: [1, 2] });
  if (!/\(unclosed|expression|regex/i.test(bad.stderr)) t.fail(`strings --match '(unclosed': the message is ${short(bad.stderr)}`);
}

module.exports = [
  { name: 'heap/functions', feature: 'functions', check: checkFunctions, quick: some },
  { name: 'heap/strings', feature: 'strings', check: checkStrings, quick: some },
  { name: 'heap/functions/alias', feature: 'functions', quick: (n, mode) => modern(n, mode) && n === 2421, check: async (t) => {
    const result = await t.run(['shell', t.spec, '-c', '::jsfunctions -n findHandler']);
    const line = result.stdout.split('\n').find((l) => l.includes('findHandler'));
    if (!line || !/\b250\b/.test(line)) t.fail(`::jsfunctions -n findHandler: ${short(result.stdout)}`);
    const script = await t.run(['shell', t.spec, '-c', '::jsfunctions -s heap-find']);
    if (!script.stdout.includes('findMethod')) t.fail(`::jsfunctions -s heap-find: ${short(script.stdout)}`);
    const listed = await t.run(['shell', t.spec, '-c', '::jsfunctions -l -n findOther']);
    if ((listed.stdout.match(/\b(0x)?[0-9a-f]{9,}\b/g) || []).length < 3) t.fail(`::jsfunctions -l -n findOther: ${short(listed.stdout)}`);
  } },
].map((c) => ({ fixture: 'heap-find.js', args: () => ['spin'], flags, modes: ['live', 'gcore', 'core'], ...c }));
