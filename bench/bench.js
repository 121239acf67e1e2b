'use strict';
/*
 * bench.js BUILD NODE [LIVE_MB] [CORE_MB]
 *
 * Four questions, each in one run on one machine, beside gdb where gdb has an
 * answer (it shows native frames only):
 *
 *   start    wall time of `nopsy --version`: no target
 *   live     wall time and memory of `nopsy stack PID` on a process of LIVE_MB
 *   pause    how long that process was stopped, measured by itself: a loop that
 *            watches the clock; the largest gap while nopsy runs, beside the
 *            largest gap in as much time without it (the scheduler's share);
 *            the median over the runs, and the worst
 *   core     wall time and memory of `nopsy stack CORE` on a core of CORE_MB
 *
 * Medians of RUNS runs.
 */
const { execFile, spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const [build, node, liveMb = '1024', coreMb = '2048'] = process.argv.slice(2);
const RUNS = 15;
const GDB_RUNS = 3;
const nopsy = path.resolve(build, 'nopsy');
const measure = path.resolve(build, 'bench/measure');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'nopsy-bench-'));

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (list) => list.slice().sort((a, b) => a - b)[Math.floor(list.length / 2)];

function measured(command, args) {
  const file = path.join(dir, 'measured');
  return new Promise((resolve, reject) => {
    execFile(measure, [file, command, ...args.map(String)], { maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      if (error && error.code !== 3) reject(new Error(`${command} ${args.join(' ')}: ${error.message} ${stderr}`));
      else resolve({ ...JSON.parse(fs.readFileSync(file, 'utf8')), stdout });
    });
  });
}

async function repeat(runs, command, args) {
  const all = [];
  for (let i = 0; i < runs; i++) all.push(await measured(command, args));
  return { wall_ms: median(all.map((x) => x.wall_ms)), rss_mb: median(all.map((x) => x.rss_kb)) / 1024, stdout: all[0].stdout };
}

class Target {
  constructor(mb) {
    this.gaps = [];
    this.child = spawn('/bin/sh', ['-c', 'ulimit -c unlimited; exec "$0" "$@"', node, '--max-old-space-size=8192',
      path.join(__dirname, 'target.js'), mb], { cwd: dir, stdio: ['ignore', 'pipe', 'inherit'] });
    this.gone = new Promise((resolve) => this.child.on('exit', resolve));
    this.ready = new Promise((resolve, reject) => {
      this.child.on('exit', () => reject(new Error('the target ended')));
      let rest = '';
      this.child.stdout.setEncoding('utf8').on('data', (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop();
        for (const line of lines) {
          const o = JSON.parse(line);
          if (o.ready) resolve(o);
          else this.gaps.push(o.gap_ms);
        }
      });
    });
    this.ready.catch(() => {});
  }

  /* The largest gap while body runs, of RUNS runs: median and worst, in words. */
  async gapsDuring(body) {
    const all = [];
    for (let i = 0; i < RUNS; i++) {
      this.gaps.length = 0;
      await body();
      await delay(50);
      all.push(Math.max(0, ...this.gaps));
    }
    return `${median(all).toFixed(1)} ms (worst ${Math.max(...all).toFixed(1)} ms)`;
  }
}

const rows = [];
function row(what, ours, theirs, goal) {
  const cell = (m) => (m ? `${m.wall_ms.toFixed(1)} ms, ${m.rss_mb.toFixed(0)} MB` : '');
  rows.push(`| ${what} | ${typeof ours === 'string' ? ours : cell(ours)} | ${cell(theirs)} | ${goal} |`);
}

async function main() {
  row('start without a target', await repeat(RUNS, nopsy, ['--version']), null, '< 10 ms');

  const live = new Target(liveMb);
  await live.ready;
  await delay(200); // it says so before it begins to watch
  const pid = live.child.pid;
  const first = await measured(nopsy, ['stack', pid]);
  if (!/watch/.test(first.stdout)) throw new Error(`the stack does not show what runs:\n${first.stdout}`);
  const ours = await repeat(RUNS, nopsy, ['stack', pid]);
  const quiet = await live.gapsDuring(() => delay(ours.wall_ms));
  const pause = await live.gapsDuring(() => measured(nopsy, ['stack', pid]));
  const withArgs = await live.gapsDuring(() => measured(nopsy, ['stack', pid, '--args', '--locals']));
  const gdb = await repeat(GDB_RUNS, 'gdb', ['-q', '-nx', '-batch', '-ex', 'bt', '-p', pid]);
  row(`live stack, process of ${liveMb} MB`, ours, gdb, '< 100 ms');
  row('pause of that process', `${pause}; with --args --locals ${withArgs}; without nopsy ${quiet}`, null, '< 10 ms');
  live.child.kill('SIGKILL');
  await live.gone;

  const dying = new Target(coreMb);
  await dying.ready;
  await delay(200);
  dying.child.kill('SIGABRT');
  await dying.gone;
  const name = fs.readdirSync(dir).find((n) => /^core/.test(n));
  if (name) {
    const core = path.join(dir, name);
    const stat = fs.statSync(core);
    const onCore = await repeat(RUNS, nopsy, ['stack', core]);
    if (!/watch/.test(onCore.stdout)) throw new Error(`the stack of the core does not show what ran:\n${onCore.stdout}`);
    row(`core of ${(stat.size / 1048576).toFixed(0)} MB (${(stat.blocks * 512 / 1048576).toFixed(0)} MB on disk)`, onCore,
      await repeat(GDB_RUNS, 'gdb', ['-q', '-nx', '-batch', '-ex', 'bt', node, core]), '< 150 ms, < 150 MB');
  } else {
    rows.push('| core | the kernel wrote none here (core_pattern) | | |');
  }

  const cpu = /model name\s*:\s*(.*)/.exec(fs.readFileSync('/proc/cpuinfo', 'utf8'));
  const text = [
    '# Benchmark', '',
    `Written by \`make bench\`. ${os.cpus().length} x ${cpu ? cpu[1] : 'processor'}, Linux ${os.release().split('-')[0]}, Node ${process.versions.node}.`,
    `Medians of ${RUNS} runs (gdb: ${GDB_RUNS}). gdb shows native frames only.`, '',
    '| what | nopsy | gdb -batch -ex bt | goal |', '|---|---|---|---|', ...rows, '',
  ].join('\n');
  fs.writeFileSync(path.join(__dirname, '../docs/BENCH.md'), text);
  process.stdout.write(text);
}

process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
main().catch((e) => {
  console.error(`bench: ${e.message}`);
  process.exit(1);
});
