'use strict';
/* `nopsy symbols` on processes and cores: addresses of a stack whose names are known, and names back to addresses. */

async function check(t) {
  const answer = await t.json('stack', '--internal', '--native');
  const thread = answer && answer.threads.find((x) => x.tid === t.truth.pid);
  if (!thread) return t.fail('no stack');
  const frames = thread.frames.filter((f) => f.pc && !f.inlined);
  const got = await t.json('symbols', ...frames.map((f) => f.pc));
  if (!got || got.addresses.length !== frames.length) return t.fail('not one answer for each address');
  const kinds = {};
  frames.forEach((f, i) => {
    const a = got.addresses[i];
    kinds[a.kind] = (kinds[a.kind] || 0) + 1;
    if (a.address !== f.pc) t.fail(`#${i}: answered ${a.address} for ${f.pc}`);
    if (f.kind === 'native' && f.name && (a.name !== f.name || a.offset !== f.symbol_offset))
      t.fail(`#${i}: ${a.name} + ${a.offset}, the stack has ${f.name} + ${f.symbol_offset}`);
    if (f.kind === 'js' && f.tier !== 'interpreted' && (a.kind !== 'js' || !a.name.includes(`${f.name} ${f.file}:`)))
      t.fail(`#${i}: ${a.kind} ${a.name}, the stack has ${f.name} of ${f.file}`);
  });
  t.notes.push(`addresses: ${Object.entries(kinds).map(([kind, n]) => `${n} ${kind}`).join(', ')}`);
  if (!kinds.function || !kinds.js) t.fail('a stack without native functions, or without compiled JavaScript');

  const found = await t.json('symbols', 'uv_run', 'node::Start', 'Builtins_CEntry*');
  if (!found) return null;
  for (const s of found.symbols) {
    const back = await t.json('symbols', s.address);
    const at = back && back.addresses[0];
    if (!at || at.offset !== 0 || !found.symbols.some((x) => x.address === s.address && x.name === at.name))
      t.fail(`${s.name} is at ${s.address}, where ${at && at.name} + ${at && at.offset} is`);
  }
  for (const name of ['uv_run', 'node::Start('])
    if (!found.symbols.some((s) => s.name.startsWith(name) && s.size_bytes > 0)) t.fail(`no symbol ${name}`);
  return null;
}

module.exports = [
  { name: 'resolve/symbols', feature: 'symbols', fixture: 'stack-inline.js', from: 1000, modes: ['live', 'core'], args: () => ['inlined'],
    quick: (number) => [1222, 2020, 2610].includes(number), check },
];
