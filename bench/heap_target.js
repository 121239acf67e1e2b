/*
 * The process whose heap the benchmark looks at: MEGABYTES of what services
 * keep (class instances, Maps, Sets, dictionaries, closures, strings of every
 * form, Buffers, suspended async functions, typed arrays, numbers, dates), then a
 * timer every 10 ms that tells the longest time it had to wait.
 *
 *   heap_target.js MEGABYTES
 *
 * Says {"ready": true, "heap_mb": n}; on a line `snapshot FILE` on standard input
 * it writes V8's own heap snapshot there; then {"snapshot_ms": n}.
 */
'use strict';
const v8 = require('v8');

const megabytes = Number(process.argv[2]);

class Gate { constructor() { this.waiters = []; } wait() { return new Promise((r) => this.waiters.push(r)); } }
class Session {
  constructor(i) {
    this.id = i;
    this.user = { name: 'user-' + i, mail: `user-${i}@example.org`, roles: ['a', 'b'] };
    this.created = new Date(i);
    this.score = i * 1.5;
    this.next = null;
  }
}
class CacheStore {
  constructor() { this.entries = new Map(); this.tags = new Set(); this.raw = Object.create(null); }
}

const store = new CacheStore();
const gate = new Gate();
const kept = { sessions: [], closures: [], strings: [], buffers: [], numbers: [] };
globalThis.app = { store, gate, kept };

async function handle(request) {
  const started = request.id;
  await gate.wait();
  return started;
}

function step(i) {
  const s = new Session(i);
  kept.sessions.push(s);
  store.entries.set('key-' + i, { session: s, hits: 0, list: [i, i + 1, { deep: i }] });
  if (i % 4 === 0) store.tags.add('tag-' + i);
  if (i % 2 === 0) store.raw['raw/' + i] = { i, text: 'value ' + i };
  if (i % 3 === 0) kept.closures.push(() => s.user);
  const long = 'a line of text number ' + i + ' with some more of it';
  kept.strings.push(i % 5 ? long : long.slice(5, 40));
  if (i % 10 === 0) kept.buffers.push(Buffer.from('buffer ' + i));
  if (i % 20 === 0) kept.numbers.push(new Float64Array(8), BigInt(i) * 1000000007n);
  if (i % 8 === 0) handle({ id: i, body: s });
}

const used = () => process.memoryUsage().heapUsed / 1048576;
for (let i = 0; i % 1000 || used() < megabytes; i++) step(i);

let last = process.hrtime.bigint();
let longest = 0;
setInterval(() => {
  const now = process.hrtime.bigint();
  const late = Number(now - last) / 1e6 - 10;
  last = now;
  if (late > longest) longest = late;
}, 10);

function say(o) {
  process.stdout.write(JSON.stringify(o) + '\n');
}

process.stdin.setEncoding('utf8').on('data', (text) => {
  for (const line of text.split('\n').filter(Boolean)) {
    if (line === 'gap') {
      say({ gap_ms: longest });
      longest = 0;
    } else if (line.startsWith('snapshot ')) {
      const start = process.hrtime.bigint();
      v8.writeHeapSnapshot(line.slice(9));
      say({ snapshot_ms: Number(process.hrtime.bigint() - start) / 1e6 });
    }
  }
});
say({ ready: true, heap_mb: used() });
