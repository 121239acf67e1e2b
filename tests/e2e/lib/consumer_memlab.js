'use strict';
/*
 * Loads a .heapsnapshot with memlab and prints what it computed, as JSON:
 *
 *   node consumer_memlab.js NPM_DIR FILE CLASS...
 *
 * {"nodes": n, "edges": n, "classes": {CLASS: [{"self", "retained", "path": [edge names from the root]}...]}}
 * Needs the packages of tools/fetch-npm in NPM_DIR.
 */
const path = require('path');

const [npm, file, ...classes] = process.argv.slice(2);
const { config, info, utils, TraceFinder } = require(path.join(npm, 'node_modules/@memlab/core'));

function edgesOf(node) {
  const names = [];
  for (let edge = node.pathEdge; edge && names.length < 1000; edge = edge.fromNode.pathEdge) names.unshift(String(edge.name_or_index));
  return names;
}

async function main() {
  config.muteConsole = true;
  info.displayProgress = () => {};
  const snapshot = await utils.getSnapshotFromFile(file, { buildNodeIdIndex: true, verbose: false });
  const finder = new TraceFinder();
  finder.calculateAllNodesRetainedSizes(snapshot);
  finder.annotateShortestPaths(snapshot);
  const found = Object.fromEntries(classes.map((name) => [name, []]));
  snapshot.nodes.forEach((node) => {
    const list = node.type === 'object' && found[node.name];
    if (list) list.push({ id: node.id, self: node.self_size, retained: node.retainedSize, path: edgesOf(node) });
  });
  process.stdout.write(JSON.stringify({ nodes: snapshot.nodes.length, edges: snapshot.edges.length, classes: found }) + '\n');
}

main().catch((e) => {
  console.error(e.stack);
  process.exitCode = 1;
});
