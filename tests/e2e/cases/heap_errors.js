'use strict';
/* `nopsy errors`: errors by message, with decoded stacks and causes. */
const { short } = require('../lib/compare');
const { field, flags, rows, some } = require('../lib/heap');

const messageOf = (row) => String(field(row, 'message') || '');
const causeOf = (row) => field(row, 'cause', 'causes');

function checkError(t, list, e) {
  const found = list.filter((r) => messageOf(r) === e.message && r.class === e.class);
  const count = found.reduce((n, r) => n + (r.count || 1), 0);
  if (count !== e.count) {
    t.fail(`expected ${e.count} ${e.class} "${e.message}", got ${count}: ${short(list.map((r) => [r.class, messageOf(r), r.count]))}`);
    return;
  }
  const text = JSON.stringify(found);
  for (const cause of e.causes || []) if (!text.includes(cause)) t.fail(`"${e.message}": the cause "${cause}" is not told: ${short(found)}`);
  for (const [name, line] of e.frames || []) {
    const framed = found.some((r) => {
      const stack = field(r, 'frames', 'stack');
      if (Array.isArray(stack)) return stack.some((f) => f.name === name && (line === null || f.line === line));
      return new RegExp(`\\b${name} .*${line === null ? '' : `heap-errors\\.js:${line}\\b`}`).test(String(stack));
    });
    if (!framed) t.fail(`"${e.message}": no frame ${name}:${line} in ${short(found[0])}`);
  }
}

async function checkErrors(t) {
  const answer = await t.json('errors');
  const list = rows(answer, 'errors', 'groups');
  for (const e of t.truth.errors) checkError(t, list, e);
  const text = await t.run(['errors', t.spec]);
  for (const e of t.truth.errors) if (!text.stdout.includes(e.message)) t.fail(`errors as text: "${e.message}" is not told`);
  if (!/\b50\b/.test(text.stdout)) t.fail('errors as text: no count of 50');
  const hidden = await t.run(['errors', t.spec, '--redact', '--json']);
  if (hidden.stdout.includes('deadlock found')) t.fail('errors --redact shows messages');
}

module.exports = [{ name: 'heap/errors', feature: 'errors', fixture: 'heap-errors.js', args: () => ['spin'], flags,
  modes: ['live', 'gcore', 'core'], quick: some, check: checkErrors }];
