'use strict';
/*
 * Loads a .heapsnapshot with the code of Chrome DevTools and prints what it
 * computed, as JSON:
 *
 *   node consumer_devtools.js NPM_DIR FILE CLASS...
 *
 * {"problems": [...], "nodes": n, "total": bytes, "classes": {CLASS: [{"self", "retained", "distance"}...]}}
 * Needs Node 22 or later, and the packages of tools/fetch-npm in NPM_DIR.
 */
const fs = require('fs');
const os = require('os');
const path = require('path');
const { pathToFileURL } = require('url');

const [npm, file, ...classes] = process.argv.slice(2);
const modules = path.join(npm, 'node_modules');
const worker = path.join(modules, 'chrome-devtools-frontend/front_end/entrypoints/heap_snapshot_worker');

/* The loader as one program: DevTools comes as TypeScript, without the list of languages that its own build makes. */
async function bundle() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'nopsy-devtools-'));
  const out = path.join(dir, 'loader.mjs');
  const locales = { name: 'locales', setup(build) {
    build.onResolve({ filter: /\/locales\.js$/ }, () => ({ path: 'locales', namespace: 'stub' }));
    build.onLoad({ filter: /./, namespace: 'stub' }, () => ({
      contents: "export const LOCALES = ['en-US']; export const BUNDLED_LOCALES = ['en-US']; export const DEFAULT_LOCALE = 'en-US';" +
        "export const REMOTE_FETCH_PATTERN = ''; export const LOCAL_FETCH_PATTERN = '';" }));
  } };
  try {
    await require(path.join(modules, 'esbuild')).build({
      stdin: { contents: "export { HeapSnapshotLoader } from './HeapSnapshotLoader.ts'; export { SecondaryInitManager } from './HeapSnapshot.ts';",
        resolveDir: worker, loader: 'ts' },
      bundle: true, platform: 'node', format: 'esm', outfile: out, logLevel: 'error', plugins: [locales],
    });
    return await import(pathToFileURL(out));
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

async function main() {
  const { HeapSnapshotLoader, SecondaryInitManager } = await bundle();
  const problems = [];
  const loader = new HeapSnapshotLoader({ sendEvent: (name, data) => {
    if (!/^ProgressUpdate/.test(name)) problems.push(`${name}: ${JSON.stringify(data).slice(0, 500)}`);
  } });
  for await (const chunk of fs.createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 20 })) loader.write(chunk);
  loader.close();
  await loader.parsingComplete;
  const { port1, port2 } = new MessageChannel();
  new SecondaryInitManager(port2);
  const snapshot = await loader.buildSnapshot(port1);
  const found = Object.fromEntries(classes.map((name) => [name, []]));
  const node = snapshot.rootNode();
  for (let index = 0; index < snapshot.nodes.length; index += snapshot.nodeFieldCount) {
    node.nodeIndex = index;
    const list = node.rawType() === snapshot.nodeObjectType && found[node.rawName()];
    if (list) list.push({ id: node.id(), self: node.selfSize(), retained: node.retainedSize(), distance: node.distance() });
  }
  console.log(JSON.stringify({ problems, nodes: snapshot.nodeCount, total: snapshot.totalSize, classes: found }));
  port1.close();
}

main().catch((e) => {
  console.error(e.stack);
  process.exitCode = 1;
});
