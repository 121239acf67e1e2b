'use strict';
/*
 * Processes to look at: starts a fixture, reads its truth, waits until it
 * really has stopped where it says, makes cores of it, and cleans up.
 *
 * Nothing here sleeps and hopes: a spinning fixture has stopped when its
 * thread has used processor time since it spoke, a blocked one when the kernel
 * reports the same system call at the same place several times.
 */
const { execFile, spawn } = require('child_process');
const fs = require('fs');
const path = require('path');

const POLL_MS = 10;
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class SkipError extends Error {}

/* Kernel cores are files in the process's directory only with a pattern that names one. */
function corePatternProblem() {
  const pattern = fs.readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim();
  if (pattern.startsWith('|')) return `core_pattern pipes cores to a program (${pattern.slice(0, 40)})`;
  if (pattern.includes('/')) return `core_pattern writes cores elsewhere (${pattern.slice(0, 40)})`;
  return null;
}

class Target {
  /* options: node (binary), flags, fixture (path), args, cwd, env */
  constructor(options) {
    this.options = options;
    this.exited = null;
    this.stderr = '';
    this.lines = [];
    this.waiting = [];
    // setpriv sees to it that the target dies with us, whatever ends us; the
    // shell raises the core limit.  Each becomes the next: the pid stays.
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', '/bin/sh', '-c', 'ulimit -c unlimited; exec "$0" "$@"', options.node,
      ...(options.flags || []), options.fixture, ...(options.args || [])], {
      cwd: options.cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...(options.env || {}) },
    });
    this.pid = this.child.pid;
    this.watched = this.pid; // whose state tells: another pid where a wrapper started node
    let rest = '';
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      rest += text;
      const parts = rest.split('\n');
      rest = parts.pop();
      for (const line of parts) this.onLine(line);
    });
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.stderr = (this.stderr + text).slice(-4000); });
    this.exit = new Promise((resolve) => this.child.on('exit', (code, signal) => {
      this.exited = { code, signal };
      for (const wait of this.waiting.splice(0)) wait.reject(this.died());
      resolve(this.exited);
    }));
  }

  died() {
    return new Error(`the fixture ended (${this.exited.signal || 'status ' + this.exited.code}) before it spoke: ` +
      this.stderr.slice(0, 1500));
  }

  onLine(line) {
    const wait = this.waiting.shift();
    if (wait) wait.resolve(line);
    else this.lines.push(line);
  }

  line() {
    if (this.lines.length) return Promise.resolve(this.lines.shift());
    if (this.exited) return Promise.reject(this.died());
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  /* The first line that is a truth; what V8 itself printed before it is kept as `printed`. */
  async truth() {
    const printed = [];
    for (;;) {
      const line = await this.line();
      if (line.startsWith('{"fixture"')) return { ...JSON.parse(line), printed };
      printed.push(line);
    }
  }

  proc(file) {
    try {
      return fs.readFileSync(`/proc/${this.watched}/${file}`, 'utf8');
    } catch (e) {
      throw this.exited ? this.died() : e;
    }
  }

  /* state and user time (clock ticks) of the main thread */
  stat() {
    const fields = this.proc(`task/${this.watched}/stat`).replace(/^.*\) /, '').split(' ');
    return { state: fields[0], utime: Number(fields[11]) };
  }

  /* Waits until the process is where its truth says. */
  async settle(state) {
    if (state === 'spin') {
      const before = this.stat().utime;
      while (this.stat().utime < before + 4) await delay(POLL_MS);
      return;
    }
    for (let same = 0, last = ''; same < 4;) {
      const now = this.proc(`task/${this.watched}/syscall`).trim();
      same = now !== 'running' && now === last ? same + 1 : 0;
      last = now;
      await delay(POLL_MS);
    }
  }

  alive() {
    return !this.exited;
  }

  /* Kills the process and whatever it started. */
  async kill() {
    if (this.exited) {
      try { process.kill(-this.pid, 'SIGKILL'); } catch (e) { /* no child is left */ }
      return;
    }
    try { process.kill(-this.pid, 'SIGKILL'); } catch (e) { /* gone */ }
    await this.exit;
  }

  /* The core that the kernel wrote when the process died by a signal. */
  async kernelCore(signal) {
    const problem = corePatternProblem();
    if (problem) throw new SkipError(problem);
    if (signal) process.kill(this.pid, signal);
    await this.exit;
    const names = fs.readdirSync(this.options.cwd).filter((name) => /^core/.test(name));
    if (!names.length) {
      throw new Error(`no core in ${this.options.cwd} after ${JSON.stringify(this.exited)}: ${this.stderr.slice(0, 500)}`);
    }
    return path.join(this.options.cwd, names[0]);
  }

  async gcore() {
    const prefix = path.join(this.options.cwd, 'gcore');
    await must('gcore', ['-o', prefix, String(this.pid)]);
    return `${prefix}.${this.pid}`;
  }
}

/* Runs another program, which must succeed. */
function must(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    execFile(command, args, { timeout: 120000, maxBuffer: 1 << 26, ...options }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command} ${args.join(' ')}: ${error.message.split('\n')[0]} ${stderr.slice(-800)}`));
      else resolve(stdout);
    });
  });
}

module.exports = { Target, SkipError, must, delay };
