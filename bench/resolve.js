'use strict';
/*
 * resolve.js BUILD [RUNS]
 *
 * `nopsy resolve` beside `LC_ALL=C grep -c` of the same file as the floor, and beside the npm package resolve-jit-symbols
 * (RJS: where it was installed) on one megabyte, in one run. Prints a section of docs/BENCH-FILTERS.md.
 * bench/resolve_input.js says what the texts are.
 */
const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const [build, runs = '5'] = process.argv.slice(2);
const nopsy = path.resolve(build, 'nopsy');
const measure = path.resolve(build, 'bench/measure');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'nopsy-bench-'));
process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));

/* The best of some runs, each given its text on standard input: other work on the machine only ever adds time. */
function measured(argv, input, times = Number(runs)) {
  const all = [];
  for (let i = 0; i < times; i++) {
    const file = path.join(dir, 'measured');
    const text = fs.openSync(input, 'r');
    const r = spawnSync(measure, [file, ...argv], { stdio: [text, 'ignore', 'pipe'] });
    fs.closeSync(text);
    if (r.status !== 0) throw new Error(`${argv.join(' ')}: ${r.stderr}`);
    all.push(JSON.parse(fs.readFileSync(file, 'utf8')));
  }
  const least = (key) => Math.min(...all.map((m) => m[key]));
  return Object.fromEntries(Object.keys(all[0]).map((key) => [key, typeof all[0][key] === 'number' ? least(key) : all[0][key]]));
}

const rows = [];
function row(what, input, m, note = '') {
  const mb = fs.statSync(input).size / 1e6;
  const cpu = m.cpu_ms / 1e3;
  rows.push(`| ${what} | ${mb.toFixed(1)} MB | ${(m.wall_ms / 1e3).toFixed(2)} s | ${cpu.toFixed(2)} s | ${(mb / cpu).toFixed(mb / cpu < 10 ? 2 : 0)} MB/s | ${
    (m.rss_kb / 1e3).toFixed(0)} MB | ${note} |`);
  return cpu;
}

function texts(symbols, megabytes) {
  const folder = path.join(dir, `s${symbols}-${megabytes}`);
  fs.mkdirSync(folder);
  execFileSync(process.execPath, [path.join(__dirname, 'resolve_input.js'), folder, megabytes, symbols, 'bare']);
  return { map: path.join(folder, 'map'), script: path.join(folder, 'script.txt'), bare: path.join(folder, 'bare.txt') };
}

/* grep stops at the first match where nobody reads its output. */
const GREP = ['sh', '-c', 'LC_ALL=C grep -c JS: >"$0"', path.join(dir, 'count')];
let floor = 0;
for (const symbols of [37536, 744406]) {
  const t = texts(symbols, 150);
  if (!floor) floor = row('`LC_ALL=C grep -c JS:`, the floor', t.script, measured(GREP, t.script));
  const times = (cpu) => `${(cpu / floor).toFixed(1)} times the floor`;
  const script = measured([nopsy, 'resolve', '--map', t.map], t.script);
  row(`perf script, ${symbols} symbols`, t.script, script, times(script.cpu_ms / 1e3));
  row(`bare addresses, ${symbols} symbols`, t.bare, measured([nopsy, 'resolve', '--map', t.map], t.bare));
}
const long = texts(37537, 600);
row('perf script, four times as long', long.script, measured([nopsy, 'resolve', '--map', long.map], long.script, 2), 'memory stays');
const short = texts(37538, 2);
row('perf script, 2 MB', short.script, measured([nopsy, 'resolve', '--map', short.map], short.script));
row('bare addresses, 1 MB', short.bare, measured([nopsy, 'resolve', '--map', short.map], short.bare));
if (process.env.RJS) {
  const m = measured([process.execPath, process.env.RJS, short.map], short.bare, 1);
  row('resolve-jit-symbols, 1 MB', short.bare, m, 'repeats its output beyond 64 KB');
}
console.log(`## resolve

Processor time and memory are the least of ${runs} runs, input on standard input, output to /dev/null; MB/s is input by
processor time, the reading of the map included. In the text of \`perf script\` four of ten frames are JavaScript, of which
one in ten has no name.

| what | input | wall | processor | speed | memory | |
|---|---|---|---|---|---|---|
${rows.join('\n')}
`);
