'use strict';
/* `nopsy diff`: two moments of one program, dead and alive. */
const path = require('path');
const { short } = require('../lib/compare');
const { flags, rows, some } = require('../lib/heap');
const { Target } = require('../lib/target');
const versions = require('../lib/versions');

/* What grew of a class: the sum over its shapes. */
function growthOf(answer, name) {
  const list = rows(answer, 'groups', 'classes', 'growth').filter((r) => r.class === name);
  const of = (r, ...names) => names.map((n) => r[n]).find((n) => typeof n === 'number') || 0;
  return {
    rows: list.length,
    count: list.reduce((n, r) => n + of(r, 'count_delta', 'count_growth', 'delta_count', 'count'), 0),
    bytes: list.reduce((n, r) => n + of(r, 'self_bytes_delta', 'bytes_delta', 'delta_self_bytes', 'self_bytes'), 0),
  };
}

function checkAnswer(t, answer, growth, what) {
  if (!answer) return;
  for (const g of growth) {
    const got = growthOf(answer, g.name);
    if (got.count !== g.after - g.before) t.fail(`${what}: ${g.name} grew by ${g.after - g.before}, got ${got.count}`);
    if (g.after > g.before && !(got.bytes > 0)) t.fail(`${what}: ${g.name} grew by ${got.bytes} bytes`);
  }
  const text = JSON.stringify(answer);
  if (!text.includes('grown')) t.fail(`${what}: the path of new instances through the property "grown" is not told: ${short(answer)}`);
}

async function checkDiff(t) {
  const target = new Target({ node: t.node, flags: flags(), fixture: path.join(versions.TESTS, 'fixtures/heap-diff.js'), cwd: t.dir });
  try {
    const { growth } = await target.truth();
    await target.settle('wait');
    const before = await target.gcore();
    process.kill(target.pid, 'SIGUSR2');
    const after = await target.truth();
    if (after.moment !== 'after') t.fail(`the fixture said ${short(after)}`);
    await target.settle('wait');
    const run = async (a, b, what) => {
      const result = await t.run(['diff', a, b, '--json']);
      checkAnswer(t, result.json, growth, what);
    };
    await run(before, String(target.pid), 'core and live');
    const core = await target.kernelCore('SIGABRT');
    await run(before, core, 'two cores');
    const same = await t.run(['diff', core, core, '--json']);
    const grown = rows(same.json, 'groups', 'classes', 'growth').filter((r) => growthOf({ groups: [r] }, r.class).count !== 0);
    if (grown.length) t.fail(`diff of a core with itself: ${short(grown)}`);
    const back = await t.run(['diff', core, before, '--json']);
    const shrunk = growthOf(back.json, 'DiffGrown');
    if (shrunk.count !== -1500) t.fail(`diff backwards: DiffGrown ${shrunk.count}, wanted -1500`);
    const text = await t.run(['diff', before, core]);
    if (!/DiffGrown/.test(text.stdout) || !/1,?500/.test(text.stdout)) t.fail(`diff as text: no DiffGrown by 1500: ${short(text.stdout)}`);
    if (t.number >= 800) await checkSnapshots(t, before, core, growth);
  } finally {
    await target.kill();
  }
}

/* A core against a .heapsnapshot. */
async function checkSnapshots(t, before, core, growth) {
  const file = path.join(t.dir, 'before.heapsnapshot');
  await t.run(['snapshot', before, '-o', file]);
  const result = await t.run(['diff', file, core, '--json']);
  for (const g of growth) {
    const got = growthOf(result.json, g.name);
    if (result.json && got.count !== g.after - g.before) t.fail(`snapshot and core: ${g.name} grew by ${g.after - g.before}, got ${got.count}`);
  }
}

module.exports = [{ name: 'heap/diff', feature: 'diff', modes: ['solo'], quick: some, check: checkDiff }];
