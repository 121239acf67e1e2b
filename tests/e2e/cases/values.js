'use strict';
/* `nopsy print`, `closure` and `source`: every kind of value, by member path and by address. */
const compare = require('../lib/compare');
const { mainThread, onSubset } = require('./stack');

/* Address of the argument `root` of the function that holds the values. */
async function rootAddress(t) {
  const thread = mainThread(t, await t.json('stack', '--args'));
  if (!thread) return null;
  const holder = compare.userFrames(thread.frames).find((f) => f.name === 'holdValues');
  const root = holder && (holder.args || []).find((a) => a.name === 'root');
  if (!root || !root.value || !/^0x[0-9a-f]+$/.test(root.value.address || '')) {
    t.fail(`no address of the argument root of holdValues: ${compare.short(holder)}`);
    return null;
  }
  return root.value.address;
}

/* Names that a member path can say without quoting. */
const asList = (answer) => (Array.isArray(answer) ? answer : answer && (answer.values || answer.value));

async function checkValues(t) {
  const root = await rootAddress(t);
  if (!root) return;
  const paths = t.truth.values.map((v) => `${root}.${v.name}`);
  const answer = asList(await t.json('print', ...paths, '--depth', '2', '--all-properties'));
  if (!Array.isArray(answer) || answer.length !== paths.length) {
    t.fail(`print of ${paths.length} member paths: got ${Array.isArray(answer) ? answer.length + ' values' : compare.short(answer)}`);
    return;
  }
  t.truth.values.forEach((v, i) => compare.value(v.value, answer[i], v.name, t.diffs));

  // The root itself: what it has, in order; by address; and a value's own address leads to the same value.
  const whole = asList(await t.json('print', root, '--depth', '1'));
  if (Array.isArray(whole) && whole[0]) {
    const names = (whole[0].properties || []).map((p) => p.name);
    const expected = t.truth.values.map((v) => v.name).slice(0, names.length);
    if (names.join() !== expected.join()) t.fail(`root: expected the properties ${compare.short(expected)}, got ${compare.short(names)}`);
    if (!names.length) t.fail('root: no properties');
    if (whole[0].address !== root) t.fail(`root: asked for ${root}, got ${whole[0].address}`);
  } else {
    t.fail(`print ${root}: got ${compare.short(whole)}`);
  }
  const addressed = answer.map((v, i) => [i, v && v.address]).filter(([, address]) => address);
  const again = asList(await t.json('print', ...addressed.map(([, address]) => address), '--depth', '0'));
  if (!Array.isArray(again) || again.length !== addressed.length) {
    t.fail(`print of ${addressed.length} addresses: got ${Array.isArray(again) ? again.length + ' values' : compare.short(again)}`);
    return;
  }
  addressed.forEach(([i, address], k) => {
    if (again[k].type !== answer[i].type) {
      t.fail(`${t.truth.values[i].name}: ${answer[i].type} by its path, ${again[k].type} by its address ${address}`);
    }
  });
}

async function checkClosures(t) {
  const root = await rootAddress(t);
  if (!root) return;
  const functions = asList(await t.json('print', ...t.truth.closures.map((c) => `${root}.${c.name}`), '--depth', '0'));
  if (!Array.isArray(functions) || functions.length !== t.truth.closures.length) {
    t.fail(`print of the closures: ${compare.short(functions)}`);
    return;
  }
  for (const [i, closure] of t.truth.closures.entries()) {
    if (!functions[i].address) {
      t.fail(`${closure.name}: no address in ${compare.short(functions[i])}`);
      continue;
    }
    const answer = await t.json('closure', functions[i].address);
    if (!answer || !Array.isArray(answer.scopes)) {
      t.fail(`${closure.name}: no scopes in ${compare.short(answer)}`);
      continue;
    }
    closure.scopes.forEach((scope, k) => checkScope(t, scope, answer.scopes[k], `${closure.name} scope ${k}`));
    const source = await t.json('source', functions[i].address);
    if (source && !JSON.stringify(source).includes(JSON.stringify(closure.source).slice(1, -1))) {
      t.fail(`${closure.name}: the source is ${compare.short(closure.source)}, got ${compare.short(source)}`);
    }
  }
}

/* All captured variables by name; a scope of kind "..." has others, too. */
function checkScope(t, expected, actual, where) {
  if (!actual) {
    t.fail(`${where}: not there`);
    return;
  }
  if (expected.kind !== '...' && actual.kind !== expected.kind) t.fail(`${where}: expected kind ${expected.kind}, got ${actual.kind}`);
  const names = (list) => list.map((v) => v.name).sort();
  const extra = names(actual.variables || []).filter((n) => !names(expected.variables).includes(n));
  if (expected.kind !== '...' && extra.length) t.fail(`${where}: more variables than captured: ${compare.short(extra)}`);
  for (const variable of expected.variables) {
    const found = (actual.variables || []).find((v) => v.name === variable.name);
    if (found) compare.value(variable.value, found.value, `${where} ${variable.name}`, t.diffs);
    else t.fail(`${where}: no variable ${variable.name} among ${compare.short(names(actual.variables || []))}`);
  }
}

const cases = [];
for (const [name, from] of [['values', 0], ['values-es6', 600], ['values-new', 800]]) {
  cases.push({
    name, feature: 'print', fixture: `${name}.js`, from, modes: ['live', 'core'],
    quick: (n, mode) => mode === 'core' || onSubset(n), check: checkValues,
    flags: (n) => (n < 12 ? ['--nouse_osr'] : []), // on-stack replacement in V8 3.14 clears the arguments
    // Node 6.0 makes a Buffer of a Uint8Array by setting its prototype; V8 names what `new` called.
    explained: [{ name: 'Buffers that are Uint8Arrays', when: (t) => t.number === 600,
      match: /^buffer: class: expected "Buffer", got "Uint8Array"/ }],
  });
}
for (const [name, from] of [['closure', 0], ['closure-es6', 600]]) {
  cases.push({
    name, feature: 'closure', fixture: `${name}.js`, from, modes: ['live', 'core'],
    quick: (n, mode) => mode === 'core' || onSubset(n), check: checkClosures,
    flags: (n) => (n < 12 ? ['--nouse_osr'] : []),
  });
}

/* V8's own printer says what an object is: flags of V8 itself, 16 and later. */
cases.push({
  name: 'debug-print', feature: 'print', fixture: 'debug-print.js', from: 1600, modes: ['live'], quick: onSubset,
  flags: () => ['--allow-natives-syntax', '--expose-gc'],
  check: async (t) => {
    const thread = mainThread(t, await t.json('stack', '--args'));
    const holder = thread && compare.userFrames(thread.frames).find((f) => f.name === 'holdObjects');
    if (!holder) {
      t.fail('no frame holdObjects');
      return;
    }
    const printed = t.truth.printed.map((line) => /^DebugPrint: (0x[0-9a-f]+): \[(\w+)\]/.exec(line)).filter(Boolean);
    if (printed.length !== t.truth.types.length || holder.args.length !== printed.length) {
      t.fail(`V8 printed ${printed.length} objects, nopsy shows ${holder.args.length} arguments of ${t.truth.types.length}`);
      return;
    }
    holder.args.forEach((arg, i) => {
      const [, tagged, type] = printed[i];
      if (arg.value.address !== '0x' + (BigInt(tagged) - 1n).toString(16) && arg.value.address !== tagged) {
        t.fail(`argument ${arg.name}: V8 says it is at ${tagged} (tagged), nopsy ${arg.value.address}`);
      }
      if (!t.truth.types[i].includes(arg.value.type)) t.fail(`argument ${arg.name}: V8 says ${type}, nopsy ${arg.value.type}`);
    });
  },
});

module.exports = cases;
