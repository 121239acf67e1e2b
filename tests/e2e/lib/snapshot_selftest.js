'use strict';
/* Do the loader and the comparison of snapshots see what is wrong? Small snapshots made by hand; used by selftest.js. */
const { HeapSnapshot, formatProblems } = require('./heapsnapshot');
const { compare, explanations, unexplained } = require('./snapshot_compare');

/* nodes: [type, name, self, [[edge type, name or index, ordinal of the target]...]] */
function build(nodes) {
  const strings = ['<dummy>'];
  const number = (text) => {
    if (!strings.includes(text)) strings.push(text);
    return strings.indexOf(text);
  };
  const kinds = ['hidden', 'array', 'string', 'object', 'code', 'closure', 'regexp', 'number', 'native', 'synthetic',
    'concatenated string', 'sliced string', 'symbol', 'bigint', 'object shape'];
  const edgeKinds = ['context', 'element', 'property', 'internal', 'hidden', 'shortcut', 'weak'];
  const raw = { snapshot: { meta: {
    node_fields: ['type', 'name', 'id', 'self_size', 'edge_count', 'detachedness'],
    node_types: [kinds, 'string', 'number', 'number', 'number', 'number'],
    edge_fields: ['type', 'name_or_index', 'to_node'], edge_types: [edgeKinds, 'string_or_number', 'node'],
    trace_function_info_fields: [], trace_node_fields: [], sample_fields: [],
    location_fields: ['object_index', 'script_id', 'line', 'column'],
  }, node_count: nodes.length, edge_count: 0, trace_function_count: 0 }, nodes: [], edges: [], trace_function_infos: [], trace_tree: [],
  samples: [], locations: [], strings };
  nodes.forEach(([type, name, self, edges], i) => {
    raw.nodes.push(kinds.indexOf(type), number(name), 2 * i + 1, self, edges.length, 0);
    for (const [kind, label, to] of edges) {
      raw.edges.push(edgeKinds.indexOf(kind), typeof label === 'number' ? label : number(label), to * 6);
      raw.snapshot.edge_count++;
    }
  });
  return raw;
}

/*
 *   root => global -a-> Foo -x-> "shared" <-y- Bar <-b- global
 *                       Foo -own-> Baz -back-> Foo;  Bar ~weak~> Baz
 */
const NODES = () => [
  ['synthetic', '', 0, [['element', 1, 1], ['shortcut', '2', 2]]],
  ['synthetic', '(GC roots)', 0, []],
  ['object', 'global', 32, [['property', 'a', 3], ['property', 'b', 4]]],
  ['object', 'Foo', 24, [['property', 'x', 5], ['property', 'own', 6]]],
  ['object', 'Bar', 24, [['property', 'y', 5], ['weak', '0', 6]]],
  ['string', 'shared', 100, []],
  ['object', 'Baz', 40, [['property', 'back', 3]]],
];

function load(change = () => {}) {
  const nodes = NODES();
  change(nodes);
  return new HeapSnapshot(build(nodes));
}

function found(change) {
  return compare(load(), load(change)).found;
}

/* expect(name, 'equal' or a pattern, sentences) */
module.exports = function run(expect) {
  const s = load();
  const measures = JSON.stringify([[...s.distances()], [...s.retainedSizes()], [...s.dominators()]]);
  const wanted = JSON.stringify([[100000000, 100000001, 1, 2, 2, 3, 3], [220, 0, 220, 64, 24, 100, 40], [0, 0, 0, 2, 2, 2, 3]]);
  expect('distances, retained sizes and dominators of a snapshot', 'equal', measures === wanted ? [] : [`${measures} is not ${wanted}`]);
  expect('a snapshot in order', 'equal', formatProblems(build(NODES())));
  const broken = [
    ['an edge into the middle of a node', /to_node/, (raw) => { raw.edges[2] = 7; }],
    ['an edge beyond the nodes', /to_node/, (raw) => { raw.edges[2] = 600; }],
    ['an even id', /even/, (raw) => { raw.nodes[14] = 8; }],
    ['an id twice', /twice/, (raw) => { raw.nodes[14] = 1; }],
    ['a wrong node_count', /node_count/, (raw) => { raw.snapshot.node_count++; }],
    ['a wrong edge_count', /edge_count/, (raw) => { raw.nodes[16]++; }],
    ['a string that is not there', /node name/, (raw) => { raw.nodes[13] = 99; }],
    ['a negative number', /numbers/, (raw) => { raw.nodes[15] = -1; }],
    ['another dialect', /node_fields/, (raw) => { raw.snapshot.meta.node_fields = ['type', 'name', 'id', 'self_size', 'edge_count', 'trace_node_id']; }],
  ];
  for (const [what, pattern, change] of broken) {
    const raw = build(NODES());
    change(raw);
    expect(`a snapshot with ${what}`, pattern, formatProblems(raw));
  }
  expect('equal snapshots', 'equal', found());
  expect('equal snapshots in another order', 'equal', found((nodes) => {
    [nodes[3], nodes[4]] = [nodes[4], nodes[3]];
    for (const node of nodes) for (const edge of node[3]) edge[2] = { 3: 4, 4: 3 }[edge[2]] || edge[2];
  }));
  expect('another self size', /^size object Foo: /, found((nodes) => { nodes[3][2] = 32; }));
  expect('another class', /^count object Foo: 1 for V8, 0 for nopsy/, found((nodes) => { nodes[3][1] = 'Fool'; }));
  expect('a missing edge', /^edge object Foo --property own/, found((nodes) => { nodes[3][3].pop(); }));
  expect('an edge too many', /^edge object Foo --property more/, found((nodes) => { nodes[3][3].push(['property', 'more', 5]); }));
  expect('a weak edge that is strong', /^edge object Bar --weak/, found((nodes) => { nodes[4][3][1][0] = 'property'; }));
  expect('another retained size', /^retained object Foo: 64 bytes for V8, 24/, found((nodes) => { nodes[4][3].push(['property', 'keeps', 6]); }));
  expect('another distance', /^distance object Baz: 3 for V8, 2 for nopsy/, found((nodes) => { nodes[2][3].push(['property', 'near', 6]); }));

  const rows = explanations('24.21.0', '24-26\tsize object Foo\tthey round up\n8-20\tsize object Bar\tnot here\n*?\tedge .*\tsometimes\n');
  const sentence = ['size object Foo: 24 bytes for V8, 32 for nopsy'];
  expect('an explained difference', 'equal', unexplained(sentence, rows));
  expect('an unexplained difference', /Baz/, unexplained([...sentence, 'size object Baz: 1 for V8, 2 for nopsy'], rows));
  const again = explanations('24.21.0', '24-26\tsize object Foo\tthey round up\n');
  expect('an explanation that does not occur', /explains nothing any more/, unexplained([], again));
};
