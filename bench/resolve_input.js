'use strict';
// What `perf script` prints of a busy Node.js, and the perf map that belongs to it, in any size:
//
//   node resolve_input.js FOLDER MEGABYTES SYMBOLS [bare]
//
// writes FOLDER/map, FOLDER/script.txt and, with `bare`, the same stacks as FOLDER/bare.txt with 0x-addresses alone, as
// DTrace and bpftrace print them. A third of the symbols stand where others did before. The numbers follow what was
// measured on an express application: 37 frames a sample, four in ten of them JavaScript, names of 60 to 110 bytes.
const fs = require('fs');

const [folder, megabytes, symbols, bare] = [process.argv[2], +process.argv[3], +process.argv[4], process.argv[5] === 'bare'];
let state = 42;
const random = (n) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 0x100000000) * n);
};

const names = ['parserOnHeadersComplete', 'next', 'handle', 'Layer.handle [as handle_request]', 'compileFunction', 'readableAddChunk',
  'emit', 'processTicksAndRejections', 'serveStatic', 'query', 'render', 'get', 'parse', 'stringify', 'callback', ''];
const files = ['/srv/app/node_modules/express/lib/router/layer.js', '/srv/app/node_modules/ejs/lib/ejs.js', 'node:_http_server',
  'node:internal/process/task_queues', '/srv/app/node_modules/typescript/lib/typescript.js', '/srv/app/server.js',
  'node:internal/streams/readable', '/srv/app/node_modules/handlebars/dist/cjs/handlebars/compiler/javascript-compiler.js'];
const natives = [
  ['14ce0dc', 'Builtins_JSEntryTrampoline+0x5c', '/usr/local/bin/node'],
  ['c494db', 'v8::internal::(anonymous namespace)::Invoke+0x12b', '/usr/local/bin/node'],
  ['b0c01d', 'v8::Function::Call+0x14d', '/usr/local/bin/node'],
  ['8b1f43', 'node::InternalMakeCallback+0x1e3', '/usr/local/bin/node'],
  ['1602a9e', 'uv__stream_io+0x58e', '/usr/local/bin/node'],
  ['2724a', '__libc_start_call_main+0x7a', '/usr/lib/x86_64-linux-gnu/libc.so.6'],
  ['ffffffff81000130', 'entry_SYSCALL_64_after_hwframe+0x76', '[kernel.kallsyms]'],
  ['ffffffff821ecc51', 'do_syscall_64+0x71', '[kernel.kallsyms]'],
];

const base = 0x7f6a1dfc0000;
const entries = [];
const map = fs.openSync(`${folder}/map`, 'w');
let text = '';
for (let i = 0; i < symbols; i++) {
  const again = i > 1000 && random(3) === 0 ? entries[random(i)] : null;
  const start = again ? again.start : base + i * 0x480;
  const size = 0x80 + random(0x380);
  const name = `JS:${'~^+*'[random(4)]}${names[random(names.length)]} ${files[random(files.length)]}:${1 + random(4000)}:${1 + random(80)}`;
  entries.push({ start, size, name });
  text += `${start.toString(16)} ${size.toString(16)} ${name}\n`;
  if (text.length > 1 << 20) {
    fs.writeSync(map, text);
    text = '';
  }
}
fs.writeSync(map, text);
fs.closeSync(map);

// Frames repeat: a program has some thousands of places that it is seen at.
const places = [];
for (let i = 0; i < Math.min(20000, symbols); i++) {
  const e = entries[random(entries.length)];
  const offset = random(e.size);
  places.push({ address: (e.start + offset).toString(16), name: `${e.name}+0x${offset.toString(16)}` });
}
const out = fs.openSync(`${folder}/script.txt`, 'w');
const outBare = bare ? fs.openSync(`${folder}/bare.txt`, 'w') : -1;
let bytes = 0, time = 27651000000;
while (bytes < megabytes * 1e6) {
  let chunk = '', chunkBare = '';
  for (let sample = 0; sample < 200; sample++) {
    time += 1001;
    const header = `node  6047 ${(time / 1e6).toFixed(6)}:    1001001 cpu-clock: \n`;
    chunk += header;
    chunkBare += header;
    for (let frame = 0; frame < 37; frame++) {
      if (random(10) < 4) {
        // a few are hot
        const p = places[Math.floor(places.length * (random(1 << 20) / (1 << 20)) ** 3)];
        // perf itself does not know one in ten
        chunk += random(10) ? `\t    ${p.address} ${p.name} (/tmp/perf-6047.map)\n`
          : `\t    ${p.address} [unknown] (/tmp/perf-6047.map)\n`;
        chunkBare += `              0x${p.address}\n`;
      } else {
        const [address, name, image] = natives[random(natives.length)];
        chunk += `\t${address.padStart(16)} ${name} (${image})\n`;
        chunkBare += `              ${image.replace(/.*\//, '')}\`${name}\n`;
      }
    }
    chunk += '\n';
    chunkBare += '\n';
  }
  fs.writeSync(out, chunk);
  if (bare)
    fs.writeSync(outBare, chunkBare);
  bytes += chunk.length;
}
