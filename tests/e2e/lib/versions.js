'use strict';
/* Versions as numbers that compare: 0.10 -> 10, 4.9 -> 409, 24.21 -> 2421. */
const fs = require('fs');
const path = require('path');

const TESTS = path.resolve(__dirname, '../..');

function number(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return major * 100 + (minor || 0);
}

/* The versions of a list file, one a line, # begins a comment. */
function list(name) {
  return fs.readFileSync(path.join(TESTS, name), 'utf8').split('\n').map((l) => l.replace(/#.*/, '').trim()).filter(Boolean);
}

function cacheDir() {
  return process.env.NOPSY_NODE_CACHE || path.join(process.env.HOME, '.cache/nopsy/nodes');
}

function binary(version) {
  return path.join(cacheDir(), 'v' + version, 'bin/node');
}

/* "24", "0.10" or "24.21.0" names this version. */
function matches(version, asked) {
  return version === asked || version.startsWith(asked + '.');
}

module.exports = { number, list, binary, matches, TESTS };
