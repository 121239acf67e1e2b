'use strict';
/* The table `handles`: what keeps the loop alive, of each kind some that the fixture has made. */
const { short } = require('../lib/compare');
const { flags, some } = require('../lib/heap');

const COLUMNS = 'type, class, is_request, is_active, is_referenced, name, local, remote, fd, function, file, line, due_ms, period_ms, is_repeated';

async function handles(t) {
  const answer = await t.json('sql', `select ${COLUMNS} from handles`);
  return answer.rows.map((row) => Object.fromEntries(row.map((cell, i) => [answer.columns[i], cell])));
}

/* One handle of that kind with that callback, which has these fields. */
function expect(t, all, type, callback, fields) {
  const found = all.filter((h) => h.type === type && h.function === callback);
  if (found.length !== 1) {
    t.fail(`${found.length} handles of type ${type} call ${callback}: ${short(all.filter((h) => h.type === type || h.function === callback))}`);
    return;
  }
  for (const [name, wanted] of Object.entries(fields)) {
    const got = found[0][name];
    if (typeof wanted === 'function' ? !wanted(got) : got !== wanted) t.fail(`${type} ${callback}: ${name} is ${short(got)}, expected ${wanted}`);
  }
}

const isFile = (file) => /heap-handles\.js$/.test(file);
const ON = { is_active: 1, is_referenced: 1 };

/* Milliseconds from when the loop last looked at its clock on; what ran since then is still to come. */
function due(t, length) {
  return (ms) => ms > length - t.truth.elapsed - 60000 && ms <= length;
}

function checkTimers(t, all) {
  const old = t.number < 100; // a timer without a reference has forgotten its length
  expect(t, all, 'timer', 'onLongTimer', { ...ON, line: 19, file: isFile, due_ms: due(t, 1000000), period_ms: 1000000, is_repeated: 0, is_request: 0 });
  expect(t, all, 'timer', 'onInterval', { ...ON, due_ms: due(t, 2000000), period_ms: 2000000, is_repeated: 1 });
  expect(t, all, 'timer', 'onQuietTimer', { is_active: 1, is_referenced: 0, due_ms: due(t, 3000000), period_ms: old ? null : 3000000 });
  if (t.truth.worker) expect(t, all, 'timer', 'onInWorker', { ...ON, due_ms: due(t, 5000000), is_repeated: 1 });
  const gone = all.filter((h) => /Gone/.test(h.function));
  if (gone.length) t.fail(`cleared timers and immediates: ${short(gone)}`);
}

/* A core has the addresses that the program asked for, a live process has all. */
function checkSockets(t, all) {
  const live = t.mode === 'live';
  const { local, remote, serverPort } = t.truth;
  const hasUdp = t.number !== 10; // whose libuv keeps it elsewhere
  const fd = (n) => n >= 3;
  expect(t, all, 'tcp', 'onData', { ...ON, class: 'Socket', local, remote, fd });
  expect(t, all, 'tcp-server', 'onConnection', { ...ON, class: 'Server', local: live ? `127.0.0.1:${serverPort}` : '127.0.0.1', remote: null, fd });
  expect(t, all, 'tcp-server', 'onRequest', { ...ON, local: (text) => /^127\.0\.0\.1(:\d+)?$/.test(text), fd });
  expect(t, all, 'udp', 'onDatagram', { ...ON, local: live && hasUdp ? t.truth.udp : null });
  const servers = all.filter((h) => h.function === 'onPipeConnection');
  const chosen = servers.find((h) => h.type === 'tcp-server');
  if (!chosen || chosen.local !== `127.0.0.2:${serverPort}`) t.fail(`a server on 127.0.0.2:${serverPort}: ${short(servers)}`);
  const pipe = servers.find((h) => h.type === 'pipe-server');
  if (!pipe || pipe.local !== t.truth.pipeName) t.fail(`a server on ${t.truth.pipeName}: ${short(servers)}`);
  // Both ends of the connection that data was asked of, and of the request that has no answer.
  if (all.filter((h) => h.type === 'tcp').length !== 4) t.fail(`four connections, got ${short(all.filter((h) => h.type === 'tcp'))}`);
  if (live && !all.some((h) => h.type === 'tcp' && h.local === remote && h.remote === local)) t.fail(`the other end of ${local}: ${short(all)}`);
  if (!all.some((h) => h.type === 'http' && h.name === 'GET /pending')) t.fail(`the request that has no answer: ${short(all.filter((h) => h.type === 'http'))}`);
}

function checkOthers(t, all) {
  const spawned = t.number < 100 ? `process ${t.truth.childPid}` : `process ${t.truth.childPid}: /bin/sleep`;
  expect(t, all, 'process', 'onExit', { ...ON, class: 'ChildProcess', name: (text) => text === spawned || text === `${spawned}: /bin/sleep` });
  expect(t, all, 'signal', 'onSignal', { is_active: 1, is_referenced: 0, name: 'SIGUSR2' });
  expect(t, all, 'fs-event', 'onChange', { ...ON, name: (text) => t.truth.pipeName.startsWith(text) });
  if (t.truth.worker) expect(t, all, 'worker', 'onWorkerExit', { is_active: 1, name: (text) => /^worker \d+$/.test(text) });
  if (t.truth.state !== 'spin') {
    const over = all.filter((h) => ['immediate', 'fs', 'dns', 'connect'].includes(h.type));
    if (over.length) t.fail(`nothing waits but handles, got ${short(over)}`);
    return;
  }
  expect(t, all, 'immediate', 'onImmediate', { ...ON, is_request: 0 });
  expect(t, all, 'fs', 'onStat', { ...ON, is_request: 1 });
  expect(t, all, 'dns', 'onLookup', { ...ON, is_request: 1, name: t.number < 12 ? null : 'nothing.invalid' });
}

async function check(t) {
  const all = await handles(t);
  checkTimers(t, all);
  checkSockets(t, all);
  checkOthers(t, all);
}

module.exports = [
  { name: 'heap/sql/handles', args: () => ['spin'], quick: some },
  { name: 'heap/sql/handles/wait', args: () => ['wait'], quick: some },
].map((c) => ({ feature: 'sql', fixture: 'heap-handles.js', flags, modes: ['live', 'core'], check, ...c }));
