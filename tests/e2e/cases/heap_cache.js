'use strict';
/* --cache: what a command computed is found by the next one, is the same, and is never trusted when it is not whole. */
const fs = require('fs');
const os = require('os');
const path = require('path');
const { flags, some } = require('../lib/heap');

const COMMANDS = [['objects'], ['retained'], ['objects', '--all'], ['leaks']];

async function check(t) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'nopsy-cache-'));
  const folder = path.join(home, 'nopsy/heap');
  const files = (end = '') => fs.readdirSync(folder).filter((n) => n.endsWith(end)).map((n) => path.join(folder, n));
  const ask = (args, options) => t.run([args[0], t.spec, ...args.slice(1), '--json'], { status: [0, 3], ...options, env: { XDG_CACHE_HOME: home } });
  const kept = (args) => ask([...args, '--cache', '-vv']);
  const FROM_FILE = /index of the heap from/;
  try {
    for (const args of COMMANDS) {
      const plain = await ask(args);
      const first = await kept(args);
      const second = await kept(args);
      const shown = args.join(' ');
      if (first.stdout !== plain.stdout) t.fail(`${shown}: the answer differs with --cache`);
      if (second.stdout !== plain.stdout) t.fail(`${shown}: the answer differs from the cache`);
      if (!FROM_FILE.test(second.stderr)) t.fail(`${shown}: the second run did not use the cache`);
      if (FROM_FILE.test(plain.stderr)) t.fail(`${shown}: used the cache unasked`);
    }
    for (const end of ['.graph', '.reach', '.dominators']) if (files(end).length !== 1) t.fail(`${files(end).length} files ${end}`);
    for (const file of files()) if ((fs.statSync(file).mode & 0o777) !== 0o600) t.fail(`${file} is readable by others`);

    const plain = await ask(['retained']);
    const damage = {
      'cut short': (file) => fs.truncateSync(file, fs.statSync(file).size - 64),
      'cut to nothing': (file) => fs.truncateSync(file, 100),
      'with another byte in its header': (file) => {
        const fd = fs.openSync(file, 'r+');
        fs.writeSync(fd, Buffer.from([0xff]), 0, 1, 40);
        fs.closeSync(fd);
      },
      'writable by all': (file) => fs.chmodSync(file, 0o666),
    };
    for (const [how, change] of Object.entries(damage)) {
      await kept(['retained']);
      for (const file of files()) change(file);
      const after = await kept(['retained']);
      if (after.stdout !== plain.stdout) t.fail(`${how}: the answer differs`);
      if (FROM_FILE.test(after.stderr)) t.fail(`${how}: the file was used`);
      if (!FROM_FILE.test((await kept(['retained'])).stderr)) t.fail(`${how}: the file was not written anew`);
    }

    /* a core that changed is another one; what belonged to the old one goes */
    const before = files();
    const now = new Date();
    fs.utimesSync(t.spec, now, now);
    const changed = await kept(['retained']);
    if (changed.stdout !== plain.stdout || FROM_FILE.test(changed.stderr)) t.fail('a core of another time: the file of the old one was used');
    if (files().some((file) => before.includes(file))) t.fail('the files of the old core are still there');

    fs.rmSync(home, { recursive: true });
    fs.writeFileSync(home, '');
    const nowhere = await ask(['retained', '--cache']);
    if (nowhere.stdout !== plain.stdout || !/--cache/.test(nowhere.stderr)) t.fail(`without a folder: ${nowhere.stderr.slice(0, 200)}`);
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
  }
}

module.exports = [
  { name: 'heap/cache', feature: 'index between runs', fixture: 'heap-retained.js', flags, modes: ['core'], args: () => ['spin'],
    quick: some, check },
];
