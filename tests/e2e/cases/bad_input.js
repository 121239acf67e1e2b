'use strict';
/* What nopsy must survive: broken cores, wrong binaries, processes that go away or may not be looked at. */
const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');
const compare = require('../lib/compare');
const corefile = require('../lib/corefile');
const nopsy = require('../lib/nopsy');
const versions = require('../lib/versions');
const { Target, delay } = require('../lib/target');

const FIXTURES = path.join(versions.TESTS, 'fixtures');

async function start(t, fixture, args = [], options = {}) {
  const target = new Target({ node: t.node, fixture: path.join(FIXTURES, fixture), args, cwd: t.dir, ...options });
  try {
    target.told = await target.truth();
    await target.settle(target.told.state);
  } catch (e) {
    await target.kill();
    throw e;
  }
  return target;
}

async function withTarget(t, fixture, args, body, options) {
  const target = await start(t, fixture, args, options);
  try {
    return await body(target);
  } finally {
    await target.kill();
  }
}

async function makeCore(t, options) {
  return withTarget(t, 'stack-args.js', [], async (target) => ({ file: await target.kernelCore('SIGABRT'), truth: target.told }), options);
}

/* A failure is one message on standard error that names the target, and no answer. */
async function mustFail(t, args, mention, options = {}) {
  const result = await t.run(args, { status: options.status || 1, ...options });
  const lines = result.stderr.split('\n').filter((l) => l.trim());
  const said = nopsy.shown(result);
  if (!lines.length) t.fail(`${said}: nothing on standard error`);
  if (lines.filter((l) => /^nopsy: /.test(l) && !/^nopsy: warning/.test(l)).length > 1) t.fail(`${said}: more than one message:\n${result.stderr}`);
  if (result.stdout.trim()) t.fail(`${said}: failed, but answered: ${result.stdout.slice(0, 200)}`);
  for (const pattern of [].concat(mention || [])) if (!pattern.test(result.stderr)) t.fail(`${said}: ${pattern} is not in the message: ${result.stderr.trim()}`);
  return result;
}

/* Any answer is fine that is unbroken, valid JSON and says what it lacks. */
async function mustCope(t, args, options = {}) {
  const result = await t.run([...args, '--json'], { status: [0, 1, 3], ...options });
  if (result.status !== 1 && !result.json && !result.broken) t.fail(`${nopsy.shown(result)}: no JSON: ${result.jsonError} ${result.stdout.slice(0, 200)}`);
  if (result.status !== 0 && !result.stderr.trim()) t.fail(`${nopsy.shown(result)}: status ${result.status} and nothing on standard error`);
  return result;
}

function frameNames(answer) {
  const all = [];
  for (const thread of (answer && answer.threads) || []) for (const f of compare.userFrames(thread.frames)) all.push(`${f.name}:${f.line}`);
  return all;
}

const COMMANDS = [['stack', '--args', '--locals'], ['stack', '--source'], ['info'], ['layout']];
const latest = (n) => n === 2421;
const some = (n) => n === 10 || n === 1222 || n === 2421;

const cases = [{
  name: 'bad-input/truncated', quick: some,
  check: async (t) => {
    const { file } = await makeCore(t);
    for (const fraction of [0, 0.00001, 0.001, 0.3, 0.6, 0.9, 0.999]) {
      const cut = await corefile.cut(file, path.join(t.dir, 'cut'), fraction);
      for (const command of COMMANDS) {
        const result = await mustCope(t, [command[0], cut, ...command.slice(1)]);
        if (fraction >= 0.3 && command[0] === 'stack' && result.status === 0 && !/truncat|incomplete|missing/i.test(result.stderr)) {
          t.fail(`stack of a core cut to ${fraction * 100} %: status 0 without a word`);
        }
      }
      fs.unlinkSync(cut);
    }
  },
}, {
  name: 'bad-input/flipped', quick: some,
  check: async (t) => {
    const { file } = await makeCore(t);
    const good = frameNames(await nopsyJson(t, ['stack', file]));
    if (!good.length) t.fail('the core is not readable before it is damaged');
    let same = 0;
    const rounds = Number(process.env.NOPSY_FLIPS || 12);
    for (let seed = 1; seed <= rounds; seed++) {
      const undo = corefile.flip(file, seed, seed % 3 ? 400 : 6, seed % 3 ? 'data' : 'header');
      const before = t.diffs.length;
      for (const command of COMMANDS) {
        const result = await mustCope(t, [command[0], file, ...command.slice(1)]);
        if (command[0] === 'stack' && command[1] === '--args' && frameNames(result.json).join() === good.join()) same++;
      }
      if (t.diffs.length > before) t.fail(`the damage is corefile.flip(core, ${seed}, ${seed % 3 ? 400 : 6}, '${seed % 3 ? 'data' : 'header'}')`);
      undo();
    }
    t.notes.push(`${rounds} damaged cores, ${same} with the whole stack all the same`);
  },
}, {
  name: 'bad-input/files', quick: latest,
  check: async (t) => {
    const file = (name, content) => {
      fs.writeFileSync(path.join(t.dir, name), content);
      return path.join(t.dir, name);
    };
    const noise = Buffer.alloc(100000, 0).map((x, i) => (i * 7919) & 255);
    const bad = [
      file('empty', ''), file('text', 'not a core\n'), file('noise', noise), file('elf-only', '\x7fELF'),
      file('gzip-of-text', require('zlib').gzipSync('not a core')), file('gzip-cut', require('zlib').gzipSync(noise).subarray(0, 30)),
      file('zstd-cut', Buffer.from('28b52ffd', 'hex')), file('lz4-cut', Buffer.from('04224d18', 'hex')),
      t.dir, '/no/such/core', t.node, '/bin/sh', '/dev/null',
    ];
    for (const target of bad) for (const command of ['stack', 'info', 'layout']) await mustFail(t, [command, target], new RegExp(path.basename(target)));
    await mustFail(t, ['print', bad[0], '0x1234'], /empty/);
  },
}, {
  name: 'bad-input/core-of-another-program', quick: latest,
  check: async (t) => {
    const child = spawn('/bin/sh', ['-c', 'ulimit -c unlimited; exec sleep 1000'], { cwd: t.dir });
    while (!fs.existsSync(`/proc/${child.pid}/comm`) || fs.readFileSync(`/proc/${child.pid}/comm`, 'utf8') !== 'sleep\n') await delay(5);
    const gone = new Promise((resolve) => child.on('exit', resolve));
    // Alive: native frames are an answer, JavaScript is not there.
    await sleepIsNotNode(t, String(child.pid));
    process.kill(child.pid, 'SIGABRT');
    await gone;
    const core = fs.readdirSync(t.dir).find((n) => /^core/.test(n));
    if (core) await sleepIsNotNode(t, path.join(t.dir, core));
  },
}, {
  name: 'bad-input/wrong-exe', quick: latest,
  check: async (t) => {
    const { file } = await makeCore(t);
    const other = versions.list('versions').find((v) => v !== t.version && fs.existsSync(versions.binary(v)) && versions.number(v) > 400);
    const result = await mustFail(t, ['stack', file, '--exe', versions.binary(other)]);
    const ids = result.stderr.match(/\b[0-9a-f]{40}\b|\b\d+\.\d+\.\d+/g) || [];
    // Node 0.10.48 and 0.12 were linked without a build-id: then the files are named.
    const files = /build-id none/.test(result.stderr) && [versions.binary(other), t.node].every((f) => result.stderr.includes(f));
    if (new Set(ids).size < 2 && !files) t.fail(`the message does not name both binaries: ${result.stderr.trim()}`);
    await mustFail(t, ['stack', file, '--exe', '/bin/sh']);
    await mustFail(t, ['stack', file, '--exe', '/no/such/node'], /no.such.node/);
    await mustFail(t, ['stack', file, '--exe', file]);
    const right = await t.run(['stack', file, '--exe', t.node, '--json']);
    if (!frameNames(right.json).length) t.fail('the right --exe gives no frames');
  },
}, {
  name: 'bad-input/no-process', quick: latest,
  check: async (t) => {
    for (const pid of ['4194300', '999999999', '99999999999999999999', '0']) await mustFail(t, ['stack', pid], undefined, { status: [1, 2] });
    await mustFail(t, ['stack', '2'], undefined); // a kernel thread, or nothing
    const child = spawn('/bin/sh', ['-c', 'exit 0 & exec sleep 1000']);
    try {
      const zombie = await findZombie(child.pid);
      if (zombie) await mustFail(t, ['stack', zombie]);
    } finally {
      child.kill('SIGKILL');
    }
  },
}, {
  name: 'bad-input/no-permission', quick: latest,
  check: async (t) => {
    if (process.getuid() !== 0) {
      await mustFail(t, ['stack', '1'], /permi|ptrace|root|CAP_SYS_PTRACE/i);
      return;
    }
    const program = path.join(t.dir, 'nopsy');
    fs.chmodSync(t.dir, 0o755);
    fs.copyFileSync(nopsy.program(), program);
    fs.chmodSync(program, 0o755);
    await withTarget(t, 'stack-args.js', [], async (target) => {
      const result = await asNobody(program, ['stack', String(target.pid)]);
      if (result.status !== 1 || !/permi|ptrace|root|CAP_SYS_PTRACE/i.test(result.stderr)) {
        t.fail(`as nobody: status ${result.status}, ${result.stderr.trim()}`);
      }
      if (target.stat().state !== 'R') t.fail('the target does not run any more');
    });
  },
}, {
  name: 'bad-input/exits-meanwhile', quick: some,
  check: async (t) => {
    const next = corefile.random(7);
    const statuses = {};
    for (let i = 0; i < 25; i++) {
      const child = spawn(t.node, ['-e', `setTimeout(function () { process.exit(0); }, ${20 + next(160)})`], { stdio: 'ignore' });
      const gone = new Promise((resolve) => child.on('exit', resolve));
      while (!child.exitCode && child.exitCode !== 0) {
        const result = await mustCope(t, ['stack', String(child.pid), '--args']);
        statuses[result.status] = (statuses[result.status] || 0) + 1;
        if (t.diffs.length) break;
      }
      await gone;
      if (t.diffs.length) break;
    }
    t.notes.push(`statuses: ${JSON.stringify(statuses)}`);
  },
}, {
  name: 'bad-input/killed-nopsy', quick: some, alone: true,
  check: async (t) => withTarget(t, 'tick.js', ['spin'], async (target) => {
    const next = corefile.random(11);
    let typical = 0;
    for (let i = 0; i < 3; i++) typical = Math.max(typical, (await t.run(['stack', String(target.pid), '--args'])).ms);
    for (let i = 0; i < 80; i++) {
      await nopsy.run(['stack', String(target.pid), '--args', '--locals'], {
        onSpawn: (child) => setTimeout(() => child.kill(['SIGKILL', 'SIGTERM', 'SIGINT'][i % 3]), next(Math.ceil(typical * 1.2))),
      });
      const stopped = await stillStopped(target);
      if (stopped) {
        t.fail(`after kill number ${i} the target is left ${stopped}`);
        process.kill(target.pid, 'SIGCONT');
        return;
      }
    }
    target.lines.length = 0;
    await target.line();
    t.notes.push(`80 kills within ${Math.round(typical * 1.2)} ms of a start`);
  }),
}, {
  name: 'bad-input/stopped-target', quick: latest,
  check: async (t) => withTarget(t, 'stack-args.js', [], async (target) => {
    process.kill(target.pid, 'SIGSTOP');
    while (target.stat().state !== 'T') await delay(5);
    const answer = await t.run(['stack', String(target.pid), '--json']);
    if (!frameNames(answer.json).length) t.fail('a stopped process shows no frames');
    await delay(50);
    if (target.stat().state !== 'T') t.fail(`the process was stopped by its user, now it is ${target.stat().state}`);
    process.kill(target.pid, 'SIGCONT');
    while (target.stat().state !== 'R') await delay(5);
  }),
}, {
  name: 'bad-input/traced-target', quick: latest,
  check: async (t) => withTarget(t, 'stack-args.js', [], async (target) => {
    const gdb = spawn('gdb', ['-q', '-nx', '-p', String(target.pid)], { stdio: ['pipe', 'pipe', 'ignore'] });
    const gone = new Promise((resolve) => gdb.on('exit', resolve));
    try {
      while (!/TracerPid:\s*[1-9]/.test(target.proc('status'))) await delay(20);
      await mustFail(t, ['stack', String(target.pid)], /trac/i);
    } finally {
      gdb.kill('SIGKILL');
      await gone;
    }
  }),
}];

async function nopsyJson(t, args) {
  return (await t.run([...args, '--json'])).json;
}

function asNobody(program, args) {
  const { spawnSync } = require('child_process');
  return spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', program, ...args], { encoding: 'utf8', timeout: 30000 });
}

async function sleepIsNotNode(t, spec) {
  const stack = await t.run(['stack', spec, '--json'], { status: [0, 1, 3] });
  if (stack.json && stack.json.threads.some((x) => x.frames.some((f) => f.kind === 'js'))) t.fail(`sleep shows JavaScript: ${stack.stdout.slice(0, 300)}`);
  if (!stack.json && !/node|V8|JavaScript/i.test(stack.stderr)) t.fail(`stack of sleep: ${stack.stderr.trim()}`);
  await mustFail(t, ['print', spec, '0x1000'], /node|V8/i);
  await mustFail(t, ['layout', spec], /node|V8/i);
}

async function findZombie(parent) {
  for (let i = 0; i < 100; i++) {
    const children = fs.readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').filter(Boolean);
    for (const pid of children) {
      if (/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'))) return pid;
    }
    await delay(5);
  }
  return null;
}

/* null when the target runs untraced within half a second; else how it is stopped. */
async function stillStopped(target) {
  let seen = '';
  for (let i = 0; i < 50; i++) {
    const { state } = target.stat();
    const traced = /TracerPid:\s*[1-9]/.test(target.proc('status'));
    if (!/[tT]/.test(state) && !traced) return null;
    seen = `in state ${state}${traced ? ', traced' : ''}`;
    await delay(10);
  }
  return seen;
}

for (const c of cases) {
  c.feature = 'bad input';
  c.modes = ['solo'];
}
module.exports = cases;
