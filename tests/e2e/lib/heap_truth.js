'use strict';
/*
 * Holds what a heap fixture states against V8's own snapshot of it: a truth
 * that V8 contradicts is a bug of the fixture.  Appends sentences to diffs.
 */
const { countMatches, stepMatches, pathHas } = require('./heap');

/* V8's path in the words of the command line contract. */
function words(s, path) {
  return path.map(({ node, edge }) => ({ class: s.nameOf(node), edge: edge < 0 ? undefined : s.edgeTypes[s.edgeType[edge]],
    name: edge < 0 ? undefined : s.edgeLabel(edge) }));
}

/* V8's format has no word for keys and values of collections, and its own for symbols and private names. */
function inV8sWords([klass, edge, name]) {
  if (edge === 'key' || edge === 'value' || edge === 'internal') return [klass, null, null];
  return [klass, edge, name];
}

/* Up to Node 14 V8 writes no descriptions of symbols. */
function isUndescribed(wanted, r) {
  return r.name === '<symbol>' && stepMatches([wanted[0], wanted[1], null], r);
}

/* Of block contexts V8 names no variable. */
function isUnnamedVariable(wanted, r) {
  return wanted[1] === 'context' && r.class === 'system / Context' && r.edge === 'hidden';
}

function checkable(steps) {
  return steps.filter(([, edge, name]) => edge !== 'context' && !(name && name.match && /^ref/.test(name.match)));
}

function retainers(s, target) {
  const list = [];
  for (let i = 0; i < s.count; i++) {
    for (let e = s.first[i]; e < s.first[i + 1]; e++) {
      if (s.edgeTo[e] === target) list.push({ class: s.nameOf(i), edge: s.edgeTypes[s.edgeType[e]], name: s.edgeLabel(e) });
    }
  }
  return list;
}

function checkRefs(s, refs, major, diffs) {
  for (const ref of refs) {
    if (major < 10 && ref.name === 'RefWeakValue') continue; // V8 wrote only weak edges to them
    const found = s.find('object', ref.name);
    if (!found.length) {
      diffs.push(`${ref.name}: not in V8's snapshot`);
      continue;
    }
    const who = retainers(s, found[found.length - 1]);
    for (const wanted of ref.referrers) {
      if (wanted[1] !== 'property' && wanted[1] !== 'element' && wanted[1] !== 'context') continue;
      if (!who.some((r) => stepMatches(wanted, r) || isUnnamedVariable(wanted, r) || isUndescribed(wanted, r))) diffs.push(`${ref.name}: ${JSON.stringify(wanted)} is not among V8's ${JSON.stringify(who)}`);
    }
    const path = s.path(found[found.length - 1]);
    const steps = path && words(s, path);
    if (!path) diffs.push(`${ref.name}: V8 knows no path to it`);
    else if (!pathHas(checkable(ref.path).map(inV8sWords), steps)) diffs.push(`${ref.name}: V8's path is ${JSON.stringify(steps)}`);
  }
}

function checkRetained(s, list, major, diffs) {
  const retained = s.retainedSizes();
  for (const wanted of list) {
    if (wanted.external === 'string' && major < 24) continue; // V8 did not count them
    const found = s.find('object', wanted.name).filter((i) => s.distances()[i] < 1e8);
    const sizes = found.map((i) => retained[i]);
    if (!sizes.some((n) => n >= wanted.least && n <= wanted.most)) {
      diffs.push(`${wanted.name}: V8's sizes are ${sizes}, wanted ${wanted.least} to ${wanted.most}${wanted.external ? ' (external)' : ''}`);
    }
  }
}

function check(s, truth, diffs) {
  const major = Number(truth.version.split('.')[0]);
  for (const c of truth.classes || []) {
    const count = s.find('object', c.name).length;
    if (c.live !== null && !(c.builtin && major <= 16) && !countMatches(c.live, count)) diffs.push(`${c.name}: ${count} in V8's snapshot, the fixture states ${c.live}`);
  }
  for (const f of truth.functions || []) {
    const count = s.find('closure', f.name).length;
    if (count !== f.count) diffs.push(`${f.name}: ${count} closures in V8's snapshot, the fixture states ${f.count}`);
  }
  for (const e of truth.errors || []) {
    const count = s.find('object', e.class).length;
    if (count < e.count) diffs.push(`${e.class}: ${count} in V8's snapshot, the fixture states ${e.count}`);
  }
  if (truth.refs) checkRefs(s, truth.refs, major, diffs);
  if (truth.retained) checkRetained(s, truth.retained, major, diffs);
}

module.exports = { check };
