'use strict';
/*
 * heap.js BUILD NODES MEGABYTES...       NODES: "24=/path/of/node,22=/path/of/node"
 *
 * One process of each size on each Node, and in one run:
 *
 *   pause     the longest gap that a 10 ms timer in the process sees while
 *             `nopsy objects PID` copies it
 *   core      census, retained sizes, leak report and .heapsnapshot of its core
 *             (in the page cache): wall time, processor time, memory of nopsy
 *   floor     cat CORE > /dev/null
 *   V8        v8.writeHeapSnapshot() in such a process: time (the process stands
 *             still), memory that it adds; then memlab on that file, where
 *             tools/fetch-npm has brought it
 */
const { spawn, spawnSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const [build, nodeList, ...sizes] = process.argv.slice(2);
const nopsy = path.resolve(build, 'nopsy');
const WARM_GB = 4;
/* Above this V8's own way takes more minutes and memory than a bench should. */
const V8_MAX_MB = Number(process.env.NOPSY_BENCH_V8_MAX_MB || 600);
const measure = path.resolve(build, 'bench/measure');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'nopsy-bench-'));
const npm = process.env.NOPSY_NPM_CACHE || path.join(os.homedir(), '.cache/nopsy/npm');

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));

/* A virtual machine may have given free memory back to its host: the first touch of such a page costs more than the work. */
function warm() {
  spawnSync(measure, ['--touch', String(WARM_GB)]);
}

function measured(command, args, output) {
  const file = path.join(dir, 'measured');
  warm();
  return new Promise((resolve, reject) => {
    const out = fs.openSync(output || '/dev/null', 'w');
    const child = spawn(measure, [file, command, ...args.map(String)], { stdio: ['ignore', out, 'pipe'], env: { ...process.env, XDG_CACHE_HOME: dir } });
    let errors = '';
    child.stderr.on('data', (d) => { errors += d; });
    child.on('exit', (code) => {
      fs.closeSync(out);
      if (code !== 0 && code !== 3) reject(new Error(`${command} ${args.join(' ')}: exit status ${code} ${errors.slice(0, 500)}`));
      else resolve(JSON.parse(fs.readFileSync(file, 'utf8')));
    });
  });
}

/* A process with such a heap; ask(line) gives the answer to a line. */
class Target {
  constructor(node, mb) {
    this.child = spawn('/bin/sh', ['-c', 'ulimit -c unlimited; exec "$0" "$@"', node, '--max-old-space-size=16384',
      path.join(__dirname, 'heap_target.js'), mb], { cwd: dir, stdio: ['pipe', 'pipe', 'inherit'] });
    this.gone = new Promise((resolve) => this.child.on('exit', resolve));
    this.waiting = [];
    let rest = '';
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) this.waiting.shift()(JSON.parse(line));
    });
    this.ready = new Promise((resolve) => this.waiting.push(resolve));
  }

  ask(line) {
    const answer = new Promise((resolve) => this.waiting.push(resolve));
    this.child.stdin.write(line + '\n');
    return answer;
  }

  rss() {
    return Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${this.child.pid}/status`, 'utf8'))[1]) / 1024;
  }
}

const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
const cell = (m) => `${seconds(m.wall_ms)}, ${seconds(m.cpu_ms)} CPU, ${(m.rss_kb / 1024).toFixed(0)} MB (${(m.own_kb / 1024).toFixed(0)} own)`;
const rows = [];
/* What is to be reached at 1.5 GB: [what, seconds, seconds of processor time, MB of own memory]; null: no goal. */
const GOALS = [['census', 3, null, null], ['retained', 12, 15, 1500], ['leaks', 12, 15, 1500], ['snapshot', 12, null, 1500],
  ['retained, then with --cache', 1, null, null], ['census, then with --cache', 1, null, null]];
const GOALS_FROM_MB = 1400;
const reached = [];
function judge(name, what, m) {
  const goal = GOALS.find((g) => g[0] === what);
  const got = [m.wall_ms / 1000, m.cpu_ms / 1000, m.own_kb / 1024];
  const unit = [' s', ' s CPU', ' MB'];
  for (let i = 0; goal && i < 3; i++) {
    if (goal[i + 1] === null) continue;
    const digits = i < 2 ? 1 : 0;
    reached.push(`| ${name} | ${what} | ${goal[i + 1]}${unit[i]} | ${got[i].toFixed(digits)}${unit[i]} | ${got[i] <= goal[i + 1] ? 'reached' : '**not reached**'} |`);
  }
}
function row(...cells) {
  rows.push(`| ${cells.join(' | ')} |`);
  process.stdout.write(rows[rows.length - 1] + '\n');
}

async function ours(name, node, mb) {
  const target = new Target(node, mb);
  const ready = await target.ready;
  const label = `${name}, ${ready.heap_mb.toFixed(0)} MB`;
  await delay(500);
  await target.ask('gap');
  const quiet = (await delay(1000), await target.ask('gap')).gap_ms;
  const live = await measured(nopsy, ['objects', '--no-retained', target.child.pid]);
  const gap = (await target.ask('gap')).gap_ms;
  row(label, 'live census', cell(live), `pause ${gap.toFixed(0)} ms (without nopsy ${quiet.toFixed(0)} ms)`);
  target.child.kill('SIGABRT');
  await target.gone;
  const core = path.join(dir, fs.readdirSync(dir).find((n) => /^core/.test(n)));
  const floor = await measured('cat', [core]);
  row(label, 'floor: cat core', cell(floor), `${(fs.statSync(core).size / 1048576).toFixed(0)} MB`);
  const of = async (what, args) => {
    const m = await measured(nopsy, [...args, core]);
    row(label, what, cell(m), '');
    if (mb >= GOALS_FROM_MB) judge(name, what, m);
  };
  await of('census', ['objects', '--no-retained']);
  await of('census with retained sizes', ['objects']);
  await of('retained', ['retained']);
  await of('leaks', ['leaks']);
  await of('retained, first with --cache', ['retained', '--cache']);
  await of('retained, then with --cache', ['retained', '--cache']);
  await of('census, then with --cache', ['objects', '--no-retained', '--cache']);
  fs.rmSync(path.join(dir, 'nopsy'), { recursive: true, force: true });
  const file = path.join(dir, 'ours.heapsnapshot');
  const snapshot = await measured(nopsy, ['snapshot', core, '-o', file]);
  if (mb >= GOALS_FROM_MB) judge(name, 'snapshot', snapshot);
  row(label, 'snapshot', cell(snapshot), `${(fs.statSync(file).size / 1048576).toFixed(0)} MB`);
  fs.rmSync(core);
  fs.rmSync(file);
}

async function theirs(name, node, mb) {
  const target = new Target(node, mb);
  const ready = await target.ready;
  const label = `${name}, ${ready.heap_mb.toFixed(0)} MB`;
  const file = path.join(dir, 'v8.heapsnapshot');
  const before = target.rss();
  const told = await target.ask(`snapshot ${file}`);
  const added = target.rss() - before;
  row(label, 'v8.writeHeapSnapshot()', `${seconds(told.snapshot_ms)} of standing still, +${added.toFixed(0)} MB in the process`,
    `${(fs.statSync(file).size / 1048576).toFixed(0)} MB`);
  target.child.kill('SIGKILL');
  await target.gone;
  const loader = path.join(__dirname, '..', 'tests/e2e/lib/consumer_memlab.js');
  if (fs.existsSync(path.join(npm, 'node_modules/@memlab/core'))) {
    try {
      row(label, 'memlab on that file', cell(await measured(process.execPath, ['--max-old-space-size=12288', loader, npm, file, 'Session'])), '');
    } catch (e) {
      row(label, 'memlab on that file', 'failed', String(e.message).split('\n')[0].slice(0, 100));
    }
  }
  fs.rmSync(file);
}

async function main() {
  for (const entry of nodeList.split(',')) {
    const [name, node] = entry.split('=');
    for (const mb of sizes) {
      await ours(`Node ${name}`, node, mb);
      if (mb <= V8_MAX_MB) await theirs(`Node ${name}`, node, mb);
      else row(`Node ${name}, ${mb} MB`, 'v8.writeHeapSnapshot(), memlab', 'not run', `above ${V8_MAX_MB} MB`);
    }
  }
  const cpu = /model name\s*:\s*(.*)/.exec(fs.readFileSync('/proc/cpuinfo', 'utf8'));
  const text = ['# Benchmark of the heap commands', '',
    `Written by \`make bench-heap\`. ${os.cpus().length} x ${cpu ? cpu[1].replace(/\s+Processor.*| \d+-Core.*/, '') : 'processors'}, Linux ${os.release()}. One run each;`,
    `wall time, processor time (user and system) and largest resident memory: with the mapped core, and own. Before each run ${WARM_GB} GB`,
    'of memory are touched, so that what a virtual machine needs to get memory back from its host is not measured.', '',
    '| process | what | time and memory | |', '|---|---|---|---|', ...rows, '',
'## Goals at 1.5 GB', '', '| | what | goal | measured | |', '|---|---|---|---|---|', ...reached, ''].join('\n');
  fs.writeFileSync(path.join(__dirname, '..', 'docs/BENCH-HEAP.md'), text);
}

main().catch((e) => {
  process.stderr.write(`bench/heap.js: ${e.message}\n`);
  process.exit(1);
});
