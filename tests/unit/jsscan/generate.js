'use strict';
/*
 * Records which register V8 gives to each variable: run by hand, needs several
 * Node versions.  The answer, registers.txt, is what test_jsscan.c reads.
 *
 *   node generate.js DIRECTORY [SEED [COUNT [VERSION...]]] > registers.txt
 *
 * DIRECTORY holds v8.17.0/bin/node, v10.24.1/bin/node and so on; the last of each
 * even major is used and some that do it otherwise, or the versions given.
 *
 * Each case is a function in which variables are assigned distinct numbers.
 * The bytecode that node --print-bytecode shows then tells where a variable
 * lives: LdaSmi [1001] is followed by Star r3 (a register), Star a0 (an
 * argument) or StaCurrentContextSlot (a context).
 *
 * Cases are those in cases.txt and COUNT random ones.  Per case and version a
 * line is written for each variable: name, offset of the assignment in the
 * function's text, place.
 */
const fs = require('fs');
const os = require('os');
const path = require('path');
const { spawnSync } = require('child_process');

const [dir, seedText = '1', countText = '150', ...wanted] = process.argv.slice(2);
const parts = (name) => name.slice(1).split('.').map(Number);
const compare = (a, b) => parts(a)[0] - parts(b)[0] || parts(a)[1] - parts(b)[1];
const installed = fs.readdirSync(dir).filter((name) => /^v\d+\.\d+\.\d+$/.test(name)).sort(compare);
const latest = (major) => installed.filter((name) => parts(name)[0] === major).pop();
const versions = wanted.length
  ? wanted.map((v) => 'v' + v)
  : [8, 10, 12, 14, 16, 18, 20, 22, 24, 26].map(latest).concat('v10.0.0', latest(11), latest(13), 'v16.0.0')
    .filter((name) => installed.includes(name));
const nodeOf = (version) => path.join(dir, version, 'bin', 'node');
const labelOf = (version) => parts(version).slice(0, 2).join('.');

/* ---- random functions ---- */

let state = Number(seedText) >>> 0;
function random(n) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 4294967296) * n);
}
const pick = (list) => list[random(list.length)];

class Gen {
  constructor() {
    this.min = 8;
    this.next = 1001;
    this.names = 0;
    this.scopes = [];
    this.async = this.generator = false;
    this.depth = 0;
    this.base = 0;
  }

  need(major) {
    this.min = Math.max(this.min, major);
  }

  fresh() {
    /* few names, so that they shadow each other */
    return pick(['a', 'b', 'c', 'd', 'e', 'f', 'h', 'i']) + (random(3) ? this.names++ : '');
  }

  /* A new name for the current scope that clashes with nothing in the function's scopes. */
  declare(kind) {
    for (;;) {
      const name = this.fresh();
      const current = this.scopes[this.scopes.length - 1];
      const taken = this.scopes.slice(this.base).some((s) => (kind === 'var' || s === current) && s.has(name));
      if (!taken && !this.vars.has(name)) {
        (kind === 'var' ? this.vars : this.scopes[this.scopes.length - 1]).add(name);
        if (kind === 'var') for (const s of this.scopes.slice(this.base)) s.add(name);
        return name;
      }
    }
  }

  number() {
    return String(this.next++);
  }

  visible() {
    const all = new Set();
    for (const s of this.scopes) for (const n of s) all.add(n);
    return [...all];
  }

  use() {
    const all = this.visible();
    return all.length && random(4) ? pick(all) : 'g';
  }

  closure() {
    const body = random(2) ? this.use() : `g(${this.use()}, ${this.use()})`;
    return pick([
      () => `() => ${body}`,
      () => `function () { return ${body}; }`,
      () => `(z = ${this.use()}) => ${body}`,
      () => `async (z, {y}) => ${body}`,
      () => `({ m() { return ${body}; } })`,
      () => `x => { let q = x; { var r = ${this.use()}; } return [q, r, ${body}]; }`,
      () => this.innerFunction(),
      () => this.innerFunction(),
    ])();
  }

  /* A function with names of its own, which hide those around it. */
  innerFunction() {
    if (this.depth > 3) return '() => 1';
    const saved = [this.vars, this.scopes, this.async, this.generator, this.base];
    const form = pick(['function', 'arrow', 'arrow', 'async', 'generator', 'named', 'method', 'class', 'async arrow',
      'expression body']);
    this.depth++;
    this.vars = new Set();
    this.scopes = [...this.scopes, new Set()];
    this.base = this.scopes.length - 1;
    this.async = form.startsWith('async');
    this.generator = form === 'generator';
    const params = this.parameters().text;
    const body = form === 'expression body' ? '' : this.statements(random(4));
    const last = `return ${this.use()};`;
    const expression = random(2) ? this.use() : `(${this.use()}, {x: ${this.use()}})`;
    const name = this.fresh();
    [this.vars, this.scopes, this.async, this.generator, this.base] = saved;
    this.depth--;
    switch (form) {
      case 'function': return `function (${params}) { ${body} ${last} }`;
      case 'named': return `function ${name}(${params}) { ${body} ${last} g(${name}); }`;
      case 'async': return `async function (${params}) { ${body} await g(); ${last} }`;
      case 'generator': return `function* (${params}) { ${body} yield* g(); ${last} }`;
      case 'method':
        return `{ ${pick(['', 'get: 1, ', 'async: 2, '])}m(${params}) { ${body} ${last} }, ` +
          `get x() { return ${this.use()}; }, set [g](v) {}, async *y() {} }`;
      case 'class':
        return `class ${random(2) ? name : ''} { constructor(${params}) { ${body} ${last} } ` +
          `static ${pick(['get x', 'async y', '*z', 'static'])}() { return ${pick([name, this.use()])}; } }`;
      case 'async arrow': return `async (${params}) => { ${body} ${last} }`;
      case 'expression body': return `(${params}) => ${expression}`;
      default: return `(${params}) => { ${body} ${last} }`;
    }
  }

  expr() {
    return pick([
      () => this.use(),
      () => this.use(),
      () => `g(${this.use()})`,
      () => `${this.use()} + ${this.use()}`,
      () => this.closure(),
      () => `\`t\${${this.use()}}\``,
      () => `/${pick(['[/]', 'a', '\\/'])}/.test(${this.use()})`,
      () => `{ x: ${this.use()}, g }.x`.replace(/^(.*)$/, '($1)'),
      () => `g(...[${this.use()}])`,
      () => `(${this.use()}, ${this.use()})`,
      () => `([${this.use()}, {x: ${this.use()}}], ({${this.use()}}).y)`,
      () => `${this.use()} ? ${this.closure()} : (${this.use()})`,
      () => `({x: ${this.use()} = 1, y: [...z]} = {}, {w = ${this.use()}}, ...v) => [x, y, z, w, ${this.use()}]`,
      () => `async(${this.use()}, ${this.closure()})`,
      () => `typeof ${this.use()} / 2 / ${this.use()}`,
      () => `[${this.use()}, , ...g(${this.use()})]`,
      () => `new g(${this.closure()}).x[${this.use()}]\`y\``,
      () => (this.need(14), `${this.use()}?.[${this.use()}]?.x?.(${this.use()}) ?? g`),
    ])();
  }

  pattern(kind, names) {
    const name = () => {
      const n = this.declare(kind);
      names.push(n);
      return n;
    };
    const element = (deep) => {
      const target = deep && !random(3) ? this.patternOf(kind, name, element) : name();
      return random(4) ? target : `${target} = ${random(1000)}`;
    };
    return this.patternOf(kind, name, element);
  }

  patternOf(kind, name, element) {
    const n = random(3);
    const parts = [];
    if (random(2)) {
      for (let i = 0; i <= n; i++) parts.push(random(2) ? `p${i}: ${element(false)}` : `[g]: ${element(true)}`);
      if (!random(4)) {
        this.need(10);
        if (parts.some((p) => p.startsWith('[g]'))) this.need(12);
        parts.push(`...${name()}`);
      }
      return `{${parts.join(', ')}}`;
    }
    for (let i = 0; i <= n; i++) parts.push(random(6) ? element(true) : '');
    if (!random(4)) parts.push(`...${name()}`);
    return `[${parts.join(', ')}${parts[parts.length - 1] === '' ? ',' : ''}]`;
  }

  set(names) {
    return names.filter(() => random(5)).map((n) => `${n} = ${this.number()};`).join(' ');
  }

  declaration() {
    const kind = pick(['var', 'let', 'let', 'const']);
    const names = [];
    if (!random(4)) {
      const pattern = this.pattern(kind, names);
      return `${kind} ${pattern} = ${random(2) ? 'g' : '[]'}; ${kind === 'const' ? '' : this.set(names)}`;
    }
    const list = [];
    for (let i = random(2); i >= 0; i--) {
      const init = random(3) ? '' : this.expr();
      const name = this.declare(kind);
      names.push(name);
      if (kind === 'const') list.push(`${name} = ${this.number()}`);
      else list.push(init ? `${name} = ${init}` : name);
    }
    return `${kind} ${list.join(', ')}; ${kind === 'const' ? '' : this.set(names)}`;
  }

  block(prefix = '') {
    this.scopes.push(new Set());
    const text = `{ ${prefix}${this.statements(1 + random(3))} }`;
    this.scopes.pop();
    return text;
  }

  inner(f) {
    this.scopes.push(new Set());
    const text = f();
    this.scopes.pop();
    return text;
  }

  loop() {
    const kind = pick(['var', 'let', 'let', 'const']);
    return this.inner(() => {
      switch (random(4)) {
        case 0: {
          const names = [this.declare(kind === 'const' ? 'let' : kind)];
          const k = kind === 'const' ? 'let' : kind;
          const init = `${names[0]} = ${this.number()}`;
          if (random(2)) names.push(this.declare(k));
          const test = random(3) ? `${names[0]} < 1` : `g(() => ${names[0]})`;
          const next = random(2) ? `${names[0]}++` : '';
          return `for (${k} ${init}${names[1] ? `, ${names[1]}` : ''}; ${test}; ${next}) ${this.body()}`;
        }
        case 1: {
          const names = [];
          const head = random(3) ? (names.push(this.declare(kind)), names[0]) : this.pattern(kind, names);
          return `for (${kind} ${head} of g) ${this.body(kind === 'const' ? '' : this.set(names) + ' ')}`;
        }
        case 2: {
          const name = this.declare(kind);
          return `for (${kind} ${name} in g) ${this.body(kind === 'const' ? '' : this.set([name]) + ' ')}`;
        }
        default:
          return `while (g()) ${this.block()}`;
      }
    });
  }

  body(prefix = '') {
    return random(6) || prefix ? this.block(prefix) : `g(${this.expr()});`;
  }

  classText() {
    const name = random(4) ? this.declare('let') : '';
    const members = [];
    for (let i = random(3); i > 0; i--) {
      members.push(pick([
        () => `m() { return ${this.use()}; }`,
        () => `static s() { return ${name || this.use()}; }`,
        () => `[${this.use()}]() {}`,
        () => `get x() { return 1; }`,
        () => (this.need(12), `field = ${this.use()};`),
        () => (this.need(12), `static field = ${this.expr()};`),
        () => (this.need(14), `#p() { return ${this.use()}; } n() { return this.#p(); }`),
        () => (this.need(16), `static { let q = ${this.use()}; g(q); }`),
      ])());
    }
    const head = random(3) ? '' : ` extends ${this.use()}`;
    if (!name) return `g(class${head} { ${members.join(' ')} });`;
    return `class ${name}${head} { ${members.join(' ')} } ${name} = ${this.number()};`;
  }

  statement() {
    if (++this.depth > 4) {
      this.depth--;
      return `g(${this.expr()});`;
    }
    const text = pick([
      () => this.declaration(),
      () => this.declaration(),
      () => this.declaration(),
      () => this.block(),
      () => this.loop(),
      () => this.loop(),
      () => `g(${this.expr()});`,
      () => `if (g()) ${this.block()} else if (g(${this.use()})) ${this.block()} else ${this.block()}`,
      () => {
        const tail = random(2) ? ` finally ${this.block()}` : '';
        switch (random(3)) {
          case 0: {
            const head = this.block();
            return `try ${head} ` + this.inner(() => {
              const name = this.declare('let');
              return `catch (${name}) ${this.block(`${name} = ${this.number()}; `)}${tail}`;
            });
          }
          case 1: {
            const head = this.block();
            return `try ${head} ` + this.inner(() => {
              const names = [];
              const pattern = this.pattern('let', names);
              return `catch (${pattern}) ${this.block(this.set(names) + ' ')}${tail}`;
            });
          }
          default:
            return `try ${this.block()} finally ${this.block()}`;
        }
      },
      () => this.inner(() => {
        const cases = [];
        for (let i = 0; i <= random(3); i++) {
          cases.push(`case ${i}: ${random(3) ? this.block() : `g(${this.use()});`} break;`);
        }
        if (random(2)) {
          const name = this.declare('let');
          cases.unshift(`case g: let ${name} = ${this.number()}; g(${name});`);
        }
        return `switch (${this.use()}) { ${cases.join(' ')} default: g(); }`;
      }),
      () => this.classText(),
      () => {
        const name = this.declare('let');
        return `function ${name}(q) { return ${this.use()}; } ${name} = ${this.number()}; g(${name});`;
      },
      () => (this.async ? `await g(${this.use()});` : `g(${this.use()});`),
      () => (this.generator ? `yield ${this.use()};` : `g(${this.use()});`),
      () => `g.m(...g, ${this.use()});`,
      () => `do ${this.block()} while (g(${this.use()}));`,
      () => {
        const name = pick([...this.vars, '']);
        return name ? `var ${name}${random(2) ? ` = ${this.number()}` : ''};` : ';';
      },
      () => {
        const f = this.fresh();
        return `if (${this.use()}) { function ${f}() { return ${this.use()}; } ` +
          `${random(2) ? `${f} = ${this.number()};` : ''} } ${random(2) ? `g(${f});` : ''}`;
      },
      () => {
        const all = this.visible();
        if (!all.length) return ';';
        return `[${pick(all)}, {x: ${pick(all)} = ${this.expr()}}] = g;`;
      },
      () => (this.async && !this.generator ? (this.need(10), this.inner(() => {
        const name = this.declare('let');
        return `for await (let ${name} of g) { ${name} = ${this.number()}; ${this.statement()} }`;
      })) : ';'),
      () => {
        const e = this.fresh();
        return `try ${this.block()} catch (${e}) { var ${e} = ${this.number()}; }`;
      },
      () => `for (${pick(this.visible()) || 'g.x'} of g) ${this.block()}`,
      () => `g(${this.expr()}, ${this.closure()}, ${this.expr()});`,
      () => `{ ${this.inner(() => `const ${this.declare('let')} = ${this.number()};`)} }`,
      () => `l${this.next++}: ${this.block()}`,
    ])();
    this.depth--;
    return text;
  }

  statements(n) {
    const list = [];
    while (n-- > 0) list.push(this.statement());
    return list.join(' ');
  }

  parameters() {
    if (random(3) === 0) {
      const list = [];
      const names = [];
      for (let i = random(3); i >= 0; i--) {
        const name = this.declare('var');
        names.push(name);
        list.push(name);
      }
      return { text: list.join(', '), names };
    }
    const list = [];
    const names = [];
    for (let i = random(4); i > 0; i--) {
      switch (random(4)) {
        case 0:
          list.push(this.pattern('var', names));
          break;
        case 1: {
          const e = pick(['1', 'g', '() => 1', names.length ? pick(names) : '2',
            names.length ? `() => ${pick(names)}` : '3']);
          const name = this.declare('var');
          names.push(name);
          list.push(`${name} = ${e}`);
          break;
        }
        default: {
          const name = this.declare('var');
          names.push(name);
          list.push(name);
        }
      }
    }
    if (!random(4)) {
      const name = this.declare('var');
      names.push(name);
      list.push(`...${name}`);
    }
    return { text: list.join(', '), names };
  }

  /* { text with <<< and >>> around the function's text, kind, flags } */
  function(id) {
    const form = pick(['function', 'function', 'arrow', 'async', 'generator', 'method', 'async arrow',
      'async generator', 'constructor', 'derived', 'expression']);
    this.async = form.includes('async');
    this.generator = form.includes('generator');
    if (form === 'async generator') this.need(10);
    this.vars = new Set();
    this.scopes = [new Set()];
    const params = this.parameters();
    const simple = /^[\w, ]*$/.test(params.text);
    const strict = simple && !random(3);
    let body = `${strict ? "'use strict'; " : ''}stop(); ${this.set(params.names)} `;
    body += this.statements(2 + random(6));
    if (form !== 'arrow' && form !== 'async arrow' && !random(5)) {
      body += ` g(${pick(['arguments', 'new.target', '() => arguments', 'arguments[0]'])});`;
    }
    if (form === 'expression' && random(2)) body += ` g(${pick([`zq${id}`, `() => zq${id}`])});`;
    if (form === 'derived') {
      body = body.replace('stop();',
        pick(['stop(); super();', 'stop(); super(); if (g()) return {};', 'stop(); (() => super())();']));
    }
    if (form === 'method' && !random(3)) body += ' super.x;';
    const name = `zq${id}`;
    const list = `(${params.text})`;
    const rest = `<<<${list} { ${body} }>>>`;
    switch (form) {
      case 'arrow':
      case 'async arrow': {
        const async = this.async ? 'async ' : '';
        const text = `var ${name} = <<<${async}${list} => { ${body} }>>>; run(() => ${name}());`;
        return { text, kind: 'arrow', flags: async.trim() };
      }
      case 'method':
        return { text: `var o = { ${name}${rest} }; run(() => o.${name}());`, kind: 'method', flags: '' };
      case 'constructor':
      case 'derived': {
        const heritage = form === 'derived' ? ' extends g' : '';
        const text = `class ${name}${heritage} { constructor${rest} } run(() => new ${name}());`;
        return { text, kind: form, flags: 'strict' };
      }
      case 'expression':
        return { text: `run(function ${name}${rest});`, kind: 'function', flags: `named:${name}` };
      default: {
        const star = this.generator ? '*' : '';
        const async = this.async ? 'async ' : '';
        const flags = [this.async && 'async', this.generator && 'generator'].filter(Boolean).join(',');
        const call = this.generator ? `${name}().next()` : `${name}()`;
        return { text: `${async}function${star} ${name}${rest} run(() => ${call});`, kind: 'function', flags };
      }
    }
  }
}

/* ---- cases ---- */

function parseCases(file) {
  const list = [];
  for (const part of fs.readFileSync(file, 'utf8').split(/^---.*\n/m)) {
    const m = part.match(/^# (\w+) (\S+) (\d+)\n([^]*)$/);
    if (m) list.push({ kind: m[1], flags: m[2] === '-' ? '' : m[2], min: Number(m[3]), text: m[4].trim() });
  }
  return list;
}

function randomCases(count) {
  const list = [];
  while (list.length < count) {
    const gen = new Gen();
    const made = gen.function(0);
    list.push({ ...made, min: gen.min });
  }
  return list;
}

/* ---- the oracle ---- */

function readBytecode(text) {
  const functions = new Map();
  let current = null;
  const lines = text.split('\n');
  const op = (line) => line && (line.match(/@\s*\d+ : (?:[0-9a-f]{2} )+\s*(.*)$/) || [])[1];
  for (let i = 0; i < lines.length; i++) {
    const head = lines[i].match(/^\[generat(?:ed|ing) bytecode for function: ([^\s\]]*)/);
    if (head) {
      current = new Map();
      if (/^zq\d+$/.test(head[1])) functions.set(head[1], current);
      continue;
    }
    const lda = op(lines[i]);
    const m = current && lda && lda.match(/^LdaSmi(?:\.\w+)? \[(\d+)\]/);
    if (!m) continue;
    const next = op(lines[i + 1]) || '';
    let place = null;
    let s;
    if ((s = next.match(/^Star(\d+)/)) || (s = next.match(/^Star(?:\.\w+)? r(\d+)/))) place = `r${s[1]}`;
    else if (/^Star(?:\.\w+)? a\d+/.test(next)) place = 'arg';
    else if (/^Sta(Current)?(Script)?ContextSlot/.test(next)) place = 'ctx';
    const later = [2, 3, 4].map((k) => op(lines[i + k]) || '');
    if (later.some((o) => /ThrowReferenceErrorIfHole|ThrowIfHole/.test(o))) place = null;
    current.set(m[1], current.has(m[1]) ? null : place);
  }
  return functions;
}

/* Every case is a script of its own: what an old version cannot parse does no harm to the rest. */
function runner(sources) {
  return `
global.g = function g() {};
global.stop = () => { throw 1; };
global.run = (f) => { try { f(); } catch (e) {} };
process.on('unhandledRejection', () => {});
for (const source of ${JSON.stringify(sources)})
  try { require('vm').runInThisContext('(function () {' + source + '\\n})()'); } catch (e) {}
`;
}

function runSome(version, cases, results) {
  const file = path.join(os.tmpdir(), `jsscan-${process.pid}-${version}.js`);
  const out = file + '.out';
  fs.writeFileSync(file, runner(cases.map((c) => c.source)));
  const fd = fs.openSync(out, 'w');
  const r = spawnSync(nodeOf(version), ['--print-bytecode', '--print-bytecode-filter=zq*', file],
    { stdio: ['ignore', fd, 'ignore'], timeout: 60000 });
  fs.closeSync(fd);
  for (const [name, map] of readBytecode(fs.readFileSync(out, 'latin1'))) results.set(name, map);
  fs.unlinkSync(file);
  fs.unlinkSync(out);
  /* old versions die now and then while they print */
  if (r.signal && cases.length > 1) for (const c of cases) runSome(version, [c], results);
}

function runVersion(version, cases) {
  const results = new Map();
  const able = cases.filter((c) => c.min <= parts(version)[0]);
  for (let from = 0; from < able.length; from += 50) runSome(version, able.slice(from, from + 50), results);
  return results;
}

const cases = parseCases(path.join(__dirname, 'cases.txt')).concat(randomCases(Number(countText)));
cases.forEach((c, i) => {
  c.name = `zq${i}`;
  const text = c.text.replace(/zq\d*\b/g, c.name);
  c.flags = c.flags.replace(/zq\d*\b/g, c.name);
  const start = text.indexOf('<<<');
  const end = text.indexOf('>>>');
  c.body = text.slice(start + 3, end);
  c.source = text.replace('<<<', '').replace('>>>', '');
  c.expect = new Map();
  c.where = new Map();
  for (const m of c.body.matchAll(/([\w$\u0080-\uffff]+)\s*=\s*(\d{4,})\b/g)) c.where.set(m[2], [m[1], m.index]);
});

for (const version of versions) {
  const results = runVersion(version, cases);
  let missing = 0;
  for (const c of cases) {
    if (c.min > parts(version)[0]) continue;
    const map = results.get(c.name);
    missing += !map;
    const list = [];
    for (const [number, [name, offset]] of c.where) {
      const place = map && map.get(number);
      if (place) list.push(`${name}@${offset}=${place}`);
    }
    const key = list.join(' ');
    if (list.length) c.expect.set(key, [...(c.expect.get(key) || []), labelOf(version)]);
  }
  if (missing) process.stderr.write(`node ${version}: ${missing} functions were not printed\n`);
}

process.stdout.write('# Made by generate.js: the text of a function, then for Node versions: name@offset=place ...\n');
for (const c of cases) {
  if (!c.expect.size) continue;
  process.stdout.write(`\ncase ${c.kind} ${c.flags || '-'}\n${c.body.replace(/\n/g, ' ')}\n`);
  for (const [key, list] of c.expect) process.stdout.write(`${list.join(',')}: ${key}\n`);
}
