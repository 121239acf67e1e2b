'use strict';
/*
 * `nopsy resolve` on texts made from a stack whose names are known: those that the fixture states and `nopsy stack` reads,
 * with the program counters of that stack, in the words of many tools.
 */
const fs = require('fs');
const path = require('path');

const pad = (pc) => `0x${pc.slice(2).padStart(16, '0')}`;
/* How tools write a frame whose name they do not know, and where resolve must leave what stood around it. */
const TOOLS = {
  gdb: (pc, i) => [`#${i}  ${pad(pc)} in `, '??', ' ()'],
  lldb: (pc, i) => [`    frame #${i}: ${pad(pc)} `, '', ''],
  xcode: (pc, i) => [`#${i}\t${pad(pc)} in `, pc, ' ()'],
  dtrace: (pc) => [`              ${pc} `, '', ''],
  perf: (pc) => [`\t${pc.slice(2).padStart(16)} `, '[unknown]', ' (/tmp/perf-1.map)'],
  pstack: (pc) => [` ${pc.slice(2).padStart(16, '0')} `, '????????', ' (1, 2) + 1cf'],
  node: (pc, i) => [`${String(i).padStart(2)}: ${pc} `, '', ' [node]'],
  coredumpctl: (pc, i) => [`#${i}  ${pad(pc)} `, 'n/a', ' (n/a + 0x0)'],
};
const MARKS = { interpreted: '~', baseline: '^', maglev: '+', turbofan: '*', crankshaft: '*', 'full-codegen': '~' };

/* Frames that are machine frames of their own, with the place of the innermost function that was inlined into each. */
function machineFrames(t, thread) {
  const frames = [];
  let inner = null;
  for (const f of thread.frames) {
    if (!f.pc) continue;
    inner = inner || f;
    if (!f.inlined) {
      frames.push({ ...f, inner });
      inner = null;
    }
  }
  if (!frames.some((f) => f.kind === 'js')) t.fail('the stack has no JavaScript');
  return frames;
}

/* The names that resolve puts into the text of one tool, by frame; what stands around them must be as it was. */
async function namesOf(t, tool, frames, args) {
  const file = path.join(t.dir, `${tool}.txt`);
  const parts = frames.map((f, i) => TOOLS[tool](f.pc, i));
  const gap = tool === 'node' ? '' : undefined;
  const lines = parts.map(([before, hole, after]) => before + hole + (gap === undefined ? after : ` ${after.trim()}`));
  const text = `before\n\n${lines.join('\r\n')}\nlast line without an end`;
  fs.writeFileSync(file, text);
  const result = await t.run(['resolve', ...args, file], { status: [0, 3] });
  const got = result.stdout.split(/\r?\n/);
  if (got.length !== text.split('\n').length || got[0] !== 'before' || got[1] !== '' || got[got.length - 1] !== 'last line without an end')
    t.fail(`${tool}: the text around the frames changed: ${JSON.stringify(result.stdout.slice(0, 300))}`);
  return frames.map((f, i) => {
    const [before, hole, after] = parts[i];
    const line = got[i + 2] || '';
    if (line === lines[i]) return '';
    if (!line.startsWith(before) || !line.endsWith(after)) {
      t.fail(`${tool}: ${JSON.stringify(lines[i])} became ${JSON.stringify(line)}`);
      return '';
    }
    return line.slice(before.length, line.length - after.length);
  });
}

async function stackOf(t) {
  const answer = await t.json('stack', '--internal', '--native');
  const thread = answer && answer.threads.find((x) => x.tid === t.truth.pid);
  if (!thread) {
    t.fail('no stack');
    return [];
  }
  return machineFrames(t, thread);
}

/* What the target itself knows: every frame but those in code that only says what it is. */
async function checkTarget(t) {
  const frames = await stackOf(t);
  const args = t.mode === 'live' ? ['--pid', t.spec] : ['--core', t.spec];
  let js = 0;
  for (const tool of Object.keys(TOOLS)) {
    const names = await namesOf(t, tool, frames, args);
    frames.forEach((f, i) => {
      if (f.kind === 'js' && f.tier !== 'interpreted') {
        js++;
        const want = `JS:${MARKS[f.tier]}${f.name} ${f.file}:`;
        if (!names[i].startsWith(want)) t.fail(`${tool} #${i}: ${JSON.stringify(names[i])}, wanted ${want}`);
        const at = ` at ${f.inner.file}:${f.inner.line}:`;
        if (tool !== 'perf' && i > 0 && f.inner.position === 'exact' && !names[i].includes(at))
          t.fail(`${tool} #${i}: ${JSON.stringify(names[i])}, wanted${at}`);
      } else if (f.kind === 'native' && f.name && !names[i].startsWith(f.name)) {
        t.fail(`${tool} #${i}: ${JSON.stringify(names[i])}, wanted ${f.name}`);
      }
    });
  }
  t.notes.push(`${js} frames of compiled functions`);
}

/* What V8 itself wrote, interpreted functions too. */
async function checkMap(t) {
  const map = `/tmp/perf-${t.truth.pid}.map`;
  try {
    const frames = await stackOf(t);
    for (const tool of Object.keys(TOOLS)) {
      const names = await namesOf(t, tool, frames, ['--map', map]);
      const own = await namesOf(t, tool, frames, ['--pid', t.spec, '--lines', 'never']);
      frames.forEach((f, i) => {
        if (f.kind !== 'js') return;
        /* functions out of V8's snapshot share the one interpreter */
        if (f.tier === 'interpreted' && f.internal && names[i].startsWith('Builtin:InterpreterEntryTrampoline')) return;
        const want = new RegExp(`^(JS|LazyCompile|Function|InterpretedFunction|Script|Eval):[~^+*o']*${f.name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')} `);
        if (!want.test(names[i])) t.fail(`${tool} #${i} --map: ${JSON.stringify(names[i])}, wanted ${want}`);
        if (!want.test(own[i])) t.fail(`${tool} #${i} --pid: ${JSON.stringify(own[i])}, wanted ${want}`);
      });
    }
  } finally {
    fs.rmSync(map, { force: true });
  }
}

const TESTED = new Set([1024, 1222, 1421, 1620, 1820, 2020, 2223, 2421, 2610]);

module.exports = [
  { name: 'resolve/target', feature: 'resolve', fixture: 'stack-inline.js', from: 804, modes: ['live', 'core'], args: () => ['inlined'],
    quick: (number) => [1222, 2020, 2421].includes(number) || !TESTED.has(number), check: checkTarget },
  { name: 'resolve/map', feature: 'resolve', fixture: 'stack-inline.js', from: 1000, modes: ['live'], args: () => ['inlined'],
    flags: () => ['--perf-basic-prof', '--interpreted-frames-native-stack'],
    quick: (number) => [1222, 2020, 2421, 2610].includes(number) || !TESTED.has(number), check: checkMap },
];
