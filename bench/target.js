/*
 * The process that the benchmark looks at: MEGABYTES of JavaScript objects and
 * buffers, then a loop that watches the clock.  A gap between two looks is
 * time in which the process did not run; each gap of more than LEAST_MS is
 * told as one JSON line on standard output.
 *
 *   target.js MEGABYTES [LEAST_MS]
 */
'use strict';
const fs = require('fs');

const megabytes = Number(process.argv[2]);
const least = Number(process.argv[3] || 1);
const kept = [];

function Order(i) {
  this.id = i;
  this.name = 'order-' + i;
  this.lines = [i, i + 1, { total: i * 1.5 }];
}

function fill() {
  // A third as objects, the rest as buffers with content, as services have it.
  const rss = () => process.memoryUsage().rss / 1048576;
  for (let i = 0; rss() < megabytes / 3; i++) kept.push(new Order(i));
  for (let i = 0; rss() < megabytes; i++) kept.push(Buffer.alloc(1 << 20, 'x' + i));
}

function say(o) {
  const line = Buffer.from(JSON.stringify(o) + '\n');
  fs.writeSync(1, line, 0, line.length, null);
}

function watch(reason) {
  let last = process.hrtime();
  for (;;) {
    const gap = process.hrtime(last);
    last = process.hrtime();
    const ms = gap[0] * 1e3 + gap[1] / 1e6;
    if (ms >= least) {
      say({ gap_ms: ms });
      last = process.hrtime();
    }
  }
}

fill();
say({ ready: process.pid, objects: kept.length });
watch('benchmark');
