'use strict';
/* `nopsy stack`: names, arguments, lines, every way to be stopped. */
const { spawnSync } = require('child_process');
const path = require('path');
const compare = require('../lib/compare');

const MAJORS = [10, 12, 409, 617, 817, 1024, 1222, 1421, 1620, 1820, 2020, 2223, 2421, 2610];
/* Where a feature is tested in the quick set: the extremes and the layouts between. */
const SUBSET = new Set([10, 409, 817, 1222, 1620, 2020, 2421, 2610]);
const onSubset = (number) => SUBSET.has(number) || !MAJORS.includes(number);

/* The first Node whose V8 has Ignition and TurboFan alone; 8.0 to 8.2 still run full-codegen and Crankshaft code. */
const TURBOFAN_FROM = 803;

/*
 * Before, the position comes from the code's relocation data, or the frame
 * says that it has only the definition.  Later every caller's position is
 * exact; only the leaf, stopped between two recorded positions of optimised
 * code, may be approximate.
 */
function policy(t, more) {
  return {
    args: true,
    display: true,
    locals: false,
    definition: () => t.number < TURBOFAN_FROM,
    approximate: (i) => (t.number < TURBOFAN_FROM ? 'function' : i === 0),
    ...more,
  };
}

function mainThread(t, answer) {
  if (!answer) return null;
  if (!Array.isArray(answer.threads) || !answer.threads.length) {
    t.fail(`stack: no threads in ${compare.short(answer)}`);
    return null;
  }
  const tid = t.truth.pid;
  const thread = answer.threads.find((x) => x.tid === tid);
  if (!thread) t.fail(`stack: no thread ${tid} among ${answer.threads.map((x) => x.tid).join(' ')}`);
  return thread || null;
}

function countPositions(t, frames) {
  const counts = {};
  for (const f of compare.userFrames(frames)) counts[f.position] = (counts[f.position] || 0) + 1;
  t.notes.push(`positions: ${Object.entries(counts).map(([k, n]) => `${n} ${k}`).join(', ')}`);
}

async function checkMain(t, more) {
  const answer = await t.json('stack', '--args', '--locals');
  const thread = mainThread(t, answer);
  if (!thread) return;
  if (!/^0x[0-9a-f]+$/.test(thread.isolate || '')) t.fail(`stack: isolate is ${compare.short(thread.isolate)}`);
  compare.thread(t.truth.frames, thread.frames, policy(t, more), t.diffs);
  countPositions(t, thread.frames);
}

/* A loop is elsewhere each time: look often. */
async function checkMainOften(t) {
  const times = t.mode === 'live' ? 12 : 1;
  const seen = {};
  for (let i = 0; i < times && !t.diffs.length; i++) {
    const thread = mainThread(t, await t.json('stack', '--args'));
    if (!thread) return;
    compare.thread(t.truth.frames, thread.frames, policy(t), t.diffs);
    const user = compare.userFrames(thread.frames);
    const key = `${user[0] && user[0].tier} ${user.filter((f) => f.inlined).length} inlined, leaf ${user[0] && user[0].position}`;
    seen[key] = (seen[key] || 0) + 1;
  }
  for (const [key, n] of Object.entries(seen)) t.notes.push(`${n} times: ${key}`);
}

/* Flags that keep a loop in the tier named. */
const TIER_FLAGS = {
  interpreted: (n) => n < 900 ? [] : ['--no-use-osr', '--no-opt', ...(n >= 1600 ? ['--no-sparkplug'] : []), ...(n >= 2000 ? ['--no-maglev'] : [])],
  baseline: () => ['--always-sparkplug', '--no-opt', '--no-use-osr'],
  maglev: () => ['--maglev', '--no-opt'],
};

const cases = [];
/* On-stack replacement in V8 3.14 clears the arguments; cases that are not about it do without. */
const NO_OSR_BELOW_0_12 = (n) => (n < 12 ? ['--nouse_osr'] : []);

for (const variant of ['plain', 'arguments', 'helper']) {
  cases.push({
    name: `stack-args/${variant}`, feature: 'stack', fixture: 'stack-args.js', args: () => [variant],
    modes: variant === 'plain' ? ['live', 'gcore', 'core'] : ['live', 'core'],
    quick: (n, mode) => variant === 'plain' ? mode !== 'gcore' || onSubset(n) : onSubset(n),
    check: variant === 'plain' ? checkMain : checkMainOften,
  });
}

/* The frames of Node's own modules below the program: V8 names them in its stack, too. */
cases.push({
  name: 'stack-internal', feature: 'internal frames', fixture: 'stack-args.js', args: () => ['plain'], modes: ['live', 'core'],
  quick: (n, mode) => mode === 'core',
  check: async (t) => {
    const thread = mainThread(t, await t.json('stack', '--internal'));
    if (!thread) return;
    if (!t.truth.internal.length) t.fail('V8 names no internal frames');
    compare.thread(t.truth.internal, thread.frames, policy(t, { args: false, approximate: () => t.number < 800 && 'function' }),
      t.diffs, 'internal', compare.internalFrames);
  },
  explained: [{
    // Functions of Node's start-up snapshot have lost their inferred names; we read them from the source before the function.
    name: 'names found in the source', when: (t) => t.number >= 2200,
    match: /expected the name null, got "Module\.|V8 prints "Object\.\.js", got "Module\._extensions\.\.js"/,
  }, {
    // The receiver of these is the function Module, which V8 names as a class from Node 24 on.
    name: 'functions of the function Module', when: (t) => t.number >= 2400,
    match: /V8 prints "Module\..*", got "Function\./,
  }],
});

cases.push({
  name: 'stack-args/interpreted', feature: 'tiers', fixture: 'stack-args.js', args: () => ['plain'], from: 900,
  flags: TIER_FLAGS.interpreted, modes: ['live', 'core'], quick: onSubset,
  check: async (t) => {
    await checkMain(t, { locals: true });
    const thread = mainThread(t, await t.json('stack'));
    const other = thread && compare.userFrames(thread.frames).find((f) => f.tier !== 'interpreted');
    if (other) t.fail(`only the interpreter ran, but ${other.name} is ${other.tier}`);
  },
}, {
  name: 'stack-args/baseline', feature: 'tiers', fixture: 'stack-args.js', args: () => ['plain'], from: 1700,
  flags: TIER_FLAGS.baseline, modes: ['live', 'core'], quick: onSubset,
  check: async (t) => {
    await checkMain(t, { locals: true });
    const thread = mainThread(t, await t.json('stack'));
    if (thread && !compare.userFrames(thread.frames).some((f) => f.tier === 'baseline')) {
      t.fail('with --always-sparkplug no frame is baseline');
    }
  },
}, {
  name: 'stack-deep', feature: 'stack', fixture: 'stack-deep.js', modes: ['live', 'core'], quick: onSubset, check: checkMain,
  flags: NO_OSR_BELOW_0_12,
});

for (const [variant, from] of [['fifo', 0], ['exec', 12], ['atomics', 817]]) {
  cases.push({
    name: `stack-blocked/${variant}`, feature: 'blocked', fixture: 'stack-blocked.js', from,
    prepare: (t) => {
      if (variant === 'fifo') spawnSync('mkfifo', [path.join(t.dir, 'fifo')]);
    },
    args: (t) => [variant, ...(variant === 'fifo' ? [path.join(t.dir, 'fifo')] : [])],
    modes: ['live', 'core'], quick: (n) => variant === 'fifo' || onSubset(n),
    check: (t) => checkMain(t, { approximate: () => t.number < 800 && 'function' }),
  });
}

/* --abort-on-uncaught-exception does not exist in the first and does nothing in the second. */
const NO_ABORT_FLAG = ['0.10.0', '4.0.0'];

for (const variant of ['abort', 'throw']) {
  cases.push({
    name: `stack-abort/${variant}`, feature: 'died', fixture: 'stack-abort.js', args: () => [variant], core: 'self',
    flags: () => (variant === 'throw' ? ['--abort-on-uncaught-exception'] : []),
    except: variant === 'throw' ? NO_ABORT_FLAG : [], modes: ['core'], quick: (n) => variant === 'abort' || onSubset(n),
    check: (t) => checkMain(t, { approximate: () => t.number < 800 && 'function' }),
  });
}

/* V8 3.14 moves the arguments of a loop that it replaces on the stack into registers. */
const EXPLAINED_OSR = [{
  name: 'arguments after on-stack replacement', when: (t) => t.number < 12,
  match: /: expected .*, got ("unreadable"|undefined)|this: type: expected "object"/,
}];

cases.push({
  name: 'stack-inline/inlined', feature: 'inlining', fixture: 'stack-inline.js', args: () => ['inlined'],
  modes: ['live', 'core'], quick: onSubset, check: checkMainOften, explained: EXPLAINED_OSR,
}, {
  name: 'stack-inline/osr', feature: 'inlining', fixture: 'stack-inline.js', args: () => ['osr'],
  modes: ['live', 'core'], quick: onSubset, check: checkMainOften, explained: EXPLAINED_OSR,
}, {
  name: 'stack-inline/not-inlined', feature: 'inlining', fixture: 'stack-inline.js', args: () => ['inlined'],
  flags: (n) => (n < TURBOFAN_FROM ? ['--nouse-inlining'] : n < 1800 ? ['--no-turbo-inlining'] : ['--no-turbo-inlining', '--max-inlined-bytecode-size=0']),
  modes: ['live'], quick: onSubset, explained: EXPLAINED_OSR, check: async (t) => {
    await checkMainOften(t);
    const thread = mainThread(t, await t.json('stack'));
    const inlined = thread && compare.userFrames(thread.frames).find((f) => f.inlined);
    if (inlined) t.fail(`inlining is off, but ${inlined.name} is said to be inlined`);
  },
});

/* --no-sparkplug and maglev exist from some version on; the fixture's start tells. */
cases.push({
  name: 'stack-inline/maglev', feature: 'inlining', fixture: 'stack-inline.js', args: () => ['inlined'], from: 2200,
  flags: () => ['--maglev', '--no-turbofan'], modes: ['live', 'core'], quick: onSubset, check: checkMainOften, explained: EXPLAINED_OSR,
});

/* Differences between V8's own text and ours that stay. */
const EXPLAINED_NAMES = [{
  // V8 3.14 searches the receiver for the function and finds it among the elements of the array that the fixture calls from.
  name: 'the method name of an array element', when: (t) => t.number < 12,
  match: /V8 prints "(Array|Object)\.(.* \[as \d+\]|\d+)", got "(Array|Object)\./,
}, {
  // V8 5.1 does not see that the constructor of a derived class is called as one.
  name: 'constructors of derived classes', when: (t) => t.number < 700,
  match: /V8 prints "(Implicit|Circle)(\.Shape)?", got "new /,
}, {
  // Up to V8 5.1 the type is the name of what `constructor` finds: an object without a prototype has none.
  name: 'receivers without a prototype', when: (t) => t.number < 700,
  match: /V8 prints "(bare\.go|run)", got "Object\.(bare\.go|run)"/,
}, {
  // Up to V8 5.1 a method that a prototype has under a second name gets no alias.
  name: 'aliases of methods', when: (t) => t.number < 700,
  match: /V8 prints "Object\.next", got "Object\.next \[as call\]"/,
}];

for (const [name, from, args] of [
  ['stack-names', 0], ['stack-names-eval', 0], ['stack-names-es6', 600], ['stack-names-async', 800, ['first']],
  ['stack-names-async', 800, ['resumed']], ['stack-names-class', 1406], ['stack-names-module', 1317],
]) {
  cases.push({
    name: args ? `${name}/${args[0]}` : name, feature: 'names',
    fixture: name === 'stack-names-module' ? `${name}.mjs` : `${name}.js`, from, args: () => args || [],
    modes: ['live', 'core'], quick: (n, mode) => mode === 'live' || onSubset(n),
    check: (t) => checkMain(t, { args: false }), explained: EXPLAINED_NAMES,
  });
}

cases.push({
  name: 'stack-worker', feature: 'workers', fixture: 'stack-worker.js', from: 1200, modes: ['live', 'core'], quick: () => true,
  check: async (t) => {
    const answer = await t.json('stack', '--args');
    if (!mainThread(t, answer)) return;
    for (const expected of t.truth.threads) {
      if (!expected.frames.length) continue;
      const leaf = expected.frames[0].name;
      const found = answer.threads.filter((x) => compare.userFrames(x.frames).some((f) => f.name === leaf));
      if (found.length !== 1) {
        t.fail(`${found.length} threads show ${leaf} of worker ${expected.role}`);
        continue;
      }
      compare.thread(expected.frames, found[0].frames, policy(t), t.diffs, `worker ${expected.role}`);
    }
    const idle = mainThread(t, answer);
    const frames = compare.userFrames(idle.frames);
    if (frames.length) t.fail(`the main thread waits for events, but shows ${frames.map((f) => f.name).join(' ')}`);
    const isolates = new Set(answer.threads.map((x) => x.isolate).filter((x) => x && x !== '0x0'));
    if (isolates.size !== 5) t.fail(`five isolates run, ${isolates.size} are told: ${[...isolates].join(' ')}`);
  },
});

module.exports = cases;
module.exports.policy = policy;
module.exports.mainThread = mainThread;
module.exports.onSubset = onSubset;
module.exports.NO_ABORT_FLAG = NO_ABORT_FLAG;
