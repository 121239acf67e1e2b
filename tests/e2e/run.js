#!/usr/bin/env node
'use strict';
/*
 * End-to-end tests: real Node binaries run fixtures that state the truth,
 * nopsy looks at them alive and dead, the answers are compared.  Prints TAP.
 *
 *   tests/e2e/run.js [--version V]... [--case TEXT] [--fixture TEXT] [--mode live|core|gcore|solo]
 *                    [--versions FILE] [--all] [--jobs N] [--keep] [--list] [--truth] [--once] [--status FILE]
 *
 *   --version  only these versions ("24", "0.10", "24.21.0"); may be repeated
 *   --case     only cases whose name contains TEXT (--fixture is the same)
 *   --mode     only this way to look
 *   --versions a list file of tests/ instead of `versions`
 *   --all      every combination, not the quick set
 *   --keep     leave the directories with cores behind, and say where
 *   --truth    only start the fixtures: do they run where the cases say, and stop?
 *   --once     no second attempt of what failed
 *   --status   write a table of what worked to FILE (Markdown)
 *
 * A case is an object of tests/e2e/cases/*.js:
 *   name, feature     what it is called; the column of the status table
 *   from, to          versions as lib/versions.js counts them; to is exclusive
 *   except            versions where the fixture itself cannot work
 *   modes             of live, gcore, core; or solo: check() does all by itself
 *   quick(number, mode)  whether it belongs to the quick set
 *   fixture, args, flags(number), state   what to start and how it stops
 *   core              'signal' (default) or 'self': the fixture dies by itself
 *   check(t)          asks nopsy and appends sentences to t.diffs
 *   explained         [{name, when(t), match}]: differences that stay, by name
 */
const fs = require('fs');
const os = require('os');
const path = require('path');
const { Target, SkipError } = require('./lib/target');
const nopsy = require('./lib/nopsy');
const versions = require('./lib/versions');
const status = require('./lib/status');

const MODE_ORDER = ['live', 'gcore', 'core'];
const CASE_TIMEOUT_MS = 180000;

function parseArguments(argv) {
  const options = { versions: [], jobs: Math.max(1, Math.min(2, os.cpus().length)), list: 'versions' };
  for (let i = 0; i < argv.length; i++) {
    const [flag, inline] = argv[i].split(/=(.*)/s);
    const next = () => (inline !== undefined ? inline : argv[++i]);
    if (flag === '--version') options.versions.push(next());
    else if (flag === '--case' || flag === '--fixture') options.case = next();
    else if (flag === '--mode') options.mode = next();
    else if (flag === '--versions') options.list = next();
    else if (flag === '--all') options.all = true;
    else if (flag === '--jobs') options.jobs = Number(next());
    else if (flag === '--keep') options.keep = true;
    else if (flag === '--list') options.listOnly = true;
    else if (flag === '--once') options.once = true;
    else if (flag === '--truth') options.truth = options.all = true;
    else if (flag === '--status') options.status = next();
    else throw new Error(`unknown option ${argv[i]}; the head of tests/e2e/run.js lists them`);
  }
  return options;
}

function loadCases() {
  const dir = path.join(__dirname, 'cases');
  const all = [];
  for (const name of fs.readdirSync(dir).filter((n) => n.endsWith('.js')).sort()) all.push(...require(path.join(dir, name)));
  return all;
}

/* A job is one process of one version, looked at in several modes. */
function planJobs(cases, options) {
  const wanted = versions.list(options.list).filter((v) =>
    !options.versions.length || options.versions.some((asked) => versions.matches(v, asked)));
  const jobs = [];
  for (const c of cases) {
    if (options.case && !c.name.includes(options.case)) continue;
    for (const version of wanted) {
      const number = versions.number(version);
      if (number < (c.from || 0) || number >= (c.to || Infinity) || (c.except || []).includes(version)) continue;
      const modes = (c.modes || ['solo']).filter((mode) =>
        (!options.mode || options.mode === mode) && (options.all || !c.quick || c.quick(number, mode)));
      const looked = options.truth ? modes.filter((mode) => mode !== 'solo').slice(0, 1) : modes;
      if (looked.length) jobs.push({ case: c, version, number, modes: looked });
    }
  }
  return jobs;
}

class Report {
  constructor() {
    this.count = 0;
    this.passed = 0;
    this.failed = [];
    this.skipped = 0;
    this.second = [];
    this.results = [];
  }

  /* The answers of one job.  A failure is looked at once more, and told either way. */
  tell(first, second) {
    for (const { t, outcome, detail } of second || first) this.add(t, outcome, detail);
    if (!second) return;
    for (const { t, detail } of first.filter((one) => one.outcome === 'fail')) {
      const name = `${t.case.name} v${t.version} ${t.mode}`;
      if (!this.failed.includes(name)) this.second.push(name);
      process.stdout.write(`# first attempt of ${name}:\n`);
      this.differences(detail);
    }
  }

  line(ok, name, extra) {
    process.stdout.write(`${ok ? 'ok' : 'not ok'} ${++this.count} - ${name}${extra || ''}\n`);
  }

  add(t, outcome, detail) {
    const name = `${t.case.name} v${t.version} ${t.mode}`;
    this.results.push({ case: t.case, version: t.version, mode: t.mode, outcome, detail });
    if (outcome === 'skip') {
      this.skipped++;
      this.line(true, name, ` # SKIP ${detail}`);
      return;
    }
    this.line(outcome === 'pass', name, ` (${t.ms} ms)`);
    for (const e of t.excused || []) process.stdout.write(`# explained (${e.name}): ${e.text}\n`);
    for (const note of t.notes) process.stdout.write(`# ${note}\n`);
    if (outcome === 'pass') {
      this.passed++;
      return;
    }
    this.failed.push(name);
    this.differences(detail);
  }

  differences(detail) {
    const lines = detail.slice(0, 25);
    if (detail.length > lines.length) lines.push(`... and ${detail.length - lines.length} more`);
    for (const diff of lines) for (const part of String(diff).split('\n')) process.stdout.write(`#   ${part}\n`);
  }
}

/* The frames of threads whose stack ends early, for the report of a failure. */
function cutThreads(result) {
  const threads = (result.json && result.json.threads || []).filter((t) => t.note);
  return threads.map((t) => `${t.tid} ${t.name}: ${t.note}\n` +
    t.frames.map((f) => `  ${f.pc} ${f.kind} ${f.name}+${f.symbol_offset}`).join('\n')).join('\n');
}

/* What a check sees. */
class Look {
  constructor(job, mode, dir) {
    Object.assign(this, { case: job.case, version: job.version, number: job.number, mode, dir });
    this.node = versions.binary(job.version);
    this.diffs = [];
    this.notes = [];
    this.ms = 0;
  }

  /* Runs `nopsy COMMAND SPEC ...` and checks what every answer must be: unbroken, with the exit status wanted. */
  async run(args, options = {}) {
    const result = await nopsy.run(args, options);
    const wanted = options.status === undefined ? [0] : [].concat(options.status);
    if (result.broken) this.diffs.push(`${nopsy.shown(result)}: ${result.broken}\n${result.stderr.slice(0, 3000)}`);
    else if (!wanted.includes(result.status)) {
      this.diffs.push(`${nopsy.shown(result)}: exit status ${result.status}, wanted ${wanted.join(' or ')}\n` +
        result.stderr.slice(0, 1500) + cutThreads(result));
    }
    return result;
  }

  /* The parsed answer of `nopsy COMMAND SPEC ARGS --json`, or null (then diffs tells). */
  async json(command, ...args) {
    const options = typeof args[args.length - 1] === 'object' ? args.pop() : {};
    const result = await this.run([command, this.spec, ...args, '--json'], options);
    if (result.jsonError) this.diffs.push(`${nopsy.shown(result)}: not JSON (${result.jsonError}): ${result.stdout.slice(0, 300)}`);
    return result.json || null;
  }

  fail(text) {
    this.diffs.push(text);
  }
}

function within(promise, ms, what) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function judge(t) {
  t.excused = [];
  const left = [];
  for (const text of t.diffs) {
    const why = (t.case.explained || []).find((e) => (!e.when || e.when(t)) && e.match.test(text));
    if (why) t.excused.push({ name: why.name, text });
    else left.push(text);
  }
  return left;
}

/* Why another user's (or, with Yama, any) process may not be looked at here; null when it may. */
function ptraceProblem() {
  let scope = '0';
  try {
    scope = fs.readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'utf8').trim();
  } catch (e) { /* no Yama */ }
  return scope === '0' || (process.getuid() === 0 && scope !== '3') ? null : `kernel.yama.ptrace_scope is ${scope} and we are not root`;
}

async function specFor(target, mode, c) {
  if (mode !== 'core' && ptraceProblem()) throw new SkipError(ptraceProblem());
  if (mode === 'live') return String(target.pid);
  if (mode === 'gcore') return target.gcore();
  return target.kernelCore(c.core === 'self' ? null : 'SIGABRT');
}

/* What must not outlive us: directories with cores. Targets die with us by themselves (lib/target.js). */
const directories = new Set();
let finished = false;

function removeDirectories() {
  for (const dir of directories) fs.rmSync(dir, { recursive: true, force: true });
}

process.on('exit', () => {
  removeDirectories();
  if (!finished && !process.exitCode) {
    process.stdout.write('# the run ended before its end: something waits for what cannot come\n');
    process.exitCode = 2;
  }
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    process.stdout.write(`# ended by ${signal}\n`);
    process.exit(2);
  });
}

/* One attempt: [{t, outcome, detail}], one of each mode. */
async function attempt(job, options) {
  const c = job.case;
  const answers = [];
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'nopsy-e2e-'));
  directories.add(dir);
  let target = null;
  let truth = null;
  let broken = null;
  try {
    for (const mode of MODE_ORDER.concat('solo').filter((m) => job.modes.includes(m))) {
      const t = new Look(job, mode, dir);
      const started = Date.now();
      try {
        if (broken) throw broken;
        if (mode !== 'solo') {
          if (!target) {
            if (c.prepare) c.prepare(t);
            target = new Target({ node: t.node, flags: c.flags ? c.flags(job.number) : [],
              fixture: path.join(versions.TESTS, 'fixtures', c.fixture), args: c.args ? c.args(t) : [], cwd: dir, env: c.env });
            try {
              truth = await within(target.truth(), 60000, 'the truth of the fixture');
              if (c.core !== 'self') await target.settle(c.state || truth.state);
            } catch (e) {
              broken = e;
              throw e;
            }
          }
          t.truth = truth;
          t.target = target;
          t.spec = await within(specFor(target, mode, c), 120000, 'making the core');
        }
        if (!options.truth) await within(c.check(t), CASE_TIMEOUT_MS, 'the case');
        if (mode === 'live' && target && !target.alive()) t.fail(`the target died: ${JSON.stringify(target.exited)}`);
        t.ms = Date.now() - started;
        const left = judge(t);
        answers.push({ t, outcome: left.length ? 'fail' : 'pass', detail: left });
      } catch (e) {
        t.ms = Date.now() - started;
        if (e instanceof SkipError) answers.push({ t, outcome: 'skip', detail: e.message });
        else answers.push({ t, outcome: 'fail', detail: t.diffs.concat(e.stack || String(e)) });
      }
    }
  } finally {
    if (target) await target.kill();
    directories.delete(dir);
    if (options.keep) process.stdout.write(`# kept ${dir}\n`);
    else fs.rmSync(dir, { recursive: true, force: true });
  }
  return answers;
}

async function runJob(job, report, options) {
  const first = await attempt(job, options);
  const again = !options.once && first.some((one) => one.outcome === 'fail');
  report.tell(first, again ? await attempt(job, options) : null);
}

async function main() {
  const options = parseArguments(process.argv.slice(2));
  const jobs = planJobs(loadCases(), options);
  if (options.listOnly) {
    for (const job of jobs) console.log(`${job.case.name} v${job.version} ${job.modes.join(' ')}`);
    return;
  }
  if (!jobs.length) throw new Error('no case matches');
  if (!options.truth && !fs.existsSync(nopsy.program())) throw new Error(`${nopsy.program()} is not there: run make first`);
  const absent = [...new Set(jobs.map((j) => j.version))].filter((v) => !fs.existsSync(versions.binary(v)));
  if (absent.length) throw new Error(`no binary of Node ${absent.join(' ')}: run tools/fetch-node ${absent.join(' ')}`);

  const report = new Report();
  const queue = jobs.slice();
  const worker = async () => {
    for (let job; (job = queue.shift());) await runJob(job, report, options);
  };
  // Cases that measure time run alone, after the others.
  const alone = queue.filter((j) => j.case.alone);
  for (const job of alone) queue.splice(queue.indexOf(job), 1);
  await Promise.all(Array.from({ length: options.jobs }, worker));
  for (const job of alone) await runJob(job, report, options);

  process.stdout.write(`1..${report.count}\n`);
  if (options.status) fs.writeFileSync(options.status, status.markdown(report.results));
  for (const name of report.second) process.stdout.write(`# passed on the second attempt only: ${name}\n`);
  for (const name of report.failed) process.stdout.write(`# failed: ${name}\n`);
  process.stdout.write(`# e2e: ${report.passed} passed, ${report.failed.length} failed, ${report.skipped} skipped\n`);
  process.exitCode = report.failed.length ? 1 : 0;
}

main().then(() => {
  finished = true;
}, (e) => {
  process.stderr.write(`tests/e2e/run.js: ${e.message}\n`);
  process.exitCode = 2;
});
