'use strict';
/* Where cores and binaries come from: compressed, from elsewhere, stripped, deleted, in namespaces. */
const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const compare = require('../lib/compare');
const corefile = require('../lib/corefile');
const versions = require('../lib/versions');
const { Target, SkipError, must } = require('../lib/target');
const { policy } = require('./stack');

const FIXTURE = path.join(versions.TESTS, 'fixtures/stack-args.js');
const some = (n) => n === 10 || n === 817 || n === 1620 || n === 2421;
const latest = (n) => n === 2421 || n === 2610;

async function started(t, options) {
  const target = new Target({ node: t.node, fixture: FIXTURE, args: ['plain'], cwd: t.dir, ...options });
  try {
    t.truth = await target.truth();
    if (options && options.wrapped) target.watched = childOf(target.pid);
    await target.settle('spin');
  } catch (e) {
    await target.kill();
    throw e;
  }
  return target;
}

/* The whole truth on this target; `tid` where it is not the pid of the truth (namespaces). */
async function mustBeRight(t, spec, extra = [], tid) {
  const result = await t.run(['stack', spec, '--args', '--json', ...extra]);
  if (!result.json) return;
  const thread = result.json.threads.find((x) => x.tid === (tid || t.truth.pid)) || result.json.threads[0];
  compare.thread(t.truth.frames, thread.frames, policy(t), t.diffs, `${path.basename(spec)} ${extra.join(' ')}`);
}

/* A copy of the binary somewhere of its own, without the writable-file race of a fresh executable. */
function privateNode(t, name = 'node') {
  const file = path.join(t.dir, name);
  fs.copyFileSync(t.node, file);
  fs.chmodSync(file, 0o755);
  return file;
}

/* A program and Node in one file (`node --build-sea`, 25.5 and later). */
const SINGLE = `function spinner(name, n) { for (;;) { n = (n + 1) % 1000; if (name === n) break; } }
function start() { spinner('sea-argument', 3); }
console.log(JSON.stringify({ fixture: 'single-executable', pid: process.pid, frames: [] }));
start();
`;

function singleExecutable(t) {
  const main = path.join(t.dir, 'app.js');
  const config = path.join(t.dir, 'sea.json');
  const app = path.join(t.dir, 'app');
  fs.writeFileSync(main, SINGLE);
  fs.writeFileSync(config, JSON.stringify({ main, output: app, disableExperimentalSEAWarning: true }));
  const made = spawnSync(t.node, ['--build-sea', config], { cwd: t.dir, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`--build-sea: ${made.stderr}`);
  return app;
}

function spinnerIn(t, result, what) {
  const frames = result.json ? result.json.threads[0].frames.filter((f) => f.kind === 'js') : [];
  const [top, next] = frames;
  if (!top || top.name !== 'spinner' || top.line !== 1 || next.name !== 'start' || next.line !== 2) {
    t.fail(`${what}: the youngest frames are ${frames.slice(0, 3).map((f) => `${f.name}:${f.line}`)}`);
  } else if (!top.args || top.args[0].value.value !== 'sea-argument') {
    t.fail(`${what}: the argument is ${JSON.stringify(top.args)}`);
  }
}

const cases = [{
  name: 'cores/single-executable', from: 2600, quick: latest,
  check: async (t) => {
    const target = new Target({ node: singleExecutable(t), fixture: FIXTURE, args: [], cwd: t.dir });
    t.truth = await target.truth();
    await target.settle('spin');
    spinnerIn(t, await t.run(['stack', String(t.truth.pid), '--args', '--json']), 'alive');
    const people = await t.run(['stack', String(t.truth.pid)]);
    if (!/#0 spinner /.test(people.stdout)) t.fail('as text the frames of the program are folded away');
    const file = await target.kernelCore('SIGABRT');
    spinnerIn(t, await t.run(['stack', file, '--args', '--json']), 'core');
  },
}, {
  name: 'cores/compressed', quick: some,
  check: async (t) => {
    const target = await started(t);
    const file = await target.kernelCore('SIGABRT');
    const compress = [['zstd', ['-q', '-1', '-o', `${file}.zst`, file], '.zst'], ['lz4', ['-q', '-1', file, `${file}.lz4`], '.lz4'],
      ['gzip', ['-1', '-k', file], '.gz']];
    for (const [command, args, suffix] of compress) {
      await must(command, args);
      await mustBeRight(t, file + suffix);
      // The name does not tell: the content does.
      fs.renameSync(file + suffix, path.join(t.dir, 'plain-name'));
      await mustBeRight(t, path.join(t.dir, 'plain-name'));
    }
    const cut = await corefile.cut(path.join(t.dir, 'plain-name'), path.join(t.dir, 'cut.gz'), 0.5);
    await t.run(['stack', cut, '--json'], { status: [1, 3] });
  },
}, {
  name: 'cores/from-elsewhere', quick: some,
  check: async (t) => {
    const node = privateNode(t);
    const target = await started(t, { node });
    const libraries = new Set(target.proc('maps').match(/\/\S+\.so[\w.]*$/gm) || []);
    const file = await target.kernelCore('SIGABRT');
    fs.unlinkSync(node);
    const without = await t.run(['stack', file, '--json'], { status: [0, 1, 3] });
    if (without.status === 0) t.fail('the binary of the core is gone, and stack says nothing about it');
    else if (!/--exe/.test(without.stderr)) t.fail(`the message does not say to try --exe: ${without.stderr.trim()}`);
    await mustBeRight(t, file, ['--exe', t.node]);
    // A sysroot has the files where the core names them.
    const sysroot = path.join(t.dir, 'sysroot');
    for (const [from, name] of [[t.node, node], ...[...libraries].map((l) => [l, l])]) {
      fs.mkdirSync(path.join(sysroot, path.dirname(name)), { recursive: true });
      fs.copyFileSync(from, path.join(sysroot, name));
    }
    await mustBeRight(t, file, ['--sysroot', sysroot]);
    // Another program at the recorded place must not be taken for it.
    fs.copyFileSync('/bin/sh', node);
    await t.run(['stack', file], { status: [1, 3] });
  },
}, {
  name: 'cores/deleted-exe', quick: some,
  check: async (t) => {
    const node = privateNode(t);
    const target = await started(t, { node });
    try {
      fs.unlinkSync(node);
      await mustBeRight(t, String(target.pid));
      // Replaced by another version, as an upgrade does.
      fs.copyFileSync(versions.binary(versions.list('versions').find((v) => v !== t.version && fs.existsSync(versions.binary(v)))), node);
      await mustBeRight(t, String(target.pid));
    } finally {
      await target.kill();
    }
  },
}, {
  name: 'cores/stripped', quick: some,
  check: async (t) => {
    const node = privateNode(t, 'my-service');
    await must('strip', [node]);
    const target = await started(t, { node });
    try {
      await mustBeRight(t, String(target.pid));
      await mustBeRight(t, await target.kernelCore('SIGABRT'));
    } finally {
      await target.kill();
    }
  },
}, {
  name: 'cores/namespaces', quick: latest,
  check: async (t) => {
    if (process.getuid() !== 0 || spawnSync('unshare', ['-m', '-p', '--fork', 'true']).status !== 0) {
      throw new SkipError('no namespaces: unshare -m -p does not work here');
    }
    // In there the binary is at a path that does not exist outside.
    const hidden = path.join(t.dir, 'hidden');
    fs.mkdirSync(hidden);
    const script = `mount -t tmpfs none ${hidden} && cp ${t.node} ${hidden}/node && ulimit -c unlimited && exec ${hidden}/node "$0" "$@"`;
    const target = await started(t, { node: 'unshare', wrapped: true,
      flags: ['-m', '-p', '--fork', '--kill-child', 'sh', '-c', script] });
    try {
      await mustBeRight(t, String(target.watched), [], target.watched);
    } finally {
      await target.kill();
    }
  },
}, {
  name: 'cores/named-like-a-pid', quick: latest,
  check: async (t) => {
    // A file name that looks like a pid is a pid; with a slash it is a file.
    const target = await started(t);
    const file = await target.kernelCore('SIGABRT');
    fs.renameSync(file, path.join(t.dir, '12345'));
    await mustBeRight(t, path.join(t.dir, '12345'));
    await t.run(['stack', './12345', '--json'], { cwd: t.dir });
  },
}];

function childOf(pid) {
  const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return children.length ? Number(children[0]) : 0;
}

for (const c of cases) {
  c.feature = 'cores';
  c.modes = ['solo'];
}
module.exports = cases;
