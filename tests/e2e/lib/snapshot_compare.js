'use strict';
/*
 * Compares a snapshot of nopsy with V8's own of the same stopped process.
 *
 * Node ids mean nothing across the two, so nodes are paired by walking both
 * graphs at once from the roots: edges of one type and name, alone of their
 * kind on both sides, lead to the same object; those named by a slot's number
 * are believed last.  What is compared:
 *
 *   count, bytes   nodes and self sizes by class, over the whole files
 *   pairs          how much of V8's graph was paired at all
 *   node           a pair of different type or name
 *   size           self sizes of pairs
 *   edge           edges that one side lacks, of pairs
 *   distance       of pairs, by DevTools' rules
 *   retained       sizes of pairs, by DevTools' rules
 *
 * A difference is a line "KIND CLASS DETAIL: what V8 says, what nopsy says".
 * The part before the colon is what tests/heap-differences.txt explains, by
 * rows of three columns, separated by tabs:
 *
 *   versions   "8-26", "24" or "*": majors; a '?' behind it: occurs not every time
 *   pattern    regular expression that covers the whole part before the colon, or the whole line
 *   reason     why it is all right
 *
 * A row that explains nothing any more, on a version that it names, is a
 * difference itself.
 */
const fs = require('fs');
const path = require('path');
const { random } = require('./corefile');
const { NO_DISTANCE } = require('./heapsnapshot');
const versions = require('./versions');

const DIFFERENCES = path.join(versions.TESTS, 'heap-differences.txt');

function rangeMatches(range, major) {
  if (range === '*') return true;
  const [from, to] = range.split('-').map(Number);
  return major >= from && major <= (to === undefined ? from : to);
}

/* The rows for a version: [{line, pattern, reason, sometimes, used}] */
function explanations(version, text = fs.readFileSync(DIFFERENCES, 'utf8')) {
  const major = Number(version.split('.')[0]);
  const rows = [];
  text.split('\n').forEach((row, i) => {
    if (!row.trim() || row.startsWith('#')) return;
    const [range, pattern, reason, more] = row.split(/\t+/);
    if (!reason || more !== undefined) throw new Error(`heap-differences.txt:${i + 1}: not three columns`);
    if (!rangeMatches(range.replace(/\?$/, ''), major)) return;
    rows.push({ line: i + 1, pattern: new RegExp(`^(?:${pattern})$`), reason, sometimes: range.endsWith('?'), used: 0 });
  });
  return rows;
}

/* Takes the explained ones out of `found`; returns the rest, and rows that did not occur. */
function unexplained(found, rows) {
  const left = found.filter((text) => {
    const subject = text.slice(0, text.indexOf(': '));
    const row = rows.find((r) => r.pattern.test(subject) || r.pattern.test(text));
    if (row) row.used++;
    return !row;
  });
  for (const row of rows) {
    if (!row.used && !row.sometimes) left.push(`tests/heap-differences.txt:${row.line}: ${row.pattern} explains nothing any more`);
  }
  return left;
}

/* Edge names that tell what they name by id, or that begin with a running number, told without. */
function stableLabel(text) {
  return String(text).replace(/@\d+/g, '@').replace(/^\d+ \/ /, '# / ');
}

function edgeKey(s, e) {
  // Roots are numbered, and versions have different ones.
  if (s.typeName(s.edgeTo[e]) === 'synthetic') return `${s.edgeTypes[s.edgeType[e]]} ${s.nameOf(s.edgeTo[e])}`;
  return `${s.edgeTypes[s.edgeType[e]]} ${stableLabel(s.edgeLabel(e))}`;
}

/* key -> edge, or -1 where there are several */
function edgeMap(s, i) {
  const map = new Map();
  for (let e = s.first[i]; e < s.first[i + 1]; e++) {
    const key = edgeKey(s, e);
    map.set(key, map.has(key) ? -1 : e);
  }
  return map;
}

class Pairing {
  constructor(v8, ours) {
    this.v8 = v8;
    this.ours = ours;
    this.of = new Int32Array(v8.count).fill(-1); // of a node of V8's: ours
    this.back = new Int32Array(ours.count).fill(-1);
    this.list = [];
    this.wrong = new Map(); // sentence -> count
    this.seeds = 0; // pairs to which no way from the roots leads
  }

  add(a, b, how) {
    if (this.of[a] >= 0 || this.back[b] >= 0) {
      if (how && this.of[a] !== b) this.note(how, a, b, 'leads elsewhere than another way to the same object does');
      return;
    }
    if (this.v8.classOf(a) !== this.ours.classOf(b)) {
      if (how) this.note(how, a, b, 'leads to another kind of object');
      if (!how || this.v8.typeName(a) !== this.ours.typeName(b)) return;
    }
    this.of[a] = b;
    this.back[b] = a;
    this.list.push(a);
  }

  note(how, a, b, what) {
    const key = `node ${how}: ${what}: ${this.v8.classOf(a)} for V8, ${this.ours.classOf(b)} for nopsy`;
    this.wrong.set(key, (this.wrong.get(key) || 0) + 1);
  }

  /* Follows the edges of the pair of `a` whose name is as sure as `strong` says. */
  follow(a, strong) {
    const { v8, ours } = this;
    const mine = edgeMap(ours, this.of[a]);
    for (const [key, e] of edgeMap(v8, a)) {
      const f = mine.get(key);
      if (e < 0 || f === undefined || f < 0 || v8.edgeType[e] === v8.WEAK) continue;
      if (isSure(v8, e, key) !== strong) continue;
      this.add(v8.edgeTo[e], ours.edgeTo[f], strong ? `${v8.classOf(a)} --${general(key)}-->` : null);
    }
  }

  flood() {
    while (this.later < this.list.length) {
      if (this.at < this.list.length) this.follow(this.list[this.at++], true);
      else if (this.v8.typeName(this.list[this.later++]) !== 'synthetic') this.follow(this.list[this.later - 1], false);
    }
  }

  /* From the roots; then from objects that are alone of their class on both sides, in case a root is wrong. */
  run() {
    this.at = this.later = 0;
    this.add(0, 0, 'the root');
    this.flood();
    const mine = single(this.ours);
    for (const [key, a] of single(this.v8)) {
      const b = mine.get(key);
      if (a < 0 || b === undefined || b < 0 || this.of[a] >= 0 || this.back[b] >= 0) continue;
      this.seeds++;
      this.add(a, b, null);
      this.flood();
    }
    return this;
  }
}

/* class -> its only node, -1 where there are more */
function single(s) {
  const found = new Map();
  for (let i = 0; i < s.count; i++) {
    const key = s.classOf(i);
    if (/^(object|closure) ./.test(key)) found.set(key, found.has(key) ? -1 : i);
  }
  return found;
}

/* A name that belongs to its object; the number of a slot of V8's own does not. */
function isSure(s, e, key) {
  return s.edgeType[e] !== s.HIDDEN && !/^internal (\d|#)/.test(key);
}

/* A name for many edges alike: numbers become N. */
function general(key) {
  return key.replace(/^((?:element|hidden|weak|internal) )\d+$/, '$1N');
}

/* Sentences with how often each holds, most frequent first. */
class Tally {
  constructor() {
    this.counts = new Map();
  }

  add(subject, detail) {
    const one = this.counts.get(subject);
    if (one) one.count++;
    else this.counts.set(subject, { count: 1, detail });
  }

  lines() {
    return [...this.counts].sort((x, y) => y[1].count - x[1].count).map(([subject, one]) =>
      `${subject}: ${one.detail}${one.count > 1 ? ` and ${one.count - 1} more` : ''}`);
  }
}

/* Kinds of nodes that are the same in the dialects of all versions; V8's own objects changed theirs. */
const JAVASCRIPT = /^(object (?!shape |system \/ )|closure|regexp|string|concatenated string|sliced string|symbol|bigint|number)/;
/* Edges that JavaScript knows. */
const EDGES = /^(property|element|context) /;

function compareCensus(v8, ours, found, isMeant) {
  const theirs = v8.census();
  const mine = ours.census();
  for (const key of new Set([...theirs.keys(), ...mine.keys()])) {
    if (!isMeant(key)) continue;
    const a = theirs.get(key) || { count: 0, self: 0 };
    const b = mine.get(key) || { count: 0, self: 0 };
    if (a.count !== b.count) found.push(`count ${key}: ${a.count} for V8, ${b.count} for nopsy`);
    else if (a.self !== b.self) found.push(`bytes ${key}: ${a.self} for V8, ${b.self} for nopsy, ${a.count} objects`);
  }
}

function edgesOf(s, i) {
  const list = new Map();
  for (let e = s.first[i]; e < s.first[i + 1]; e++) {
    const type = s.edgeTypes[s.edgeType[e]];
    // Hidden and unnamed weak edges carry the number of a slot: that their targets are there is what counts.
    const label = type === 'hidden' ? 'N' : general(edgeKey(s, e)).slice(type.length + 1);
    const key = `${type} ${label}--> ${s.classOf(s.edgeTo[e])}`;
    list.set(key, (list.get(key) || 0) + 1);
  }
  return list;
}

function comparePair(pairs, a, tally, isMeant) {
  const { v8, ours } = pairs;
  const b = pairs.of[a];
  const what = v8.classOf(a);
  if (v8.self[a] !== ours.self[b]) tally.add(`size ${what}`, `${v8.self[a]} bytes for V8, ${ours.self[b]} for nopsy`);
  const theirs = edgesOf(v8, a);
  const mine = edgesOf(ours, b);
  for (const key of new Set([...theirs.keys(), ...mine.keys()])) {
    const [m, n] = [theirs.get(key) || 0, mine.get(key) || 0];
    if (!isMeant(key.slice(key.indexOf('--> ') + 4)) || (isMeant.onlyJavascript && !EDGES.test(key))) continue;
    if (m !== n) tally.add(`edge ${what} --${key}`, `${m} for V8, ${n} for nopsy (@${v8.id[a]}, @${ours.id[b]})`);
  }
}

/* Numbers below the base for system objects are distances from a user root. */
function compareMeasures(pairs, sample, found) {
  const { v8, ours } = pairs;
  const tally = new Tally();
  const [dv, dn, rv, rn] = [v8.distances(), ours.distances(), v8.retainedSizes(), ours.retainedSizes()];
  let equalDistance = 0;
  let equalRetained = 0;
  for (const a of sample) {
    const b = pairs.of[a];
    if (dv[a] === dn[b]) equalDistance++;
    else tally.add(`distance ${v8.classOf(a)}`, `${dv[a] === NO_DISTANCE ? 'none' : dv[a]} for V8, ${dn[b]} for nopsy`);
    if (rv[a] === rn[b]) equalRetained++;
    else tally.add(`retained ${v8.classOf(a)}`, `${rv[a]} bytes for V8, ${rn[b]} for nopsy (@${v8.id[a]}, @${ours.id[b]})`);
  }
  found.push(...tally.lines());
  return { equalDistance, equalRetained };
}

function shuffled(list, seed) {
  const next = random(seed);
  const all = list.slice();
  for (let i = all.length - 1; i > 0; i--) {
    const k = next(i + 1);
    [all[i], all[k]] = [all[k], all[i]];
  }
  return all;
}

/*
 * -> {found: [sentence], stats}.  options: sample (pairs to compare), seed,
 * least (share of V8's JavaScript nodes that must be paired), onlyJavascript
 * (not V8's own objects).
 */
function compare(v8, ours, options = {}) {
  const found = [];
  const isMeant = (key) => !options.onlyJavascript || JAVASCRIPT.test(key);
  isMeant.onlyJavascript = options.onlyJavascript;
  compareCensus(v8, ours, found, isMeant);
  const pairs = new Pairing(v8, ours).run();
  for (const [text, n] of pairs.wrong) if (!options.onlyJavascript || EDGES.test(text.replace(/^.*? --/, ''))) found.push(n > 1 ? `${text}, ${n} times` : text);
  const kinds = new Set(['object', 'closure', 'array', 'regexp']);
  let all = 0;
  let reached = 0;
  for (let a = 0; a < v8.count; a++) {
    if (!kinds.has(v8.typeName(a))) continue;
    all++;
    if (pairs.of[a] >= 0) reached++;
  }
  const least = options.least === undefined ? 0.95 : options.least;
  if (reached < all * least) found.push(`pairs all: only ${reached} of ${all} objects of V8's snapshot were found in nopsy's by the same way`);
  const sample = shuffled(pairs.list.filter((a) => isMeant(v8.classOf(a))), options.seed || 1).slice(0, options.sample || 10000);
  const tally = new Tally();
  for (const a of sample) comparePair(pairs, a, tally, isMeant);
  found.push(...tally.lines());
  const measures = compareMeasures(pairs, sample, found);
  return { found, stats: { nodes: v8.count, pairs: pairs.list.length, seeds: pairs.seeds, reached, all, sampled: sample.length, ...measures } };
}

module.exports = { compare, explanations, unexplained, Pairing };
