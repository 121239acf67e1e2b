'use strict';
/*
 * Loads .heapsnapshot files for tests, whoever wrote them, and computes what
 * DevTools computes from them: distances, dominators, retained sizes.
 *
 * The rules are those of DevTools' loader (front_end/entrypoints/
 * heap_snapshot_worker/HeapSnapshot.ts): user roots are what the root's
 * shortcut edges and its other edges to nodes that are not synthetic lead to;
 * weak edges and self edges retain nothing; shortcut edges count at the root
 * only; an edge from an object that no page (here: no global object) reaches
 * to one that is reached retains nothing; of the two edges to a WeakMap's value
 * the one from the table retains nothing.  Self sizes stay as written: DevTools
 * adds those of a node's only arrays to the node, which changes no retained size.
 */
const fs = require('fs');

const NO_DISTANCE = -5;
const BASE_SYSTEM_DISTANCE = 100000000;
const EPHEMERON = /^\d+( \/ part of key \(.*? @\d+\) -> value \(.*? @\d+\) pair in WeakMap \(table @(\d+)\))$/;

class HeapSnapshot {
  /* file: path of a file that fits into memory */
  static load(file) {
    return new HeapSnapshot(JSON.parse(fs.readFileSync(file, 'utf8')));
  }

  constructor(raw) {
    const { meta } = raw.snapshot;
    this.raw = raw;
    this.meta = meta;
    this.strings = raw.strings;
    this.types = meta.node_types[0];
    this.edgeTypes = meta.edge_types[0];
    const width = meta.node_fields.length;
    const at = Object.fromEntries(meta.node_fields.map((name, i) => [name, i]));
    const count = Math.floor(raw.nodes.length / width);
    const edgeCount = Math.floor(raw.edges.length / 3);
    this.count = count;
    this.edgeCount = edgeCount;
    this.type = new Uint8Array(count);
    this.name = new Uint32Array(count);
    this.id = new Float64Array(count);
    this.self = new Float64Array(count);
    this.first = new Uint32Array(count + 1); // edges of node i: first[i] .. first[i + 1]
    for (let i = 0, n = 0, e = 0; i < count; i++, n += width) {
      this.type[i] = raw.nodes[n + at.type];
      this.name[i] = raw.nodes[n + at.name];
      this.id[i] = raw.nodes[n + at.id];
      this.self[i] = raw.nodes[n + at.self_size];
      e += raw.nodes[n + at.edge_count];
      this.first[i + 1] = e;
    }
    this.edgeType = new Uint8Array(edgeCount);
    this.edgeName = new Uint32Array(edgeCount);
    this.edgeTo = new Uint32Array(edgeCount);
    for (let e = 0; e < edgeCount; e++) {
      this.edgeType[e] = raw.edges[3 * e];
      this.edgeName[e] = raw.edges[3 * e + 1];
      this.edgeTo[e] = raw.edges[3 * e + 2] / width;
    }
    const named = (kind) => this.edgeTypes.indexOf(kind);
    this.ELEMENT = named('element');
    this.HIDDEN = named('hidden');
    this.INTERNAL = named('internal');
    this.SHORTCUT = named('shortcut');
    this.WEAK = named('weak');
  }

  typeName(i) {
    return this.types[this.type[i]];
  }

  nameOf(i) {
    return this.strings[this.name[i]];
  }

  /* "object Foo"; kinds whose name is content are one class each. */
  classOf(i) {
    const type = this.typeName(i);
    return /string|symbol|bigint|number|regexp/.test(type) ? type : `${type} ${this.nameOf(i)}`;
  }

  /* Element and hidden edges have numbers, weak ones either. */
  edgeLabel(e) {
    const type = this.edgeType[e];
    if (type === this.ELEMENT || type === this.HIDDEN) return this.edgeName[e];
    return this.strings[this.edgeName[e]];
  }

  edgeText(e) {
    return `${this.edgeTypes[this.edgeType[e]]} ${this.edgeLabel(e)}`;
  }

  /* class -> {count, self} */
  census() {
    const all = new Map();
    for (let i = 0; i < this.count; i++) {
      const key = this.classOf(i);
      const one = all.get(key);
      if (one) {
        one.count++;
        one.self += this.self[i];
      } else all.set(key, { count: 1, self: this.self[i] });
    }
    return all;
  }

  /* Ordinals of the nodes of a type and name. */
  find(type, name) {
    const found = [];
    for (let i = 0; i < this.count; i++) if (this.nameOf(i) === name && this.typeName(i) === type) found.push(i);
    return found;
  }

  edges(i) {
    const list = [];
    for (let e = this.first[i]; e < this.first[i + 1]; e++) list.push(e);
    return list;
  }

  /* The node that an edge of this label leads to, or -1. */
  follow(i, type, label) {
    for (let e = this.first[i]; e < this.first[i + 1]; e++) {
      if (this.edgeTypes[this.edgeType[e]] === type && this.edgeLabel(e) === label) return this.edgeTo[e];
    }
    return -1;
  }

  isUserRoot(e) {
    return this.edgeType[e] === this.SHORTCUT || this.typeName(this.edgeTo[e]) !== 'synthetic';
  }

  /* Which nodes a page holds, as DevTools marks them. */
  pageOwned() {
    if (this.owned) return this.owned;
    const owned = new Uint8Array(this.count);
    const stack = [];
    const reach = (i) => {
      if (owned[i]) return;
      owned[i] = 1;
      stack.push(i);
    };
    for (const e of this.edges(0)) {
      if (this.edgeType[e] === this.SHORTCUT || (this.edgeType[e] === this.ELEMENT &&
        this.nameOf(this.edgeTo[e]) === '(Document DOM trees)')) reach(this.edgeTo[e]);
    }
    while (stack.length) {
      const i = stack.pop();
      for (let e = this.first[i]; e < this.first[i + 1]; e++) if (this.edgeType[e] !== this.WEAK) reach(this.edgeTo[e]);
    }
    return (this.owned = owned);
  }

  /* Does edge e of node i retain what it leads to? */
  isEssential(i, e) {
    const type = this.edgeType[e];
    const to = this.edgeTo[e];
    if (type === this.WEAK || to === i) return false;
    if (type === this.INTERNAL) {
      const match = EPHEMERON.exec(this.strings[this.edgeName[e]]);
      if (match && Number(match[2]) === this.id[i]) return false;
    }
    if (i === 0) return true;
    if (type === this.SHORTCUT) return false;
    const owned = this.pageOwned();
    return !(owned[to] && !owned[i]);
  }

  /* Edges that DevTools leaves out of distances; `pending` are edges to values of WeakMaps of which the twin is still to come. */
  countsForDistance(i, e, pending) {
    const type = this.typeName(i);
    if (type === 'hidden' && this.edgeLabel(e) === 'sloppy_function_map' && this.nameOf(i) === 'system / NativeContext') return false;
    if (this.edgeType[e] === this.INTERNAL) {
      const match = EPHEMERON.exec(this.strings[this.edgeName[e]]);
      if (match && !pending.delete(match[1])) {
        pending.add(match[1]);
        return false;
      }
    }
    if (type === 'array' && this.nameOf(i) === '(map descriptors)') {
      const index = parseInt(this.edgeLabel(e), 10);
      return index < 2 || index % 3 !== 1;
    }
    return true;
  }

  distances() {
    if (this.distance) return this.distance;
    const distance = new Int32Array(this.count).fill(NO_DISTANCE);
    const pending = new Set();
    const flood = (queue) => {
      for (let at = 0; at < queue.length; at++) {
        const i = queue[at];
        for (let e = this.first[i]; e < this.first[i + 1]; e++) {
          const to = this.edgeTo[e];
          if (this.edgeType[e] === this.WEAK || distance[to] !== NO_DISTANCE || !this.countsForDistance(i, e, pending)) continue;
          distance[to] = distance[i] + 1;
          queue.push(to);
        }
      }
    };
    const users = [];
    for (const e of this.edges(0)) {
      const to = this.edgeTo[e];
      if (!this.isUserRoot(e) || distance[to] !== NO_DISTANCE) continue;
      distance[to] = 1;
      users.push(to);
    }
    flood(users);
    distance[0] = users.length ? BASE_SYSTEM_DISTANCE : 0;
    flood([0]);
    return (this.distance = distance);
  }

  /*
   * A depth-first walk along essential edges: nodes in the order in which they
   * are reached, and the node through which each is.  What the root does not
   * reach hangs off the root: first what only weak edges hold.
   */
  depthFirst() {
    const number = new Int32Array(this.count).fill(-1);
    const order = [];
    const parent = new Int32Array(this.count);
    const extra = new Uint8Array(this.count);
    const next = this.first.slice(0, this.count);
    const stack = [];
    const enter = (i, from) => {
      number[i] = order.length;
      parent[i] = from;
      order.push(i);
      stack.push(i);
    };
    const visit = (start) => {
      enter(start, 0);
      while (stack.length) {
        const i = stack[stack.length - 1];
        if (next[i] === this.first[i + 1]) {
          stack.pop();
          continue;
        }
        const e = next[i]++;
        if (number[this.edgeTo[e]] < 0 && this.isEssential(i, e)) enter(this.edgeTo[e], i);
      }
    };
    visit(0);
    const held = new Uint8Array(this.count);
    for (let i = 0; i < this.count; i++) {
      if (number[i] >= 0) continue;
      for (let e = this.first[i]; e < this.first[i + 1]; e++) if (this.isEssential(i, e)) held[this.edgeTo[e]] = 1;
    }
    for (const all of [false, true]) {
      for (let i = 0; i < this.count; i++) {
        if (number[i] >= 0 || (!all && held[i])) continue;
        extra[i] = 1;
        visit(i);
      }
    }
    return { order, number, parent, extra };
  }

  /* Sources of the essential edges to each node: those of node i are sources[start[i]] .. sources[start[i + 1]]. */
  essentialSources() {
    const start = new Uint32Array(this.count + 2);
    const sources = new Uint32Array(this.edgeCount);
    const each = (body) => {
      for (let i = 0; i < this.count; i++) {
        for (let e = this.first[i]; e < this.first[i + 1]; e++) if (this.isEssential(i, e)) body(i, this.edgeTo[e]);
      }
    };
    each((from, to) => { start[to + 2]++; });
    for (let i = 2; i < start.length; i++) start[i] += start[i - 1];
    each((from, to) => { sources[start[to + 1]++] = from; });
    return { start, sources };
  }

  /* Immediate dominators: Georgiadis' SEMI-NCA, on the numbers of the depth-first walk. */
  dominators() {
    if (this.dominator) return this.dominator;
    const { order, number, parent, extra } = this.depthFirst();
    const { start, sources } = this.essentialSources();
    const above = Int32Array.from(order, (i) => number[parent[i]]); // forest of what was seen, compressed on the way
    const semi = Int32Array.from(order, (i, k) => k);
    const label = Int32Array.from(order, (i, k) => k);
    const compress = (v, last) => {
      const way = [];
      for (; above[v] >= last; v = above[v]) way.push(v);
      while (way.length) {
        const w = way.pop();
        if (semi[label[v]] < semi[label[w]]) label[w] = label[v];
        above[w] = above[v];
        v = w;
      }
    };
    const dom = Int32Array.from(order, (i) => number[parent[i]]);
    for (let w = order.length - 1; w > 0; w--) {
      const i = order[w];
      if (extra[i]) semi[w] = 0;
      for (let s = start[i]; s < start[i + 1]; s++) {
        const v = number[sources[s]];
        if (v > w) compress(v, w + 1);
        const best = v > w ? semi[label[v]] : v;
        if (best < semi[w]) semi[w] = best;
      }
    }
    for (let w = 1; w < order.length; w++) while (dom[w] > semi[w]) dom[w] = dom[dom[w]];
    this.order = order;
    this.dominator = new Uint32Array(this.count);
    for (let w = 0; w < order.length; w++) this.dominator[order[w]] = order[dom[w]];
    return this.dominator;
  }

  retainedSizes() {
    if (this.retained) return this.retained;
    const dominator = this.dominators();
    const retained = Float64Array.from(this.self);
    for (let k = this.count - 1; k > 0; k--) retained[dominator[this.order[k]]] += retained[this.order[k]];
    return (this.retained = retained);
  }

  /* A shortest path from the root: [{node, edge}], edge leads to the next; null when only weak edges lead there. */
  path(target) {
    const via = new Int32Array(this.count).fill(-1);
    const from = new Int32Array(this.count).fill(-1);
    const queue = [0];
    from[0] = 0;
    for (let at = 0; at < queue.length && from[target] < 0; at++) {
      const i = queue[at];
      for (let e = this.first[i]; e < this.first[i + 1]; e++) {
        const to = this.edgeTo[e];
        if (from[to] >= 0 || this.edgeType[e] === this.WEAK || (i !== 0 && this.edgeType[e] === this.SHORTCUT)) continue;
        from[to] = i;
        via[to] = e;
        queue.push(to);
      }
    }
    if (from[target] < 0) return null;
    const steps = [{ node: target, edge: -1 }];
    for (let i = target; i !== 0; i = from[i]) steps.unshift({ node: from[i], edge: via[i] });
    return steps;
  }
}

const DIALECT = {
  node_fields: ['type', 'name', 'id', 'self_size', 'edge_count', 'detachedness'],
  kinds: ['hidden', 'array', 'string', 'object', 'code', 'closure', 'regexp', 'number', 'native', 'synthetic',
    'concatenated string', 'sliced string', 'symbol', 'bigint', 'object shape'],
  edge_fields: ['type', 'name_or_index', 'to_node'],
  edge_kinds: ['context', 'element', 'property', 'internal', 'hidden', 'shortcut', 'weak'],
  location_fields: ['object_index', 'script_id', 'line', 'column'],
  keys: ['snapshot', 'nodes', 'edges', 'trace_function_infos', 'trace_tree', 'samples', 'locations', 'strings'],
};
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/* At most five sentences of one kind. */
function limited(problems) {
  const counts = new Map();
  return (kind, text) => {
    const n = (counts.get(kind) || 0) + 1;
    counts.set(kind, n);
    if (n <= 5) problems.push(`${kind}: ${text}`);
  };
}

function metaProblems(raw, say) {
  const { meta } = raw.snapshot;
  if (!same(Object.keys(raw), DIALECT.keys)) say('keys', `${Object.keys(raw)}, wanted ${DIALECT.keys}`);
  if (!same(meta.node_fields, DIALECT.node_fields)) say('node_fields', JSON.stringify(meta.node_fields));
  if (!same(meta.node_types[0], DIALECT.kinds)) say('node_types[0]', JSON.stringify(meta.node_types[0]));
  if (meta.node_types.length !== DIALECT.node_fields.length) say('node_types', `${meta.node_types.length} entries, node_fields has 6`);
  if (!same(meta.edge_fields, DIALECT.edge_fields)) say('edge_fields', JSON.stringify(meta.edge_fields));
  if (!same(meta.edge_types[0], DIALECT.edge_kinds)) say('edge_types[0]', JSON.stringify(meta.edge_types[0]));
  if (!same(meta.location_fields, DIALECT.location_fields)) say('location_fields', JSON.stringify(meta.location_fields));
  if (raw.strings[0] !== '<dummy>') say('strings', `the first is ${JSON.stringify(raw.strings[0])}`);
  for (const key of ['node_count', 'edge_count', 'trace_function_count']) {
    if (!Number.isInteger(raw.snapshot[key])) say('snapshot', `${key} is ${raw.snapshot[key]}`);
  }
}

function nodeProblems(raw, say) {
  const width = raw.snapshot.meta.node_fields.length;
  const { nodes, strings } = raw;
  const seen = new Set();
  let edges = 0;
  if (nodes.length !== raw.snapshot.node_count * width) say('node_count', `${raw.snapshot.node_count}, nodes has ${nodes.length / width}`);
  for (let n = 0; n < nodes.length; n += width) {
    const [type, name, id, self, count, detached] = nodes.slice(n, n + width);
    const at = `node ${n / width}`;
    if (!(type < raw.snapshot.meta.node_types[0].length)) say('node type', `${at}: ${type}`);
    if (!(name < strings.length)) say('node name', `${at}: ${name} of ${strings.length}`);
    if (!Number.isSafeInteger(id) || id < 1) say('id', `${at}: ${id}`);
    if (id % 2 === 0 && raw.snapshot.meta.node_types[0][type] !== 'native') say('id', `${at}: ${id} is even`);
    if (seen.has(id)) say('id', `${at}: ${id} stands twice`);
    seen.add(id);
    if (!(self >= 0 && self < 2 ** 32)) say('self_size', `${at}: ${self}`);
    if (!(detached >= 0 && detached <= 2)) say('detachedness', `${at}: ${detached}`);
    edges += count;
  }
  if (edges !== raw.snapshot.edge_count) say('edge_count', `nodes have ${edges} edges, edge_count is ${raw.snapshot.edge_count}`);
  if (nodes[2] !== 1 || strings[nodes[1]] !== '') say('root', `id ${nodes[2]}, name ${JSON.stringify(strings[nodes[1]])}`);
}

function edgeProblems(raw, say) {
  const width = raw.snapshot.meta.node_fields.length;
  const { edges, nodes, strings } = raw;
  const kinds = raw.snapshot.meta.edge_types[0];
  if (edges.length !== raw.snapshot.edge_count * 3) say('edge_count', `${raw.snapshot.edge_count}, edges has ${edges.length / 3}`);
  for (let e = 0; e < edges.length; e += 3) {
    const [type, name, to] = edges.slice(e, e + 3);
    if (!(type < kinds.length)) say('edge type', `edge ${e / 3}: ${type}`);
    if (to % width !== 0 || !(to < nodes.length)) say('to_node', `edge ${e / 3}: ${to}`);
    if (kinds[type] !== 'element' && kinds[type] !== 'hidden' && !(name < strings.length)) say('edge name', `edge ${e / 3}: ${name}`);
  }
}

/* Sentences about what breaks the rules of the format, in the dialect of Node 26. */
function formatProblems(raw) {
  const problems = [];
  const say = limited(problems);
  metaProblems(raw, say);
  nodeProblems(raw, say);
  edgeProblems(raw, say);
  if (!Array.isArray(raw.locations)) return problems.concat('locations: there are none');
  for (const key of ['nodes', 'edges', 'locations']) {
    const bad = raw[key].findIndex((x) => !Number.isSafeInteger(x) || x < 0);
    if (bad >= 0) say('numbers', `${key}[${bad}] is ${raw[key][bad]}`);
  }
  if (raw.locations.length % 4) say('locations', `${raw.locations.length} numbers`);
  for (let k = 0; k < raw.locations.length; k += 4) {
    const index = raw.locations[k];
    if (index % raw.snapshot.meta.node_fields.length || index >= raw.nodes.length) say('location', `object_index ${index}`);
  }
  const text = raw.strings.findIndex((s) => typeof s !== 'string');
  if (text >= 0) say('strings', `strings[${text}] is ${raw.strings[text]}`);
  return problems;
}

module.exports = { HeapSnapshot, formatProblems, NO_DISTANCE, BASE_SYSTEM_DISTANCE };
