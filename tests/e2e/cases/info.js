'use strict';
/* `info`, `layout`, `whatis`: facts about the process and about addresses in it. */
const compare = require('../lib/compare');
const { mainThread, onSubset, NO_ABORT_FLAG } = require('./stack');

function expectEqual(t, what, expected, actual) {
  if (JSON.stringify(expected) !== JSON.stringify(actual)) t.fail(`${what}: expected ${compare.short(expected)}, got ${compare.short(actual)}`);
}

const SECRET = 'do-not-show-4711';

async function checkInfo(t) {
  const result = await t.run(['info', t.spec, '--json']);
  const info = result.json;
  if (!info) {
    t.fail(`no JSON: ${result.stdout.slice(0, 200)}`);
    return;
  }
  const { truth } = t;
  expectEqual(t, 'pid', truth.pid, info.pid);
  expectEqual(t, 'versions.node', truth.versions.node, info.versions && info.versions.node);
  expectEqual(t, 'versions.v8', /^\d+\.\d+\.\d+/.exec(truth.versions.v8)[0], /^\d+\.\d+\.\d+/.exec((info.versions || {}).v8 || '')?.[0]);
  expectEqual(t, 'executable', truth.execPath, info.executable);
  expectEqual(t, 'argv: the end', truth.argv, (info.argv || []).slice(-truth.argv.length));
  expectEqual(t, 'exec_argv', truth.execArgv, info.exec_argv);
  if (t.mode === 'live') {
    expectEqual(t, 'cwd', truth.cwd, info.cwd);
    expectEqual(t, 'uid', truth.uid, info.uid);
    if (!(info.uptime_ns > 0 && info.uptime_ns < 3600e9)) t.fail(`uptime_ns is ${info.uptime_ns}`);
    if (!(info.memory && info.memory.rss_bytes > 1e6)) t.fail(`memory.rss_bytes is ${compare.short(info.memory)}`);
  }
  if (!(info.threads || []).some((x) => x.tid === truth.pid)) t.fail(`the main thread is not among ${compare.short(info.threads)}`);
  const env = info.env || {};
  const entry = (name) => (Array.isArray(env) ? (env.find((e) => e.name === name) || {}).value : env[name]);
  expectEqual(t, 'env PLAIN', 'visible value', entry('PLAIN'));
  for (const name of ['API_TOKEN', 'DB_PASSWORD', 'AWS_SECRET_ACCESS_KEY']) if (entry(name) === undefined) t.fail(`env ${name} is not told at all`);
  const text = await t.run(['info', t.spec]);
  for (const [how, shown] of [['JSON', result.stdout], ['text', text.stdout]]) if (shown.includes(SECRET)) t.fail(`a secret of the environment is shown as ${how}`);
}

const cases = [{
  name: 'info', feature: 'info', fixture: 'info.js', args: () => ['alpha', 'beta gamma'], flags: () => ['--stack-size=900'],
  env: { PLAIN: 'visible value', API_TOKEN: SECRET, DB_PASSWORD: SECRET, AWS_SECRET_ACCESS_KEY: SECRET },
  modes: ['live', 'core'], quick: () => true, check: checkInfo,
}, {
  name: 'info/died', feature: 'died', fixture: 'stack-abort.js', args: () => ['abort'], core: 'self', modes: ['core'], quick: onSubset,
  check: async (t) => {
    const info = await t.json('info');
    expectEqual(t, 'death.signal_name', 'SIGABRT', info && info.death && info.death.signal_name);
  },
}, {
  name: 'info/uncaught', feature: 'died', fixture: 'stack-abort.js', args: () => ['throw'], core: 'self', modes: ['core'], quick: onSubset,
  except: NO_ABORT_FLAG,
  flags: () => ['--abort-on-uncaught-exception'],
  check: async (t) => {
    const result = await t.run(['info', t.spec, '--json']);
    const died = JSON.stringify((result.json || {}).death || null);
    if (!died.includes(t.truth.error.message)) t.fail(`the uncaught exception "${t.truth.error.message}" is not told: ${died.slice(0, 300)}`);
  },
}, {
  name: 'layout', feature: 'layout', fixture: 'info.js', modes: ['live', 'core'], quick: () => true,
  check: async (t) => {
    const answer = await t.json('layout');
    if (!answer) return;
    expectEqual(t, 'node_version', t.truth.versions.node, answer.node_version);
    if (!Array.isArray(answer.facts) || answer.facts.length < 50) {
      t.fail(`facts: ${compare.short(answer.facts)}`);
      return;
    }
    const sources = new Set(['symbol', 'table', 'calibrated', 'nearest', 'missing']);
    for (const f of answer.facts) {
      if (!sources.has(f.source)) t.fail(`${f.name}: source is ${compare.short(f.source)}`);
      if ((f.source === 'missing') !== (f.value === null || f.value === undefined)) t.fail(`${f.name}: ${f.source}, but its value is ${f.value}`);
    }
    const nearest = answer.facts.filter((f) => f.source === 'nearest').map((f) => f.name);
    t.notes.push(Object.entries(answer.facts.reduce((n, f) => ({ ...n, [f.source]: (n[f.source] || 0) + 1 }), {})).map((e) => e.join(' ')).join(', '));
    if (nearest.length) t.fail(`guessed from another version: ${nearest.slice(0, 12).join(' ')}${nearest.length > 12 ? ` and ${nearest.length - 12} more` : ''}`);
  },
}, {
  name: 'whatis', feature: 'whatis', fixture: 'stack-args.js', args: () => ['plain'], modes: ['live', 'core'], quick: onSubset,
  check: async (t) => {
    const thread = mainThread(t, await t.json('stack', '--args'));
    if (!thread) return;
    const user = compare.userFrames(thread.frames);
    const service = user.find((f) => f.name === 'handle');
    if (!service || !service.this) {
      t.fail('no frame handle with a receiver');
      return;
    }
    const about = async (address, what, pattern, options) => {
      const result = await t.run(['whatis', t.spec, address, '--json'], options);
      if (!pattern.test(result.stdout)) t.fail(`whatis ${what} ${address}: ${pattern} is not in ${result.stdout.slice(0, 400)} ${result.stderr.slice(0, 200)}`);
      return result;
    };
    const hex = (address, add) => '0x' + ((BigInt(address) & ~3n) + BigInt(add)).toString(16);
    await about(service.this.address, 'an object', /Service|JS_OBJECT/);
    await about(hex(service.this.address, 24), 'inside an object', /Service|JS_OBJECT/);
    await about(user[0].fp, 'a frame pointer', /stack/i);
    await about('0x1000', 'nothing', /unmapped|not mapped|nothing/i, { status: [0, 1, 3] });
  },
}];

module.exports = cases;
