'use strict';
/* Runs the program under test and reads what it says. */
const { spawn } = require('child_process');
const path = require('path');

const ROOT = path.resolve(__dirname, '../../..');

function program() {
  return path.resolve(process.env.NOPSY || path.join(ROOT, process.env.BUILD || 'build', 'nopsy'));
}

/* What a sanitizer or the C library prints when the program is broken. */
const BROKEN = /AddressSanitizer|UndefinedBehavior|runtime error:|LeakSanitizer|Assertion .* failed|stack smashing|double free/;

/*
 * -> {status, signal, stdout, stderr, ms, json}; json is parsed when asked for
 * with --json and there is output.  options: timeout_ms, wrapper (argv prefix),
 * onSpawn(child).
 */
function run(args, options = {}) {
  const argv = [...(options.wrapper || []), program(), ...args.map(String)];
  const started = process.hrtime.bigint();
  return new Promise((resolve) => {
    const child = spawn(argv[0], argv.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', LC_ALL: 'C.UTF-8',
        ASAN_OPTIONS: 'detect_leaks=0:exitcode=99:allocator_may_return_null=1',
        UBSAN_OPTIONS: 'halt_on_error=1:exitcode=98:print_stacktrace=1', ...(options.env || {}) },
      cwd: options.cwd,
    });
    const out = [];
    const err = [];
    child.stdout.on('data', (d) => out.push(d));
    child.stderr.on('data', (d) => err.push(d));
    let late = false;
    const timer = setTimeout(() => { late = true; child.kill('SIGKILL'); }, options.timeout_ms || 60000);
    if (options.onSpawn) options.onSpawn(child);
    child.on('error', (e) => { clearTimeout(timer); resolve({ argv, status: null, signal: null, stdout: '', stderr: String(e), ms: 0 }); });
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      const result = {
        argv, status, signal, late,
        stdout: Buffer.concat(out).toString('utf8'),
        stderr: Buffer.concat(err).toString('utf8'),
        ms: Number(process.hrtime.bigint() - started) / 1e6,
      };
      if (args.includes('--json') && result.stdout) {
        try {
          result.json = JSON.parse(result.stdout);
        } catch (e) {
          result.jsonError = e.message;
        }
      }
      result.broken = late ? 'did not end in time' :
        BROKEN.test(result.stderr) ? result.stderr.match(BROKEN)[0] :
          signal && signal !== 'SIGKILL' ? `died of ${signal}` : null;
      resolve(result);
    });
  });
}

/* How the command would be typed, for messages. */
function shown(result) {
  return result.argv.map((a) => path.basename(a) === 'nopsy' ? 'nopsy' : a).join(' ');
}

module.exports = { run, program, shown, ROOT };
