'use strict';
/*
 * Flame graphs in a real browser: click to zoom, search, reset, keyboard, dark pages,
 * hostile names, no scripts. Percentages are compared with sums over the folded text.
 *
 *     NOPSY=build/nopsy node tests/browser/flame.js [FOLDER]
 *
 * TAP on standard output; everything is SKIP where there is no Chromium. With FOLDER
 * pictures of the pages stay there.
 */
const assert = require('assert');
const { execFileSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { Browser, find } = require('./browser.js');

const nopsy = process.env.NOPSY || path.join(__dirname, '../../build/nopsy');
const pictures = process.argv[2];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nopsy-flame-'));

/* --- profiles with known sums --- */

const hostileNames = ['</title><script>alert(1)</script>', ']]><img src=x onerror=alert(1)>', '"onmouseover="alert(1)', "'&lt;'",
  'a\u202ecba', '\u001b[31mred', '</script><script>alert(2)</script>', '<!--', '__proto__', 'constructor', '漢字🔥'];

function stacks(seed, hostile) {
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const names = [];
  for (let i = 0; i < 60; i++)
    names.push([`JS:*handle${i} /srv/app/server.js:${i + 1}:3`, `JS:~dep${i} /srv/app/node_modules/express/lib/router.js:${i + 1}:9`,
      `JS:^core${i} node:internal/streams/x:${i + 1}:1`, `Builtins_Thing${i}`, `uv_thing${i}`, `do_thing${i}_[k]`][i % 6]);
  if (hostile)
    names.push(...hostileNames);
  const all = new Map();
  let stack = [];
  for (let i = 0; i < 400; i++) {
    stack = stack.slice(0, Math.floor(stack.length * random() ** 0.4));
    while (stack.length < 5 + random() * 10)
      stack.push(names[Math.floor(names.length * random())]);
    const text = ['node', 'main', ...stack].join(';');
    all.set(text, (all.get(text) || 0) + 1 + Math.floor(20 * random() ** 4));
  }
  return all;
}

const write = (name, all) => {
  const file = path.join(folder, name);
  fs.writeFileSync(file, [...all].map(([stack, count]) => `${stack} ${count}\n`).join(''));
  return file;
};
const flame = (...args) => {
  const output = path.join(folder, args.pop());
  execFileSync(nopsy, ['flame', ...args, '-o', output], { stdio: ['ignore', 'ignore', 'inherit'] });
  return output;
};
const sum = (all, wanted = () => true) => [...all].reduce((n, [stack, count]) => n + (wanted(stack.split(';')) ? count : 0), 0);
const share = (all, wanted) => `Matched: ${(100 * sum(all, wanted) / sum(all)).toFixed(1)}%`;

const plain = stacks(7, false), folded = write('run.folded', plain);
const earlier = write('earlier.folded', new Map([...plain].filter((unused, i) => i % 9).map(([s, c], i) => [s, i % 3 ? c : c * 3])));
const hostile = write('hostile.folded', stacks(11, true));

/* --- SVG --- */

const rects = `[...document.getElementById('frames').children].map((g) => {
  const r = g.querySelector('rect'), shown = getComputedStyle(g).display !== 'none';
  return [g.querySelector('title').textContent.split('\\n')[0], shown, +r.getAttribute('x'), +r.getAttribute('width')];
})`;
const centre = (name) => `(() => { const g = [...document.getElementById('frames').children].filter((e) =>
  e.querySelector('title').textContent.startsWith(${JSON.stringify(name)})).sort((a, b) => b.querySelector('rect').getAttribute('width') -
  a.querySelector('rect').getAttribute('width'))[0];
  g.scrollIntoView(); const b = g.querySelector('rect').getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()`;
const text = (id) => `document.getElementById('${id}').textContent`;
const isHidden = (id) => `getComputedStyle(document.getElementById('${id}')).display === 'none'`;

async function svgZoom(page) {
  const file = flame(folded, 'zoom.svg');
  await page.open('file://' + file);
  const before = await page.evaluate(rects);
  assert.strictEqual(before.filter((r) => r[1]).length, before.length);
  const name = before.filter((r) => /^dep/.test(r[0])).sort((a, b) => b[3] - a[3])[0][0];
  await page.click(...await page.evaluate(centre(name)));
  const zoomed = await page.evaluate(rects);
  const target = before.findIndex((r) => r[0] === name && r[3] === Math.max(...before.filter((x) => x[0] === name).map((x) => x[3])));
  assert.deepStrictEqual(zoomed[target].slice(1), [true, 10, 1180]);
  const inside = (r) => r[2] >= before[target][2] - 0.01 && r[2] + r[3] <= before[target][2] + before[target][3] + 0.01;
  const around = (r) => r[2] <= before[target][2] + 0.01 && r[2] + r[3] >= before[target][2] + before[target][3] - 0.01;
  before.forEach((r, i) => assert.strictEqual(zoomed[i][1], inside(r) || around(r), r[0]));
  const ratio = 1180 / before[target][3];
  before.forEach((r, i) => inside(r) && !around(r) && assert.ok(Math.abs(zoomed[i][3] - r[3] * ratio) < 0.01));
  assert.ok(!await page.evaluate(isHidden('unzoom')));
  const query = new URLSearchParams(await page.evaluate('location.search'));
  assert.strictEqual(Number(query.get('x')), before[target][2]);
  /* the address leads there again */
  await page.open('file://' + file + '?' + query);
  assert.deepStrictEqual(await page.evaluate(rects), zoomed);
  await page.click(...await page.evaluate(`(() => { scrollTo(0, 0); const b = document.getElementById('unzoom').getBoundingClientRect();
    return [b.x + 5, b.y + 5]; })()`));
  assert.deepStrictEqual(await page.evaluate(rects), before);
  assert.ok(await page.evaluate(isHidden('unzoom')));
  assert.strictEqual(await page.evaluate('location.search'), '');
}

async function svgSearch(page) {
  const file = flame(folded, 'search.svg');
  const matches = (stack) => stack.some((f) => /handle1|router\.js:8/.test(f));
  await page.open('file://' + file);
  await page.key('/');
  await page.type('handle1|router\\.js:8');
  if (pictures)
    await page.picture(path.join(pictures, 'search.png'));
  await page.key('Enter');
  assert.strictEqual(await page.evaluate(text('matched')), share(plain, matches));
  const hits = await page.evaluate(`[...document.querySelectorAll('#frames>g.hit')].map((g) => g.querySelector('title').textContent)`);
  assert.ok(hits.length > 3);
  assert.ok(hits.every((title) => /handle1|router\.js:8/.test(title)));
  assert.strictEqual(await page.evaluate('new URLSearchParams(location.search).get("s")'), 'handle1|router\\.js:8');
  await page.open('file://' + file + '?s=' + encodeURIComponent('HANDLE1|ROUTER.JS:8'));
  assert.strictEqual(await page.evaluate(text('matched')), 'Matched: 0.0%');
  await page.key('i', 2);
  assert.strictEqual(await page.evaluate(text('matched')), share(plain, matches));
  await page.key('Escape');
  assert.strictEqual(await page.evaluate(text('matched')).then((t) => t.trim()), '');
  assert.strictEqual(await page.evaluate(`document.querySelectorAll('#frames>g.hit').length`), 0);
  await page.key('/');
  await page.type('((');
  assert.strictEqual(await page.evaluate(text('matched')), 'not a regular expression');
  await page.key('Escape');
}

async function svgKeyboard(page) {
  await page.open('file://' + flame(folded, 'keys.svg'));
  await page.key('ArrowUp');
  assert.match(await page.evaluate(text('details')), /^Function: all \(/);
  await page.key('ArrowUp');
  await page.key('ArrowUp');
  await page.key('ArrowUp');
  const details = await page.evaluate(text('details'));
  assert.match(details, /^Function: .* \([\d,]+ samples, [\d.]+%\)$/);
  await page.key('ArrowRight');
  if (await page.evaluate(text('details')) === details) /* it is the last of its level */
    await page.key('ArrowLeft');
  assert.notStrictEqual(await page.evaluate(text('details')), details);
  await page.key('ArrowLeft');
  if (await page.evaluate(text('details')) !== details)
    await page.key('ArrowRight');
  assert.strictEqual(await page.evaluate(text('details')), details);
  await page.key('Enter');
  assert.ok(!await page.evaluate(isHidden('unzoom')));
  await page.key('Escape');
  assert.ok(await page.evaluate(isHidden('unzoom')));
}

async function svgDark(page) {
  const file = flame(folded, 'dark.svg');
  const look = `(() => { const g = document.getElementById('frames').children[3];
    return [getComputedStyle(g.querySelector('rect')).fill, getComputedStyle(g.querySelector('text')).fill]; })()`;
  const luminance = (color) => color.match(/[\d.]+/g).slice(0, 3).map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
    .reduce((n, c, i) => n + c * [0.2126, 0.7152, 0.0722][i], 0);
  await page.open('file://' + file);
  for (const scheme of ['light', 'dark']) {
    await page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    const [frame, ink] = (await page.evaluate(look)).map(luminance);
    const contrast = (Math.max(frame, ink) + 0.05) / (Math.min(frame, ink) + 0.05);
    assert.ok(contrast > 4.5, `${scheme}: contrast ${contrast}`);
    assert.strictEqual(frame < 0.25, scheme === 'dark');
    if (pictures)
      await page.picture(path.join(pictures, `${scheme}.png`));
  }
  await page.send('Emulation.setEmulatedMedia', { features: [] });
}

/* Every colour of every palette, light and dark, is one that text can be read on. */
async function svgContrast(page) {
  for (const palette of ['js', 'tier', 'hot', 'mem', 'io', 'aqua', 'purple']) {
    await page.open('file://' + flame(folded, '--palette', palette, `${palette}.svg`));
    for (const scheme of ['light', 'dark']) {
      await page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
      const worst = await page.evaluate(`Math.min(...[...document.querySelectorAll('#frames>g')].filter((g) => g.querySelector('text')).map((g) => {
        const l = (css) => css.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4)
          .reduce((n, c, i) => n + c * [0.2126, 0.7152, 0.0722][i], 0);
        const a = l(getComputedStyle(g.querySelector('rect')).fill), b = l(getComputedStyle(g.querySelector('text')).fill);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      }))`);
      assert.ok(worst >= 4.5, `${palette}, ${scheme}: ${worst}`);
    }
  }
  await page.send('Emulation.setEmulatedMedia', { features: [] });
}

async function svgTexts(page) {
  await page.open('file://' + flame(folded, 'texts.svg'));
  const overflow = `[...document.querySelectorAll('#frames>g')].filter((g) => getComputedStyle(g).display !== 'none' && g.querySelector('text') &&
    g.querySelector('text').getComputedTextLength() > +g.querySelector('rect').getAttribute('width') - 3).length`;
  assert.strictEqual(await page.evaluate(overflow), 0);
  await page.click(...await page.evaluate(centre('main')));
  assert.strictEqual(await page.evaluate(overflow), 0);
  if (pictures) {
    await page.open('file://' + flame(folded, '--icicle', 'icicle.svg'));
    await page.picture(path.join(pictures, 'icicle.png'));
    await page.open('file://' + flame(folded, '--diff', earlier, 'diff.svg'));
    await page.picture(path.join(pictures, 'diff.png'));
  }
}

async function hostilePages(page) {
  for (const args of [['hostile.svg'], ['--reverse', '--icicle', 'hostile-icicle.svg'], ['--by', 'package', 'packages.svg'],
    ['--diff', folded, 'hostile-diff.svg'], ['--title', hostileNames[0], '--subtitle', hostileNames[1], '--count-name', hostileNames[6], 'words.svg']]) {
    await page.open('file://' + flame(hostile, ...args));
    assert.strictEqual(await page.evaluate('document.documentElement.localName'), 'svg'); /* a page of the parser's errors is none */
    assert.strictEqual(await page.evaluate('document.querySelectorAll("parsererror, img").length'), 0);
    assert.strictEqual(await page.evaluate('document.querySelectorAll("script").length'), 1);
    assert.strictEqual(await page.evaluate('document.querySelectorAll("[onmouseover], [onerror]").length'), 0);
  }
  for (const args of [['hostile.html'], ['--title', hostileNames[6], '--subtitle', hostileNames[7], '--count-name', hostileNames[0], 'words.html']]) {
    await page.open('file://' + flame(hostile, ...args));
    assert.ok(await page.evaluate('state.tree.count > 100'));
    for (const key of ['r', 'i', 't'])
      await page.key(key);
    assert.strictEqual(await page.evaluate('document.querySelectorAll("script").length'), 2);
    assert.strictEqual(await page.evaluate('document.querySelectorAll("img, [onmouseover], [onerror]").length'), 0);
    /* names that are properties of every object are names like others */
    assert.strictEqual(await page.evaluate('functions.filter((f) => f.name === "__proto__" || f.name === "constructor").length'), 2);
    assert.strictEqual(await page.evaluate('functions.some((f) => f.text.includes("\\u202e"))'), false);
  }
}

/* --- the page --- */

const nodeCentre = (condition) => `(() => { const t = state.tree, { from, width } = range(); let best = -1;
  for (let i = 1; i < t.count; i++) if ((${condition})(functions[t.fn[i]], i) && (best < 0 || t.total[i] > t.total[best])) best = i;
  scrollToRow(t.depth[best], false);
  const box = canvas.getBoundingClientRect();
  return [best, box.left + (t.start[best] + t.total[best] / 2 - from) / width * box.width, box.top + rowTop(t.depth[best]) - view.scrollTop + ROW / 2];
})()`;

async function pageZoom(page) {
  await page.open('file://' + flame(folded, 'page.html'));
  assert.strictEqual(await page.evaluate('state.tree.total[0]'), sum(plain));
  const [node, x, y] = await page.evaluate(nodeCentre('(f) => f.name.startsWith("dep")'));
  await page.click(x, y);
  assert.strictEqual(await page.evaluate('state.zoom'), node);
  assert.match(await page.evaluate(text('details')), /^dep\d+ \/srv\/app\/node_modules\/express\/lib\/router\.js:\d+:9 \([\d,]+ samples, /);
  assert.match(await page.evaluate(text('tip')), /dependency, interpreted/);
  /* what is painted in the middle of its row is its colour: it is as wide as the canvas */
  const painted = await page.evaluate(`[...context.getImageData(canvas.width - 8, rowTop(state.tree.depth[${node}]) - view.scrollTop + 8, 1, 1).data].slice(0, 3)`);
  const color = await page.evaluate(`colorOf(${node})`);
  assert.deepStrictEqual(painted, [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)));
  const url = await page.evaluate('location.href');
  await page.open('about:blank');
  await page.open(url);
  assert.strictEqual(await page.evaluate('state.zoom'), node);
  await page.key('Escape');
  assert.strictEqual(await page.evaluate('state.zoom'), 0);
  await page.key('ArrowUp');
  await page.key('ArrowUp');
  await page.key('Enter');
  assert.strictEqual(await page.evaluate('state.tree.depth[state.zoom]'), 1);
  await page.click(...await page.evaluate('(() => { const b = byId("unzoom").getBoundingClientRect(); return [b.x + 5, b.y + 5]; })()'));
  assert.strictEqual(await page.evaluate('state.zoom'), 0);
}

async function pageSearch(page) {
  await page.open('file://' + flame(folded, 'find.html'));
  await page.key('/');
  await page.type('handle1|router\\.js:8');
  await page.key('Enter');
  assert.strictEqual(await page.evaluate(text('matched')), share(plain, (stack) => stack.some((f) => /handle1|router\.js:8/.test(f))));
  if (pictures)
    await page.picture(path.join(pictures, 'page-search.png'));
  await page.key('Escape');
  assert.strictEqual(await page.evaluate(text('matched')), '');
}

async function pageViews(page) {
  await page.open('file://' + flame(folded, 'views.html'));
  const level = 'Object.fromEntries([...state.all[1]].map((i) => [functions[state.tree.fn[i]].name, state.tree.total[i]]))';
  const bare = (frame) => frame.replace(/^JS:[*~^+]/, '').replace(/ .*/, '').replace(/_\[k\]$/, '');
  await page.key('r');
  const leaves = {};
  for (const [stack, count] of plain)
    leaves[bare(stack.split(';').pop())] = (leaves[bare(stack.split(';').pop())] || 0) + count;
  const callers = await page.evaluate(level);
  assert.deepStrictEqual(Object.entries(callers).sort(), Object.entries(leaves).map(([n, c]) => [n.replace(/^Builtins_/, ''), c])
    .map(([n, c]) => [Object.keys(callers).includes(n) ? n : 'Builtins_' + n, c]).sort());
  await page.key('r');
  /* without dependencies: their time is their callers' */
  const before = await page.evaluate('state.tree.count');
  await page.evaluate('toggleKind(data.classes.indexOf("dependency"))');
  assert.ok(await page.evaluate('state.tree.count') < before);
  assert.strictEqual(await page.evaluate('[...state.tree.fn.slice(0, state.tree.count)].some((fn) => data.classes[functions[fn].kind] === "dependency")'), false);
  assert.strictEqual(await page.evaluate('state.tree.total[0]'), sum(plain));
  await page.evaluate('toggleKind(data.classes.indexOf("dependency"))');
  assert.strictEqual(await page.evaluate('state.tree.count'), before);
  await page.key('i');
  assert.strictEqual(await page.evaluate('rowTop(0)'), 0);
  if (pictures)
    await page.picture(path.join(pictures, 'page-icicle.png'));
  await page.key('i');
  await page.key('t');
  const [first] = Object.entries(leaves).sort((a, b) => b[1] - a[1]);
  assert.match(await page.evaluate('table.querySelector("tbody tr").textContent'), new RegExp(`^${first[1]} samples`));
  if (pictures)
    await page.picture(path.join(pictures, 'page-table.png'));
  await page.evaluate('table.querySelector("tbody tr").click()');
  assert.strictEqual(await page.evaluate(text('matched')), share(plain, (stack) => stack.some((f) => bare(f) === first[0])));
}

async function pageDiff(page) {
  await page.open('file://' + flame(folded, '--diff', earlier, 'diff.html'));
  const deltas = await page.evaluate('[...state.tree.self.slice(0, state.tree.count)].reduce((n, s, i) => n + s - state.tree.beforeSelf[i] * scale, 0)');
  assert.ok(Math.abs(deltas) < 1e-6 * sum(plain) + 200, `${deltas}`);
  await page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: 'dark' }] });
  await page.settle();
  if (pictures)
    await page.picture(path.join(pictures, 'page-diff-dark.png'));
  await page.send('Emulation.setEmulatedMedia', { features: [] });
}

async function pageWithoutScripts(page) {
  const file = flame(folded, 'noscript.html');
  await page.send('Emulation.setScriptExecutionDisabled', { value: true });
  await page.open('file://' + file, false);
  await page.send('Emulation.setScriptExecutionDisabled', { value: false });
  assert.ok(await page.evaluate('document.querySelectorAll("#frames>g>rect").length') > 50);
  assert.strictEqual(await page.evaluate(isHidden('frames')), false);
  assert.match(await page.evaluate('document.querySelector("#frames text").textContent'), /all/);
  if (pictures)
    await page.picture(path.join(pictures, 'page-noscript.png'));
}

/* A stack of 10,000 and ten thousand beside it: every frame can be reached. */
async function deepAndWide(page) {
  const all = new Map();
  for (let i = 0; i < 10000; i++)
    all.set(`node;wide${i}`, 3);
  all.set(Array(10000).fill('JS:*recurse /a.js:1:1').join(';'), 100000);
  const file = write('deep.folded', all);
  await page.open('file://' + flame(file, 'deep.svg'));
  assert.ok(await page.evaluate('document.getElementById("frames").children.length') < 40001);
  assert.match(await page.evaluate('document.documentElement.textContent'), /levels are not drawn/);
  await page.open('file://' + flame(file, 'deep.html'));
  assert.strictEqual(await page.evaluate('state.tree.depth.reduce((a, b) => Math.max(a, b))'), 10000);
  await page.evaluate('view.scrollTop = 0');
  await page.settle();
  const start = Date.now();
  await page.key('r');
  await page.evaluate('zoom(state.tree.count - 1)');
  assert.ok(Date.now() - start < 20000);
  await page.key('r');
  await page.evaluate('move("ArrowUp")');
}

const tests = { svgZoom, svgSearch, svgKeyboard, svgDark, svgContrast, svgTexts, hostilePages, pageZoom, pageSearch, pageViews, pageDiff,
  pageWithoutScripts, deepAndWide };

async function main() {
  const names = Object.keys(tests);
  let failed = false;
  console.log(`1..${names.length}`);
  if (!find()) {
    names.forEach((name, i) => console.log(`ok ${i + 1} ${name} # SKIP no Chromium: Debian's package chromium has one`));
    return 0;
  }
  const browser = await Browser.start();
  for (const [i, name] of names.entries()) {
    let page;
    try {
      page = await browser.page();
      await tests[name](page);
      assert.deepStrictEqual(page.errors, []);
      assert.strictEqual(page.dialogs, 0);
      console.log(`ok ${i + 1} ${name}`);
    } catch (error) {
      failed = true;
      console.log(`not ok ${i + 1} ${name}`);
      console.log(String(error.stack).replace(/^/gm, '# '));
    }
  }
  await browser.stop();
  return failed ? 1 : 0;
}

main().then((status) => {
  fs.rmSync(folder, { recursive: true, force: true });
  process.exitCode = status;
});
