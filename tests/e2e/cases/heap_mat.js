'use strict';
/* Many objects at once: merged paths, big drops, what is held by class, groups by the value of a member, fill ratios. */
const path = require('path');
const compare = require('../lib/compare');
const corefile = require('../lib/corefile');
const nopsy = require('../lib/nopsy');
const { ADDRESS, batch, flags, instances, latest, modern, rows, some } = require('../lib/heap');
const { short } = compare;

/* --- merged paths --- */

function treeOf(t, answer, what) {
  const tree = answer && answer.tree;
  if (!Array.isArray(tree) || !tree.length) {
    if (answer) t.fail(`${what}: no tree in ${short(answer)}`);
    return [];
  }
  const above = [];
  for (const row of tree) {
    const parent = row.depth ? above[row.depth - 1] : null;
    above[row.depth] = row;
    above.length = row.depth + 1;
    row.parent = parent;
    if (row.depth === 0 ? typeof row.root !== 'string' : !parent || typeof row.class !== 'string') t.fail(`${what}: a step is ${short(row)}`);
    if (!(row.count > 0)) t.fail(`${what}: a step that leads to nothing: ${short(row)}`);
    if (parent && (row.count > parent.count || row.self_bytes > parent.self_bytes || row.retained_bytes > parent.retained_bytes)) {
      t.fail(`${what}: ${short(row)} is more than what it is below`);
    }
    if (row.retained_bytes < row.self_bytes) t.fail(`${what}: ${short(row)} retains less than its objects are`);
    if (row.depth && !ADDRESS.test(row.objects === 1 ? row.address : row.example)) t.fail(`${what}: no address in ${short(row)}`);
  }
  // Where all are shown, a step is its own objects of the set and those of the steps below it; a loop leads back to some of them.
  if (!answer.more && !tree.some((row) => row.repeated)) {
    for (const row of tree) {
      const below = tree.filter((r) => r.parent === row).reduce((n, r) => n + r.count, row.members || 0);
      if (below !== row.count) t.fail(`${what}: ${short(row)} is not the sum of what is below, ${below}`);
    }
  }
  return tree;
}

const shownTree = (tree) => tree.slice(0, 40).map((r) => `${' '.repeat(r.depth)}${r.root || `${r.through || ''} ${r.class}`} x${r.objects} ${r.count}` +
  (r.repeated ? ` repeated ${r.repeated}` : '')).join('\n');

const stepIs = (wanted, row) => Object.keys(wanted).every((key) => (row[key] || 0) === wanted[key]);

/* Of the steps that are the last one wanted: are the ones above them those before it? */
function chainIs(wanted, row) {
  for (let i = wanted.length - 1; i >= 0; i--, row = row.parent) if (!row || !stepIs(wanted[i], row)) return false;
  return true;
}

function checkChains(t, what, tree, chains) {
  for (const chain of chains || []) {
    if (!tree.some((row) => chainIs(chain, row))) t.fail(`${what}: no steps ${JSON.stringify(chain)} in\n${shownTree(tree)}`);
  }
}

const oneMore = (wanted, got) => got === wanted || got === wanted + 1; // a prototype may count as an instance

async function checkMerged(t) {
  const { merged } = t.truth;
  const answer = await t.json('path', '--class', merged.class);
  const tree = treeOf(t, answer, 'path --class');
  checkChains(t, 'path --class', tree, merged.chains);
  const total = answer && answer.total;
  if (!total || !oneMore(merged.count, total.count) || !(total.retained_bytes >= merged.retained[0] && total.retained_bytes <= merged.retained[1] + 1000)) {
    t.fail(`path --class ${merged.class}: ${short(total)}, wanted ${merged.count} with ${merged.retained}`);
  }
  const plain = treeOf(t, await t.json('path', '--class', merged.class, '--no-retained'), 'path --no-retained');
  if (plain.some((r) => r.retained_bytes !== undefined) || plain.length !== tree.length) t.fail(`path --no-retained: ${short(plain)}`);
  // Cut to few steps: what is shown hangs together, and what is not is counted.
  const cut = await t.json('path', '--class', merged.class, '--limit', '3');
  const few = treeOf(t, cut, 'path --limit');
  if (few.length !== 3 || !cut.more || cut.more.steps !== tree.length - 3) t.fail(`path --limit 3: ${few.length} steps, ${short(cut.more)} of ${tree.length}`);
}

async function checkFolded(t) {
  for (const wanted of t.truth.folded) {
    const what = `path --class ${wanted.class}`;
    const tree = treeOf(t, await t.json('path', '--class', wanted.class), what);
    checkChains(t, what, tree, wanted.chains);
    const most = Math.max(...tree.map((r) => r.repeated || 0));
    if (wanted.repeated && !(most >= wanted.repeated[0] && most <= wanted.repeated[1])) {
      t.fail(`${what}: repeated ${most}, wanted ${wanted.repeated}\n${shownTree(tree)}`);
    }
    if (wanted.steps && tree.length > wanted.steps) t.fail(`${what}: ${tree.length} steps, wanted at most ${wanted.steps}\n${shownTree(tree)}`);
    const count = tree.filter((r) => r.depth === 0).reduce((n, r) => n + r.count, 0);
    if (wanted.count && !oneMore(wanted.count, count)) t.fail(`${what}: ${count}, wanted ${wanted.count}`);
  }
}

const isOf = (count, [low, high], bytes) => bytes >= count * low && bytes <= count * high;

/* Objects that hold one another count once, in every group of them. */
async function checkNested(t) {
  const { class: name, of, count, bytes } = t.truth.nested;
  const tree = treeOf(t, await t.json('path', '--class', name), `path --class ${name}`);
  const next = tree.find((r) => r.through === '.next' && r.class === name);
  const head = next && next.parent;
  if (!next || next.count !== count - 1 || !isOf(count - 1, bytes, next.retained_bytes)) t.fail(`path --class ${name}: ${short(next)}, wanted ${count - 1} of ${bytes}`);
  const [low, high] = bytes;
  // What all of the class share, its map and what that leads to, only the outermost one retains.
  if (head && (head.count !== count || !isOf(count, bytes, head.retained_bytes) || !isOf(1, [low, high + 3000], head.retained_bytes - next.retained_bytes))) {
    t.fail(`path --class ${name}: ${head.count} retain ${head.retained_bytes}, ${next.retained_bytes} of it below, wanted ${count} of ${bytes}`);
  }
  const holders = rows(await t.json('retained', '--class', name, '--dominators'), 'groups').filter((g) => g.class === name);
  if (holders.length !== 1 || holders[0].dominated !== count - 1 || holders[0].count !== count - 1 || !isOf(count - 1, bytes, holders[0].dominated_bytes) ||
    !isOf(count, bytes, holders[0].retained_bytes)) {
    t.fail(`retained --class ${name} --dominators: ${short(holders)}, wanted ${count - 1} of ${bytes}`);
  }
  const held = rows(await t.json('retained', '--class', name, '--by', 'class', '--min-bytes', '1'), 'groups').filter((g) => g.depth === 0);
  for (const [klass, wanted] of [[name, count - 1], [of, count]]) {
    const found = held.filter((g) => g.class === klass);
    if (found.length !== 1 || found[0].count !== wanted || !isOf(wanted, bytes, found[0].retained_bytes)) {
      t.fail(`retained --class ${name} --by class: ${short(found)}, wanted ${wanted} ${klass} of ${bytes}`);
    }
  }
}

/* One path as text tells equal steps in a row once; as data each. */
async function checkOnePath(t) {
  for (const wanted of [{ class: 'MatDeep', steps: 60 }, { class: 'MatTimed', steps: 20 }]) {
    const list = await instances(t, wanted.class);
    const answers = await batch(t, list.map((a) => `path ${a}`));
    let longest = [];
    let address = null;
    answers.forEach((one, i) => {
      const steps = (one && one.paths && one.paths[0] && one.paths[0].steps) || [];
      if (steps.length <= longest.length) return;
      longest = steps;
      address = list[i];
    });
    if (longest.length < wanted.steps) t.fail(`path to ${wanted.class}: ${longest.length} steps, wanted ${wanted.steps}`);
    if (!address) continue;
    const text = (await t.run(['path', t.spec, address])).stdout;
    if (!/ x \d\d in a row/.test(text) || text.trim().split('\n').length > 25) t.fail(`path to ${wanted.class} as text:\n${text.slice(0, 2000)}`);
  }
}

async function checkChoice(t) {
  const { listeners, merged } = t.truth;
  const tree = treeOf(t, await t.json('path', '--function', listeners.function), 'path --function');
  if (!tree.some((r) => r.function === listeners.function && r.objects === listeners.count && r.members === listeners.count && r.through === '[]')) {
    t.fail(`path --function ${listeners.function}: wanted ${listeners.count} below one step:\n${shownTree(tree)}`);
  }
  const two = (await instances(t, merged.class)).slice(0, 2);
  const named = await t.json('path', ...two);
  treeOf(t, named, 'path ADDR ADDR');
  if (!named || !named.total || named.total.count !== 2) t.fail(`path of two addresses: ${short(named && named.total)}`);
  const { secret } = t.truth;
  const held = secret && treeOf(t, await t.json('path', '--class', secret.class), 'path to the value of a Map');
  if (held && !held.some((r) => r.class === secret.class && r.through === `.get("${secret.key}")`)) t.fail(`path --class ${secret.class}:\n${shownTree(held)}`);
  const [value] = secret ? await instances(t, secret.class) : [];
  for (const what of value ? [[value], ['--class', secret.class], [value, '--json'], ['--class', secret.class, '--json']] : []) {
    const hidden = await t.run(['path', t.spec, ...what, '--redact']);
    if (hidden.stdout.includes(secret.key)) t.fail(`path ${what} --redact shows the key of a Map: ${short(hidden.stdout)}`);
  }
  const text = await t.run(['path', t.spec, '--class', merged.class]);
  if (!/Held by/.test(text.stdout) || !/\.next MatLink {2}x 79 \(up to 79 in a row\)/.test(text.stdout)) t.fail(`path --class as text: ${text.stdout.slice(0, 2000)}`);
  for (const wrong of [[], ['--class', 'Mat*', two[0]], ['--class', 'MatUser', '--count', '2'], ['--class', 'MatUser', '--limit', '0']]) {
    await t.run(['path', t.spec, ...wrong], { status: 2 });
  }
  await t.run(['path', t.spec, '--class', 'NoSuchClassAtAll'], { status: 1 });
}

/* --- the dominator tree --- */

async function checkDrops(t) {
  const { drop, store } = t.truth;
  const answer = await t.json('retained', '--drops', '--min-bytes', '500000');
  const list = rows(answer, 'drops');
  const found = list.find((d) => (d.by_class || []).some((c) => c.class === drop.of && c.count === drop.count));
  if (!found || found.class !== drop.class || !(found.retained_bytes >= drop.bytes[0] && found.retained_bytes <= drop.bytes[1])) {
    t.fail(`retained --drops: ${short(found)} among ${short(list.map((d) => [d.class, d.drop_bytes, d.by_class]))}, wanted ${JSON.stringify(drop)}`);
  }
  for (const d of list) {
    if (!(d.drop_bytes >= 500000) || d.drop_bytes !== d.retained_bytes - (d.biggest_child_bytes || 0)) t.fail(`retained --drops: ${short(d)}`);
    if (!ADDRESS.test(d.address) || !Array.isArray(d.path) || !Array.isArray(d.by_class)) t.fail(`retained --drops: ${short(d)}`);
  }
  if (list.some((d, i) => i && d.drop_bytes > list[i - 1].drop_bytes)) t.fail('retained --drops: not the biggest first');
  if (found) {
    const text = await t.run(['retained', t.spec, '--drops', '--min-bytes', '500000']);
    if (!/400 MatBlob: /.test(text.stdout) || !/matRoot\.store\.items/.test(text.stdout)) t.fail(`retained --drops as text: ${short(text.stdout)}`);
  }
  const [address] = (await Promise.all((await instances(t, store.class)).map(async (a) =>
    [a, rows(await t.json('retained', a, '--by', 'class', '--min-bytes', '1'), 'groups')]))).find(([, groups]) =>
    groups.some((g) => g.depth === 0 && g.class === 'Array' && g.count === 1) &&
    groups.some((g) => g.depth === 1 && g.class === drop.of && g.count === drop.count && g.retained_bytes >= drop.bytes[0])) || [];
  if (!address) t.fail(`retained ${store.class} --by class: wanted an Array with ${drop.count} ${drop.of}`);
  const holders = rows(await t.json('retained', '--class', drop.of, '--dominators'), 'groups');
  if (!holders.some((g) => g.class === 'Array' && g.count === 1 && g.dominated === drop.count && g.dominated_bytes >= drop.bytes[0])) {
    t.fail(`retained --class ${drop.of} --dominators: ${short(holders)}`);
  }
  const held = rows(await t.json('retained', '--class', drop.of, '--by', 'class', '--min-bytes', '1'), 'groups');
  if (!held.some((g) => g.depth === 0 && /string/.test(g.class) && g.count >= drop.count && g.count <= drop.count + 2)) {
    t.fail(`retained --class ${drop.of} --by class: ${short(held)}`);
  }
  const [head] = rows(await t.json('retained', '--class', 'MatLink', '--limit', '1'), 'objects');
  const below = head && (await t.run(['retained', t.spec, head.address, '--min-bytes', '2000'])).stdout;
  if (!/\.next MatLink {2}x 7\d\+? in a row/.test(below || '')) t.fail(`retained below the head of the list as text: ${short(below)}`);
  for (const wrong of [['--drops', '--by', 'class'], ['--dominators'], ['--drops', '--class', 'X']]) await t.run(['retained', t.spec, ...wrong], { status: 2 });
}

/* --- by value --- */

function valueIs(expected, actual) {
  const diffs = [];
  if (actual === null || actual === undefined) return false;
  compare.value(expected, actual, 'value', diffs);
  return !diffs.length;
}

async function checkBy(t) {
  for (const { class: name, path, values, without } of t.truth.by) {
    const what = `objects --class ${name} --by ${path}`;
    const answer = await t.json('objects', '--class', name, '--by', path);
    const groups = rows(answer, 'groups');
    for (const [value, count] of values) {
      const found = groups.filter((g) => valueIs(value, g.value));
      if (found.length !== 1 || found[0].count !== count) t.fail(`${what}: ${count} of ${JSON.stringify(value)}, got ${short(found)} in ${short(groups.map((g) => [g.value, g.count]))}`);
      else if (!(found[0].retained_bytes >= found[0].self_bytes) || !ADDRESS.test(found[0].example)) t.fail(`${what}: ${short(found[0])}`);
    }
    const none = groups.filter((g) => g.value === null).reduce((n, g) => n + g.count, 0);
    if (!(none >= without && none <= without + 6)) t.fail(`${what}: ${none} without, wanted ${without}`);
    if (groups.filter((g) => g.value !== null).length !== values.length) t.fail(`${what}: other values, too: ${short(groups)}`);
    const { total } = answer || {};
    if (!total || total.values !== values.length || total.count !== groups.reduce((n, g) => n + g.count, 0)) t.fail(`${what}: ${short(total)}`);
  }
  // Without a choice of objects: all that have such a member.
  const all = rows(await t.json('objects', '--by', 'profile.score', '--no-retained'), 'groups');
  if (all.length !== 8 || all.some((g) => g.count !== 16 || g.class !== 'MatUser')) t.fail(`objects --by profile.score: ${short(all)}`);
  const hidden = await t.run(['objects', t.spec, '--class', 'MatUser', '--by', 'status', '--redact', '--json']);
  if (hidden.stdout.includes('active')) t.fail('objects --by --redact shows contents');
  for (const path of ['.a[', '[1', '..a', '["x"']) await t.run(['objects', t.spec, '--class', 'MatUser', '--by', path], { status: 2 });
  const byClass = rows(await t.json('objects', '--class', 'MatUser', '--by', 'class'), 'groups');
  if (byClass.length !== 1 || byClass[0].shape) t.fail(`objects --by class: ${short(byClass)}`);
}

/* --- fill --- */

async function checkFill(t) {
  const one = rows(await t.json('objects', '--fill', '--instances'), 'collections');
  for (const wanted of t.truth.fill) {
    const found = one.find((c) => c.collection === wanted.of && c.class === wanted.class &&
      ['capacity', 'used', 'deleted'].every((key) => wanted[key] === undefined || c[key] === wanted[key]));
    if (!found) {
      t.fail(`objects --fill --instances: no ${JSON.stringify(wanted)} among ${short(one.filter((c) => c.collection === wanted.of && c.class === wanted.class))}`);
    }
  }
  if (one.some((c, i) => !(c.used <= c.capacity) || (i && c.wasted_bytes > one[i - 1].wasted_bytes))) t.fail('objects --fill --instances: not the worst first');
  const answer = await t.json('objects', '--fill');
  const groups = rows(answer, 'groups');
  for (const wanted of t.truth.classesFilled) {
    const found = groups.find((g) => g.collection === wanted.of && g.class === wanted.class);
    // A prototype may count as an instance; it has a property or two (constructor, ...) and no elements.
    const more = wanted.of === 'elements' ? 0 : 3;
    if (!found || !oneMore(wanted.count, found.count) || !(found.used >= wanted.used && found.used <= wanted.used + more)) {
      t.fail(`objects --fill: ${short(found)}, wanted ${JSON.stringify(wanted)}`);
    }
  }
  for (const g of groups) {
    if (!Array.isArray(g.count_by_fifth) || g.count_by_fifth.reduce((n, k) => n + k, 0) !== g.count || !ADDRESS.test(g.example)) t.fail(`objects --fill: ${short(g)}`);
  }
  const wasted = groups.reduce((n, g) => n + g.wasted_bytes, 0);
  if (!answer || !answer.total || answer.total.wasted_bytes !== wasted) t.fail(`objects --fill: the total ${short(answer && answer.total)} is not the sum ${wasted}`);
  const few = rows(await t.json('objects', '--fill', '--class', 'MatBag'), 'groups');
  if (few.some((g) => g.class !== 'MatBag') || !few.length) t.fail(`objects --fill --class MatBag: ${short(few)}`);
  const text = await t.run(['objects', t.spec, '--fill']);
  if (!/Wasted/.test(text.stdout) || !/MatSparse|Array/.test(text.stdout)) t.fail(`objects --fill as text: ${short(text.stdout)}`);
}

/* --- heaps that are hard --- */

const COMMANDS = [['path', '--class', '*'], ['path', '--class', 'Mat*', '--no-retained'], ['retained', '--drops'], ['retained', '--by', 'class'],
  ['retained', '--class', 'Mat*', '--dominators'], ['objects', '--fill'], ['objects', '--fill', '--instances', '--all'],
  ['objects', '--by', 'profile.name'], ['objects', '--by', '.length', '--all']];

/* A chain of many links is one step; nothing of a hostile name reaches a terminal. */
async function checkHostile(t) {
  const tree = treeOf(t, await t.json('path', '--class', 'HostileLink', { timeout_ms: 120000 }), 'path --class HostileLink');
  const chain = tree.find((r) => r.class === 'HostileLink' && r.repeated > 1000);
  if (!chain || tree.length > 60) t.fail(`path --class HostileLink: ${tree.length} steps\n${shownTree(tree)}`);
  for (const [command, ...more] of COMMANDS) {
    const text = await t.run([command, t.spec, ...more.map((w) => w.replace(/^Mat/, 'Hostile'))], { status: [0, 1], timeout_ms: 120000 });
    const bad = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.exec(text.stdout);
    if (bad) t.fail(`${command} ${more}: the answer for people has U+${bad[0].charCodeAt(0).toString(16)}`);
  }
}

async function mustCope(t, file, what) {
  for (const [command, ...more] of COMMANDS) {
    const result = await t.run([command, file, ...more, '--json'], { status: [0, 1, 3], timeout_ms: 120000 });
    if (result.status !== 1 && !result.json && !result.broken) t.fail(`${what}: ${nopsy.shown(result)}: no JSON`);
  }
}

async function checkDamaged(t) {
  await mustCope(t, await corefile.cut(t.spec, path.join(t.dir, 'cut'), 0.5), 'cut');
  for (let seed = 1; seed <= Number(process.env.NOPSY_FLIPS || 2); seed++) {
    const undo = corefile.flip(t.spec, seed + t.number, 3000, 'data');
    await mustCope(t, t.spec, `3000 bytes flipped, seed ${seed + t.number}`);
    undo();
  }
}

module.exports = [
  { name: 'heap/merged', feature: 'who holds it', quick: some, check: async (t) => {
    await checkMerged(t);
    await checkFolded(t);
    await checkChoice(t);
  } },
  { name: 'heap/folded', feature: 'who holds it', quick: modern, check: checkOnePath },
  { name: 'heap/drops', feature: 'retained sizes', quick: some, check: checkDrops },
  { name: 'heap/nested', feature: 'retained sizes', quick: some, check: checkNested },
  { name: 'heap/by-value', feature: 'heap census', quick: some, check: checkBy },
  { name: 'heap/fill', feature: 'heap census', quick: some, check: checkFill },
  { name: 'heap/many/hostile', feature: 'bad heaps', fixture: 'heap-hostile.js', args: () => ['20000', 'spin'], modes: ['core'], quick: latest, check: checkHostile },
  { name: 'heap/many/damaged', feature: 'bad heaps', modes: ['core'], quick: latest, check: checkDamaged },
].map((c) => ({ fixture: 'heap-mat.js', args: () => ['spin'], flags, modes: ['live', 'core'], ...c }));
