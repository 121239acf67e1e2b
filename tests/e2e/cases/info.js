'use strict';
/* `info`, `layout`, `whatis`: facts about the process and about addresses in it. */
const compare = require('../lib/compare');
const { mainThread, onSubset, NO_ABORT_FLAG } = require('./stack');

function expectEqual(t, what, expected, actual) {
  if (JSON.stringify(expected) !== JSON.stringify(actual)) t.fail(`${what}: expected ${compare.short(expected)}, got ${compare.short(actual)}`);
}

const SECRET = 'do-not-show-4711';

async function checkInfo(t) {
  const result = await t.run(['info', t.spec, '--json']);
  const info = result.json;
  if (!info) {
    t.fail(`no JSON: ${result.stdout.slice(0, 200)}`);
    return;
  }
  const { truth } = t;
  expectEqual(t, 'pid', truth.pid, info.pid);
  expectEqual(t, 'versions.node', truth.versions.node, info.versions && info.versions.node);
  expectEqual(t, 'versions.v8', /^\d+\.\d+\.\d+/.exec(truth.versions.v8)[0], /^\d+\.\d+\.\d+/.exec((info.versions || {}).v8 || '')?.[0]);
  expectEqual(t, 'executable', truth.execPath, info.executable);
  expectEqual(t, 'argv: the end', truth.argv, (info.argv || []).slice(-truth.argv.length));
  expectEqual(t, 'exec_argv', truth.execArgv, info.exec_argv);
  if (t.mode === 'live') {
    expectEqual(t, 'cwd', truth.cwd, info.cwd);
    expectEqual(t, 'uid', truth.uid, info.uid);
    if (!(info.uptime_ns > 0 && info.uptime_ns < 3600e9)) t.fail(`uptime_ns is ${info.uptime_ns}`);
    if (!(info.memory && info.memory.rss_bytes > 1e6)) t.fail(`memory.rss_bytes is ${compare.short(info.memory)}`);
  }
  if (!(info.threads || []).some((x) => x.tid === truth.pid)) t.fail(`the main thread is not among ${compare.short(info.threads)}`);
  const env = info.env || {};
  const entry = (name) => (Array.isArray(env) ? (env.find((e) => e.name === name) || {}).value : env[name]);
  expectEqual(t, 'env PLAIN', 'visible value', entry('PLAIN'));
  for (const name of ['API_TOKEN', 'DB_PASSWORD', 'AWS_SECRET_ACCESS_KEY']) if (entry(name) === undefined) t.fail(`env ${name} is not told at all`);
  const text = await t.run(['info', t.spec]);
  for (const [how, shown] of [['JSON', result.stdout], ['text', text.stdout]]) if (shown.includes(SECRET)) t.fail(`a secret of the environment is shown as ${how}`);
}

/* ---- isolates ---- */

/* A page of V8's heap by version of Node. */
const pageBytes = (number) => (number < 800 ? 1 << 20 : number < 1200 ? 512 << 10 : 256 << 10);

/*
 * Between V8's own statement and the look the thread that made it says so and
 * goes to sleep, which takes objects and maybe a page.  Up to Node 4 V8 counts
 * pages without their headers (16640 bytes of 1 MiB).  What objects take up is
 * another thing for new space: V8 tells how far it has allocated, the look also
 * sees what lies behind.  And a space's last allocation buffer counts for V8
 * as used, whole.
 */
function near(t, what, expected, actual, pages, share) {
  if (typeof actual !== 'number' || Math.abs(actual - expected) > pages * pageBytes(t.number) + share * expected) {
    t.fail(`${what}: V8 says ${expected}, got ${actual}`);
  }
}

function compareSpaces(t, what, truth, isolate) {
  const share = t.number < 600 ? 0.02 : 0;
  const ours = {};
  for (const s of isolate.spaces) ours[s.space] = s;
  near(t, `${what}: committed`, truth.total, isolate.committed_bytes, 2, share);
  near(t, `${what}: used`, truth.used, isolate.used_bytes, 3, 0.02);
  for (const [name, space] of Object.entries(truth.spaces)) {
    const mine = ours[name] || { committed_bytes: 0, used_bytes: 0 };
    near(t, `${what} ${name}: committed`, space.committed, mine.committed_bytes, 1, share);
    near(t, `${what} ${name}: used`, space.used, mine.used_bytes, name === 'new_space' ? 2 : 1, 0.02);
  }
  for (const name of Object.keys(ours)) {
    if (Object.keys(truth.spaces).length && !truth.spaces[name]) t.fail(`${what}: V8 knows no space ${name}`);
  }
  const sum = isolate.spaces.reduce((n, s) => n + s.committed_bytes, 0);
  expectEqual(t, `${what}: the spaces together`, isolate.committed_bytes, sum);
}

async function checkIsolates(t) {
  const info = await t.json('info', '--used');
  if (!info) return;
  const all = info.isolates || [];
  const byTotal = (a, b) => (a.total || a.committed_bytes) - (b.total || b.committed_bytes);
  const own = all.filter((i) => !i.shared);
  const main = own.find((i) => i.tid === t.truth.pid);
  const workers = own.filter((i) => i !== main).sort(byTotal);
  const [mainTruth, ...workerTruths] = t.truth.isolates;
  if (!main) {
    t.fail(`no isolate runs in the main thread ${t.truth.pid}: ${compare.short(all)}`);
    return;
  }
  compareSpaces(t, 'main', mainTruth, main);
  expectEqual(t, 'isolates of workers', workerTruths.length, workers.length);
  workerTruths.sort(byTotal).forEach((truth, i) => workers[i] && compareSpaces(t, `worker ${i}`, truth, workers[i]));
  for (const isolate of own) {
    const thread = info.threads.find((x) => x.tid === isolate.tid);
    if (!thread || thread.isolate !== isolate.address) {
      t.fail(`isolate ${isolate.address} runs in thread ${isolate.tid}, which says ${compare.short(thread)}`);
    }
  }
  // V8's pages are taken out of the kinds of memory that the kernel knows.
  const v8 = (info.memory.kinds || []).find((k) => k.kind === 'v8_heap') || {};
  const pages = all.reduce((n, i) => n + i.committed_bytes + i.unassigned_bytes, 0);
  near(t, 'memory of kind v8_heap', pages, v8.size_bytes, 3, 0.02);
  if (t.mode === 'live') {
    if (!(v8.resident_bytes > mainTruth.used / 2 && v8.resident_bytes <= v8.size_bytes)) t.fail(`v8_heap: ${compare.short(v8)} is no sensible residence`);
    const spent = info.threads.find((x) => x.tid === t.truth.pid).cpu_ns;
    if (!(spent >= 10e6 && spent < 60e9)) t.fail(`cpu_ns of the main thread is ${spent}`);
  }
  // What it costs to ask is told without --used: no walk over a heap of this size.
  const brief = await t.json('info');
  const quick = brief && brief.isolates.find((i) => i.tid === t.truth.pid);
  if (quick && quick.committed_bytes !== main.committed_bytes) {
    near(t, 'committed, asked for again', main.committed_bytes, quick.committed_bytes, 1, 0);
  }
  if (t.mode === 'live' && quick && 'used_bytes' in quick) t.fail('a live process stands still for a walk that nobody asked for');
}

/* ---- .stack of errors ---- */

async function checkErrorStacks(t) {
  const thread = mainThread(t, await t.json('stack', '--args'));
  const frame = thread && compare.userFrames(thread.frames).find((f) => f.name === 'holdErrors');
  const root = frame && frame.args && frame.args[0].value.address;
  if (!root) {
    t.fail(`no address of the argument of holdErrors: ${compare.short(frame)}`);
    return;
  }
  const names = Object.keys(t.truth.stacks);
  const answer = await t.json('print', ...names.map((name) => `${root}.${name}.stack`));
  if (!answer) return;
  names.forEach((name, i) => {
    expectEqual(t, `${name}.stack: type`, 'string', answer[i].type);
    const [expected, actual] = [t.truth.stacks[name], answer[i].value || ''];
    if (actual !== expected) t.fail(`${name}.stack: V8 says ${JSON.stringify(expected.slice(-700))}, got ${JSON.stringify(actual.slice(-700))}`);
  });
  // A getter of the program's own is not V8's: it cannot be called.
  const getter = await t.json('print', `${root}.getter.stack`);
  if (getter) expectEqual(t, 'getter.stack: type', 'accessor', getter[0].type);
  // As text it is read, not escaped; --redact hides it in both.
  const path = `${root}.fresh.stack`;
  const text = await t.run(['print', t.spec, path]);
  expectEqual(t, 'as text', t.truth.stacks.fresh, text.stdout.trimEnd());
  for (const more of [[], ['--json']]) {
    const redacted = await t.run(['print', t.spec, path, '--redact', ...more]);
    if (redacted.stdout.includes('nobody has read it')) t.fail(`--redact ${more} shows ${redacted.stdout.slice(0, 200)}`);
  }
}

/* ---- what a person reads ---- */

/* Nothing twice, and words for what the kernel abbreviates. */
async function checkText(t) {
  const { stdout } = await t.run(['info', t.spec]);
  const head = stdout.split('\n\n')[0];
  const count = (text, part) => text.split(part).length - 1;
  expectEqual(t, 'times that the head says the pid', 1, count(head, String(t.truth.pid)));
  expectEqual(t, 'times that the head says the version', 1, count(head, `Node.js ${t.truth.versions.node}`));
  const threads = (stdout.split('\nthreads\n')[1] || '').split('\n\n')[0].split('\n').slice(1);
  const main = threads.find((line) => line.trim().startsWith(`${t.truth.pid} `)) || '';
  if (!/ (sleeping|running) /.test(main)) t.fail(`the state of the main thread is not in words: ${compare.short(threads)}`);
  if (threads.some((line) => / [RSDTZ?](\s|$)/.test(line))) t.fail(`a state is a letter: ${compare.short(threads)}`);
  if (!stdout.includes('\nisolates\n')) t.fail('no isolates');
}

const cases = [{
  name: 'info', feature: 'info', fixture: 'info.js', args: () => ['alpha', 'beta gamma'], flags: () => ['--stack-size=900'],
  env: { PLAIN: 'visible value', API_TOKEN: SECRET, DB_PASSWORD: SECRET, AWS_SECRET_ACCESS_KEY: SECRET },
  modes: ['live', 'core'], quick: () => true, check: checkInfo,
}, {
  name: 'info/died', feature: 'died', fixture: 'stack-abort.js', args: () => ['abort'], core: 'self', modes: ['core'], quick: onSubset,
  check: async (t) => {
    const info = await t.json('info');
    expectEqual(t, 'death.signal_name', 'SIGABRT', info && info.death && info.death.signal_name);
  },
}, {
  name: 'info/uncaught', feature: 'died', fixture: 'stack-abort.js', args: () => ['throw'], core: 'self', modes: ['core'], quick: onSubset,
  except: NO_ABORT_FLAG,
  flags: () => ['--abort-on-uncaught-exception'],
  check: async (t) => {
    const result = await t.run(['info', t.spec, '--json']);
    const died = JSON.stringify((result.json || {}).death || null);
    if (!died.includes(t.truth.error.message)) t.fail(`the uncaught exception "${t.truth.error.message}" is not told: ${died.slice(0, 300)}`);
  },
}, {
  name: 'info/oom', feature: 'died', fixture: 'info-oom.js', core: 'self', modes: ['core'],
  quick: (number) => number >= 400 && onSubset(number), // 0.10 takes its time to die
  flags: () => ['--max-old-space-size=30'],
  check: async (t) => {
    const info = await t.json('info');
    const death = (info && info.death) || {};
    if (!/heap|memory/.test(death.fatal_message || '')) t.fail(`V8's last words are not told: ${compare.short(death)}`);
    const text = (await t.run(['info', t.spec])).stdout;
    if (!/\n {4}SIG[A-Z]+ .*\n {8}V8 said: .*heap.*/.test(text)) t.fail(`the text does not say how it died:\n${text.slice(0, 1500)}`);
  },
}, {
  name: 'info/isolates', feature: 'info', fixture: 'info-heap.js', modes: ['live', 'core'], quick: onSubset,
  flags: (number) => ['--expose-gc', ...(number >= 600 ? ['--no-memory-reducer'] : [])], check: checkIsolates,
}, {
  name: 'info/text', feature: 'info', fixture: 'info.js', modes: ['live', 'core'], quick: onSubset, check: checkText,
}, {
  name: 'print/error-stack', feature: 'print', fixture: 'info-errors.js', modes: ['live', 'core'], quick: onSubset,
  flags: (number) => (number < 12 ? ['--nouse-osr'] : []), check: checkErrorStacks,
  explained: [{ name: 'V8 3.14 titles what is no error by its toString()', when: (t) => t.number < 12,
    match: /^captured\.stack: V8 says "\[object Object\]\\n/ }],
}, {
  name: 'layout', feature: 'layout', fixture: 'info.js', modes: ['live', 'core'], quick: () => true,
  check: async (t) => {
    const answer = await t.json('layout');
    if (!answer) return;
    expectEqual(t, 'node_version', t.truth.versions.node, answer.node_version);
    if (!Array.isArray(answer.facts) || answer.facts.length < 50) {
      t.fail(`facts: ${compare.short(answer.facts)}`);
      return;
    }
    const sources = new Set(['symbol', 'table', 'calibrated', 'nearest', 'missing']);
    for (const f of answer.facts) {
      if (!sources.has(f.source)) t.fail(`${f.name}: source is ${compare.short(f.source)}`);
      if ((f.source === 'missing') !== (f.value === null || f.value === undefined)) t.fail(`${f.name}: ${f.source}, but its value is ${f.value}`);
    }
    const nearest = answer.facts.filter((f) => f.source === 'nearest').map((f) => f.name);
    t.notes.push(Object.entries(answer.facts.reduce((n, f) => ({ ...n, [f.source]: (n[f.source] || 0) + 1 }), {})).map((e) => e.join(' ')).join(', '));
    if (nearest.length) t.fail(`guessed from another version: ${nearest.slice(0, 12).join(' ')}${nearest.length > 12 ? ` and ${nearest.length - 12} more` : ''}`);
  },
}, {
  name: 'whatis', feature: 'whatis', fixture: 'stack-args.js', args: () => ['plain'], modes: ['live', 'core'], quick: onSubset,
  check: async (t) => {
    const thread = mainThread(t, await t.json('stack', '--args'));
    if (!thread) return;
    const user = compare.userFrames(thread.frames);
    const service = user.find((f) => f.name === 'handle');
    if (!service || !service.this) {
      t.fail('no frame handle with a receiver');
      return;
    }
    const about = async (address, what, pattern, options) => {
      const result = await t.run(['whatis', t.spec, address, '--json'], options);
      if (!pattern.test(result.stdout)) t.fail(`whatis ${what} ${address}: ${pattern} is not in ${result.stdout.slice(0, 400)} ${result.stderr.slice(0, 200)}`);
      return result;
    };
    const hex = (address, add) => '0x' + ((BigInt(address) & ~3n) + BigInt(add)).toString(16);
    await about(service.this.address, 'an object', /Service|JS_OBJECT/);
    await about(hex(service.this.address, 24), 'inside an object', /Service|JS_OBJECT/);
    await about(user[0].fp, 'a frame pointer', /stack/i);
    await about('0x1000', 'nothing', /unmapped|not mapped|nothing/i, { status: [0, 1, 3] });
  },
}];

module.exports = cases;
