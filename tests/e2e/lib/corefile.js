'use strict';
/* Making cores worse: sparse copies, cuts, flipped bytes. Sizes stay sparse, so that a 600 MB core costs its content. */
const fs = require('fs');
const { must } = require('./target');

async function cut(from, to, fraction) {
  await must('cp', ['--sparse=always', from, to]);
  fs.truncateSync(to, Math.floor(fs.statSync(from).size * fraction));
  return to;
}

/* Numbers that are the same every time for a seed (xorshift). */
function random(seed) {
  let x = seed * 2654435761 >>> 0 || 1;
  return (below) => {
    x ^= x << 13; x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5; x >>>= 0;
    return x % below;
  };
}

/* File ranges of the PT_LOAD segments that have bytes. */
function loads(file) {
  const fd = fs.openSync(file, 'r');
  const head = Buffer.alloc(64);
  fs.readSync(fd, head, 0, 64, 0);
  const offset = Number(head.readBigUInt64LE(32));
  const count = head.readUInt16LE(56);
  const table = Buffer.alloc(56 * count);
  fs.readSync(fd, table, 0, table.length, offset);
  fs.closeSync(fd);
  const list = [];
  for (let i = 0; i < count; i++) {
    const bytes = Number(table.readBigUInt64LE(56 * i + 32));
    if (table.readUInt32LE(56 * i) === 1 && bytes) list.push({ offset: Number(table.readBigUInt64LE(56 * i + 8)), bytes });
  }
  return { list, headerBytes: offset + table.length };
}

/*
 * Flips `count` bytes in place; where 'header' picks them from the ELF and
 * program headers, 'data' from bytes of the segments that are not zero.
 * Returns an undo function.
 */
function flip(file, seed, count, where) {
  const next = random(seed);
  const { list, headerBytes } = loads(file);
  const fd = fs.openSync(file, 'r+');
  const undo = [];
  const page = Buffer.alloc(4096);
  for (let tries = 0; undo.length < count && tries < count * 400; tries++) {
    let at;
    if (where === 'header') {
      at = 4 + next(headerBytes - 4);
    } else {
      const segment = list[next(list.length)];
      const start = segment.offset + Math.floor(next(1 << 30) / (1 << 30) * segment.bytes / 4096) * 4096;
      const got = fs.readSync(fd, page, 0, 4096, start);
      const full = [];
      for (let i = 0; i < got; i++) if (page[i]) full.push(i);
      if (!full.length) continue;
      at = start + full[next(full.length)];
    }
    const old = Buffer.alloc(1);
    fs.readSync(fd, old, 0, 1, at);
    fs.writeSync(fd, Buffer.from([old[0] ^ (1 + next(255))]), 0, 1, at);
    undo.push([at, old]);
  }
  fs.closeSync(fd);
  return () => {
    const again = fs.openSync(file, 'r+');
    for (const [at, old] of undo.reverse()) fs.writeSync(again, old, 0, 1, at);
    fs.closeSync(again);
  };
}

module.exports = { cut, flip, random };
