'use strict';
/*
 * The case that decides: a process in a container whose memory is too small for
 * V8's own snapshot.  V8's attempt gets a process killed and leaves a file that
 * is no snapshot; nopsy writes a whole one of such a process, which lives on.
 */
const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');
const { SkipError } = require('../lib/target');
const { HeapSnapshot, formatProblems } = require('../lib/heapsnapshot');
const versions = require('../lib/versions');

/* The case as it was met is 488 in 1536; these run with all the others. */
const HEAP_MB = Number(process.env.NOPSY_LIMITED_HEAP_MB || 90);
const LIMIT_MB = Number(process.env.NOPSY_LIMIT_MB || 300);
const TARGET = path.join(versions.TESTS, '../bench/heap_target.js');
const STRING_MAX = 500 << 20;
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* A memory cgroup of our own, version 1 or 2. */
class Limit {
  constructor() {
    const name = `nopsy-test-${process.pid}`;
    const places = [['/sys/fs/cgroup/memory', 'memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'],
      ['/sys/fs/cgroup', 'memory.max', 'memory.swap.max']];
    for (const [root, file, swap] of places) {
      const dir = path.join(root, name);
      try {
        fs.mkdirSync(dir);
        if (!fs.existsSync(path.join(dir, file))) throw new Error('no memory controller');
        fs.writeFileSync(path.join(dir, file), String(LIMIT_MB << 20));
        try {
          fs.writeFileSync(path.join(dir, swap), file === 'memory.max' ? '0' : String(LIMIT_MB << 20));
        } catch (e) { /* no swap accounting */ }
        this.dir = dir;
        return;
      } catch (e) {
        try { fs.rmdirSync(dir); } catch (again) { /* was not made */ }
      }
    }
    throw new SkipError('no memory cgroup can be made here');
  }

  async remove() {
    for (let i = 0; i < 50; i++) {
      try {
        fs.rmdirSync(this.dir);
        return;
      } catch (e) {
        await delay(100);
      }
    }
  }
}

/* The program of the benchmark, in the cgroup; lines() are its answers. */
async function start(t, limit) {
  const child = spawn('/bin/sh', ['-c', 'echo $$ > "$0/cgroup.procs"; exec "$@"', limit.dir, t.node, TARGET, HEAP_MB],
    { stdio: ['pipe', 'pipe', 'ignore'] });
  child.gone = new Promise((resolve) => child.on('exit', (code, signal) => {
    child.ended = { code, signal };
    resolve();
  }));
  child.stdin.on('error', () => {});
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => /"ready"/.test(text) && resolve());
    child.gone.then(() => reject(new Error(`the program did not fit its ${LIMIT_MB} MB: ${JSON.stringify(child.ended)}`)));
  });
  return child;
}

function look(t, file) {
  const s = HeapSnapshot.load(file);
  t.diffs.push(...formatProblems(s.raw));
  return { nodes: s.count, sessions: s.find('object', 'Session').length };
}

/* More than a JavaScript string can hold: is it whole? */
function lookAtEnds(t, file, size) {
  const head = Buffer.alloc(4096);
  const tail = Buffer.alloc(64);
  const fd = fs.openSync(file, 'r');
  fs.readSync(fd, head, 0, head.length, 0);
  fs.readSync(fd, tail, 0, tail.length, size - tail.length);
  fs.closeSync(fd);
  const nodes = Number((/"node_count":(\d+)/.exec(head.toString('latin1')) || [])[1] || 0);
  if (!/"\]\}\s*$/.test(tail.toString('latin1'))) t.fail(`the snapshot is not whole: it ends with ${tail.toString('latin1')}`);
  return { nodes, sessions: nodes };
}

async function check(t) {
  const limit = new Limit();
  const running = [];
  try {
    const first = await start(t, limit);
    running.push(first);
    const theirs = path.join(t.dir, 'v8.heapsnapshot');
    first.stdin.write(`snapshot ${theirs}\n`);
    await first.gone;
    if (first.ended.signal !== 'SIGKILL') t.fail(`V8's own snapshot was to get the process killed, but: ${JSON.stringify(first.ended)}`);
    t.notes.push(`V8's own attempt: killed, ${fs.existsSync(theirs) ? fs.statSync(theirs).size : 0} bytes written`);

    const second = await start(t, limit);
    running.push(second);
    const ours = path.join(t.dir, 'ours.heapsnapshot');
    await t.run(['snapshot', String(second.pid), '-o', ours]);
    await delay(200);
    if (second.ended) t.fail(`the process did not live on: ${JSON.stringify(second.ended)}`);
    const { size } = fs.statSync(ours);
    const { nodes, sessions } = size < STRING_MAX ? look(t, ours) : lookAtEnds(t, ours, size);
    if (sessions < 10000) t.fail(`the snapshot has ${sessions} Session`);
    t.notes.push(`nopsy: ${nodes} nodes, ${size} bytes, and the process lives on`);
  } finally {
    for (const child of running) child.kill('SIGKILL');
    await Promise.all(running.map((child) => child.gone));
    await limit.remove();
  }
}

module.exports = [{
  name: 'heap/limit', feature: 'heap snapshot', from: 1200, modes: ['solo'], quick: (number) => number === versions.number('24.21.0'), check,
}];
