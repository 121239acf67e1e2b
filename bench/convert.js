'use strict';
/*
 * convert.js BUILD [RUNS]
 *
 * `nopsy convert` on the text of `perf script`, beside `LC_ALL=C grep -c` of the same file as the floor, the npm packages
 * cpuprofilify and traceviewify (below PEERS, where they were installed), stackcollapse-perf.pl (STACKCOLLAPSE, or where
 * it is in the path), and on a stream of 10 GB, in one run. Prints a section of docs/BENCH-FILTERS.md.
 * bench/perf_script_input.c says what the texts are.
 */
const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const [build, runs = '5'] = process.argv.slice(2);
const nopsy = path.resolve(build, 'nopsy');
const measure = path.resolve(build, 'bench/measure');
const input = path.resolve(build, 'bench/perf_script_input');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'nopsy-bench-'));
process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
execFileSync(process.env.CC || 'cc', ['-O2', '-Wall', '-Wextra', '-o', input, path.join(__dirname, 'perf_script_input.c')]);

/* The best of some runs: other work on the machine only ever adds time. A peer that fails is told, not measured. */
function measured(argv, { stdin, stdout = 'ignore', times = Number(runs), env = {} }) {
  const all = [];
  for (let i = 0; i < times; i++) {
    const file = path.join(dir, 'measured');
    const text = fs.openSync(stdin, 'r');
    const out = stdout === 'ignore' ? 'ignore' : fs.openSync(stdout, 'w');
    const r = spawnSync(measure, [file, ...argv], { stdio: [text, out, 'pipe'], env: { ...process.env, ...env } });
    fs.closeSync(text);
    if (out !== 'ignore') fs.closeSync(out);
    if (r.status !== 0) return { failed: `${r.status} ${String(r.stderr).trim().split('\n').pop()}` };
    all.push(JSON.parse(fs.readFileSync(file, 'utf8')));
  }
  const least = (key) => Math.min(...all.map((m) => m[key]));
  return Object.fromEntries(Object.keys(all[0]).map((key) => [key, typeof all[0][key] === 'number' ? least(key) : all[0][key]]));
}

const rows = [];
function row(what, bytes, m, note = '') {
  if (m.failed) {
    rows.push(`| ${what} | ${(bytes / 1e6).toFixed(1)} MB | | | | | fails: ${m.failed.slice(0, 80)} |`);
    return NaN;
  }
  const cpu = m.cpu_ms / 1e3;
  const speed = bytes / 1e6 / cpu;
  rows.push(`| ${what} | ${(bytes / 1e6).toFixed(1)} MB | ${(m.wall_ms / 1e3).toFixed(2)} s | ${cpu.toFixed(2)} s | ${
    speed.toFixed(speed < 10 ? 2 : 0)} MB/s | ${(m.rss_kb / 1e3).toFixed(0)} MB | ${note} |`);
  return cpu;
}
const times = (a, b, of) => (a && b ? `${(a / b).toFixed(1)} times ${of}` : '');
const peer = (name) => {
  const file = process.env.PEERS && path.join(process.env.PEERS, 'node_modules/.bin', name);
  return file && fs.existsSync(file) ? file : null;
};
const formats = new Set(JSON.parse(execFileSync(nopsy, ['convert', '--formats', '--json'], { encoding: 'utf8' }))
  .filter((f) => f.writes === 'yes').map((f) => f.name));
const perl = process.env.STACKCOLLAPSE || spawnSync('sh', ['-c', 'command -v stackcollapse-perf.pl'], { encoding: 'utf8' }).stdout.trim();

const text = path.join(dir, 'perf.txt');
{
  const out = fs.openSync(text, 'w');
  execFileSync(input, ['152.8', '19000', '37536'], { stdio: ['ignore', out, 'inherit'] });
  fs.closeSync(out);
}
const bytes = fs.statSync(text).size;
// to a file: grep stops at the first match when nobody reads what it writes
const floor = row('`LC_ALL=C grep -c JS:`, the floor', bytes, measured(['grep', '-c', 'JS:'], {
  stdin: text, stdout: path.join(dir, 'count'), env: { LC_ALL: 'C' } }));
const fold = measured([nopsy, 'convert', '-q', '--to', 'folded'], { stdin: text });
const folded = row('perf script to folded', bytes, fold, times(fold.cpu_ms / 1e3, floor, 'the floor'));
if (perl) {
  const m = measured([perl, text], { stdin: '/dev/null', times: 1 });
  row('stackcollapse-perf.pl', bytes, m, times(m.cpu_ms / 1e3, folded, 'nopsy'));
}
const profile = path.join(dir, 'perf.cpuprofile');
const ours = {};
for (const name of ['cpuprofile', 'trace', 'speedscope', 'pprof']) {
  if (!formats.has(name)) continue;
  ours[name] = row(`perf script to ${name}`, bytes, measured([nopsy, 'convert', '-q', '--to', name], { stdin: text }));
}
if (peer('cpuprofilify')) {
  const m = measured([process.execPath, peer('cpuprofilify')], { stdin: text, stdout: profile, times: 1 });
  row('cpuprofilify', bytes, m, times(m.cpu_ms / 1e3, ours.cpuprofile || folded, ours.cpuprofile ? 'nopsy' : 'nopsy to folded'));
  if (peer('traceviewify') && !m.failed) {
    const t = measured([process.execPath, peer('traceviewify')], { stdin: profile, times: 1 });
    row('traceviewify of its output', fs.statSync(profile).size, t,
      times(t.cpu_ms / 1e3, ours.trace || folded, ours.trace ? 'nopsy from perf script' : 'nopsy to folded'));
  }
}
if (!process.env.NO_STREAM) {
  const out = path.join(dir, 'stream');
  const r = spawnSync('sh', ['-c', '"$0" 10000 100000 37536 | "$1" "$2" "$3" convert -q --to folded >/dev/null', input, measure, out, nopsy]);
  row('a stream of 10 GB with 100,000 stacks, to folded', 1e10,
    r.status === 0 ? JSON.parse(fs.readFileSync(out, 'utf8')) : { failed: String(r.stderr) });
}
console.log(`## convert

Processor time and memory are the least of ${runs} runs (one of the peers, and of the stream), input on standard input,
output to /dev/null; MB/s is input by processor time.

| what | input | wall | processor | speed | memory | |
|---|---|---|---|---|---|---|
${rows.join('\n')}
`);
