'use strict';
/*
 * Compares nopsy's answer with the truth.  Each function appends sentences to
 * `diffs`; no sentence means equal.
 */

function short(v) {
  const text = JSON.stringify(v);
  if (text === undefined) return String(v);
  return text.length > 160 ? text.slice(0, 157) + '...' : text;
}

/* A scalar of the truth: a plain value, {any: [...]} or {prefix: "..."}. */
function scalarMatches(expected, actual) {
  if (expected && typeof expected === 'object') {
    if (Array.isArray(expected.any)) return expected.any.includes(actual);
    if (typeof expected.prefix === 'string') return typeof actual === 'string' && actual.startsWith(expected.prefix);
  }
  return expected === actual;
}

function scalar(expected, actual, where, diffs) {
  if (!scalarMatches(expected, actual)) diffs.push(`${where}: expected ${short(expected)}, got ${short(actual)}`);
}

/* Elements of a VALUE by index: from elements (runs of holes counted) and from integer-named properties. */
function indexedElements(actual) {
  const map = new Map();
  let index = 0;
  for (const element of actual.elements || []) {
    if (element && element.type === 'hole') index += element.count || 1;
    else map.set(element && element.index !== undefined ? element.index : index++, element);
  }
  for (const p of actual.properties || []) if (/^\d+$/.test(p.name)) map.set(Number(p.name), p.value);
  return map;
}

function properties(expected, actual, where, diffs) {
  if (!Array.isArray(actual)) {
    diffs.push(`${where}: expected properties, got ${short(actual)}`);
    return;
  }
  const names = (list) => list.map((p) => p.name);
  if (names(expected).join('\0') !== names(actual).join('\0')) {
    diffs.push(`${where}: expected the properties ${short(names(expected))}, got ${short(names(actual))}`);
    return;
  }
  expected.forEach((p, i) => property(p, actual[i], `${where}.${p.name}`, diffs));
}

function property(expected, actual, where, diffs) {
  if (expected.kind && (actual.kind || 'data') !== expected.kind) {
    diffs.push(`${where}: expected kind ${expected.kind}, got ${short(actual.kind)}`);
  }
  value(expected.value, actual.value, where, diffs);
}

/* Each of `expected` stands in `actual`, in the same order. */
function someProperties(expected, actual, where, diffs) {
  let from = 0;
  for (const p of expected) {
    const at = (actual || []).findIndex((a, i) => i >= from && a.name === p.name);
    if (at < 0) {
      const present = (actual || []).map((a) => a.name);
      diffs.push(`${where}: no property ${p.name}${present.includes(p.name) ? ' in this order' : ''} among ${short(present)}`);
      continue;
    }
    property(p, actual[at], `${where}.${p.name}`, diffs);
    from = at + 1;
  }
}

/* Runs of holes may be told one by one or counted. */
function expandHoles(list) {
  const all = [];
  for (const e of list) {
    if (e && e.type === 'hole') for (let i = 0; i < (e.count || 1); i++) all.push({ type: 'hole' });
    else all.push(e);
  }
  return all;
}

const NESTED = new Set(['result', 'target', 'handler', 'boxed']);
const LISTS = new Set(['properties', 'some', 'symbols', 'indexed', 'elements', 'entries', 'prefix']);

/* Facts that may stand elsewhere: the contract leaves their place open. */
function alternative(key, actual) {
  if (key === 'boxed') return actual.primitive;
  if (key === 'byte_length') return actual.length;
  if (key === 'name' && actual.function) return actual.function.name;
  return undefined;
}

function value(expected, actual, where, diffs) {
  if (!actual || typeof actual !== 'object') {
    diffs.push(`${where}: expected a VALUE ${short(expected)}, got ${short(actual)}`);
    return;
  }
  for (const key of Object.keys(expected)) {
    if (LISTS.has(key)) continue;
    const got = actual[key] !== undefined ? actual[key] : alternative(key, actual);
    if (NESTED.has(key)) value(expected[key], got, `${where}<${key}>`, diffs);
    else if (key === 'length' && expected.type === 'string' && !actual.truncated) {
      scalar(expected.length, (actual.value || '').length, `${where}: length of the whole string`, diffs);
    } else scalar(expected[key], got, `${where}: ${key}`, diffs);
  }
  if (expected.prefix !== undefined) scalar({ prefix: expected.prefix }, actual.value, `${where}: value`, diffs);
  if (expected.properties) properties(expected.properties, actual.properties || [], where, diffs);
  if (expected.some) someProperties(expected.some, actual.properties, where, diffs);
  for (const [description, v] of expected.symbols || []) {
    const found = (actual.properties || []).find((p) => p.kind === 'symbol' && p.name.includes(description));
    if (found) value(v, found.value, `${where}[${description}]`, diffs);
    else diffs.push(`${where}: no property with the symbol ${description}`);
  }
  if (expected.indexed) {
    const elements = indexedElements(actual);
    for (const [index, v] of expected.indexed) {
      if (elements.has(index)) value(v, elements.get(index), `${where}[${index}]`, diffs);
      else diffs.push(`${where}: nothing at index ${index}; indexes are ${short([...elements.keys()].slice(0, 20))}`);
    }
  }
  if (expected.elements) {
    const want = expandHoles(expected.elements);
    const got = expandHoles(actual.elements || []);
    if (want.length !== got.length) diffs.push(`${where}: expected ${want.length} elements, got ${got.length}: ${short(got)}`);
    else want.forEach((e, i) => value(e, got[i], `${where}[${i}]`, diffs));
  }
  if (expected.entries) {
    const got = actual.entries || [];
    if (got.length !== expected.entries.length) {
      diffs.push(`${where}: expected ${expected.entries.length} entries, got ${got.length}: ${short(got)}`);
    } else {
      expected.entries.forEach((entry, i) => entry.forEach((v, side) =>
        value(v, Array.isArray(got[i]) ? got[i][side] : got[i], `${where} entry ${i}${side ? ' value' : ' key'}`, diffs)));
    }
  }
}

/* Scripts that Node and V8 bring themselves. */
function isInternalFile(file) {
  if (!file) return false;
  if (/^(\/|file:\/\/|user:)/.test(file) || /eval/.test(file)) return false;
  return true;
}

/* JavaScript frames of the user's code. */
function userFrames(frames) {
  return frames.filter((f) => f.kind === 'js' && !isInternalFile(f.file));
}

/* JavaScript frames of Node's own modules; scripts of V8 itself are called "native ...". */
function internalFrames(frames) {
  return frames.filter((f) => f.kind === 'js' && isInternalFile(f.file) && !/^(native|extensions::)/.test(f.file));
}

function frameLabel(f) {
  return `${f.display || f.name || '(anonymous)'}${f.line ? ':' + f.line : ''}`;
}

/*
 * Pairs the truth's frames with nopsy's.  Leading frames of the truth that are
 * marked `maybe` are what the leaf may be calling at this moment: some tail of
 * them is there.
 */
function pair(expected, actual, where, diffs) {
  const maybe = expected.findIndex((f) => !f.maybe);
  for (let skip = 0; skip <= maybe; skip++) {
    const want = expected.slice(skip);
    if (want.length === actual.length && (!maybe || nameMatches(want[0], actual[0]))) return want.map((f, i) => [f, actual[i]]);
  }
  const labels = (list) => list.map(frameLabel);
  let at = 0;
  const want = expected.slice(maybe);
  while (at < want.length && actual[at] && nameMatches(want[at], actual[at])) at++;
  diffs.push(`${where}: expected ${expected.length - maybe} frames${maybe ? ` (and up to ${maybe} above)` : ''}, got ` +
    `${actual.length}; first difference at ${at}: expected ${short(labels(want.slice(at, at + 4)))}, got ` +
    `${short(labels(actual.slice(at, at + 4)))}`);
  return null;
}

function nameMatches(expected, actual) {
  if (expected.name === null || expected.name === undefined) return !actual.name || /^[(<]anonymous[)>]$/.test(actual.name);
  return actual.name === expected.name;
}

/*
 * Position of one frame.  policy: {definition, approximate} say which lesser
 * answers are allowed; approximate: 'function' allows any line of the function
 * down to the loop.
 */
function position(expected, actual, where, policy, diffs) {
  const kind = actual.position;
  if (kind === 'definition') {
    if (!policy.definition) diffs.push(`${where}: position is only the definition's`);
    else if (expected.definition && actual.line !== expected.definition) {
      diffs.push(`${where}: defined on line ${expected.definition}, got ${actual.line}`);
    }
    return;
  }
  if (kind !== 'exact' && kind !== 'approximate') {
    diffs.push(`${where}: position is ${short(kind)}`);
    return;
  }
  if (kind === 'approximate' && !policy.approximate) diffs.push(`${where}: position is only approximate`);
  if (expected.lines) {
    const from = kind === 'approximate' && policy.approximate === 'function' && expected.definition || expected.lines[0];
    if (!(actual.line >= from && actual.line <= expected.lines[1])) {
      diffs.push(`${where}: expected a line of ${from}-${expected.lines[1]}, got ${actual.line} (${kind})`);
    }
    return;
  }
  if (expected.line && actual.line !== expected.line) {
    diffs.push(`${where}: expected line ${expected.line}, got ${actual.line} (${kind})`);
  } else if (expected.column && kind === 'exact' && actual.column !== expected.column) {
    diffs.push(`${where}: expected column ${expected.column}, got ${actual.column}`);
  }
}

function args(expected, actual, where, diffs) {
  if (!Array.isArray(actual.args)) {
    diffs.push(`${where}: no args`);
    return;
  }
  const missing = expected.missing || [];
  const passed = actual.args.filter((a) => a.passed !== false);
  if (passed.length !== expected.args.length) {
    diffs.push(`${where}: expected ${expected.args.length} arguments ${short(expected.args.map((a) => a.name))}, got ` +
      `${passed.length} ${short(passed)}`);
    return;
  }
  expected.args.forEach((a, i) => {
    const name = passed[i].name;
    if (a.name === null ? name : name !== a.name) diffs.push(`${where}: argument ${i} is ${short(a.name)}, got ${short(name)}`);
    value(a.value, passed[i].value, `${where} argument ${a.name || i}`, diffs);
  });
  const unpassed = actual.args.filter((a) => a.passed === false).map((a) => a.name);
  if (unpassed.join() !== missing.join()) diffs.push(`${where}: not passed are ${short(missing)}, got ${short(unpassed)}`);
}

function locals(expected, actual, where, diffs) {
  for (const local of expected.locals) {
    const found = (actual.locals || []).find((l) => l.name === local.name);
    if (found) value(local.value, found.value, `${where} local ${local.name}`, diffs);
    else diffs.push(`${where}: no local ${local.name} among ${short((actual.locals || []).map((l) => l.name))}`);
  }
}

const TIERS = new Set(['interpreted', 'baseline', 'maglev', 'turbofan', 'crankshaft', 'full-codegen', 'fullcodegen', 'wasm']);

/*
 * The user's frames of one thread.  policy.definition(i, frame) and
 * policy.approximate(i, frame) say where those positions are allowed;
 * policy.locals asks for locals.
 */
function thread(expected, frames, policy, diffs, where = 'stack', chosen = userFrames) {
  const pairs = pair(expected, chosen(frames), where, diffs);
  if (!pairs) return;
  pairs.forEach(([want, got], i) => {
    const at = `${where} frame ${i} ${want.display || want.name || '(anonymous)'}`;
    if (!nameMatches(want, got)) diffs.push(`${at}: expected the name ${short(want.name)}, got ${short(got.name)}`);
    if (policy.display && want.display && got.display !== undefined && got.display !== want.display) {
      diffs.push(`${at}: V8 prints ${short(want.display)}, got ${short(got.display)}`);
    }
    if (want.file && got.file !== want.file) diffs.push(`${at}: expected the file ${want.file}, got ${short(got.file)}`);
    position(want, got, at, { definition: policy.definition(i, want), approximate: policy.approximate(i, want) }, diffs);
    if (!TIERS.has(got.tier)) diffs.push(`${at}: tier is ${short(got.tier)}`);
    // Of an inlined function the arguments may be gone; those that are told must be right.
    if (want.args && policy.args && (got.args || !got.inlined)) args(want, got, at, diffs);
    if (want.this && policy.args && (got.this || !got.inlined)) value(want.this, got.this, `${at} this`, diffs);
    if (want.locals && policy.locals) locals(want, got, at, diffs);
  });
}

module.exports = { value, thread, userFrames, internalFrames, scalarMatches, short, isInternalFile };
