'use strict';
/* Makes docs/STATUS.md: what works on which version, from results alone. */
const os = require('os');
const path = require('path');
const versions = require('./versions');

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/* The first line of a difference without what belongs to one machine or one run: paths and process ids. */
function told(detail) {
  const cache = path.dirname(path.dirname(path.dirname(versions.binary('0'))));
  return String(detail).split('\n')[0]
    .replace(new RegExp(`${escaped(cache)}/v[^/\\s']*/bin/node`, 'g'), 'NODE')
    .replace(new RegExp(`${escaped(os.tmpdir())}/nopsy-e2e-[^/\\s':]*`, 'g'), 'TMP')
    .replace(/\/[^\s'"(]*\/tests\//g, 'tests/')
    .replace(/(^|\b(?:nopsy|nopsy:) [a-z]+ )\d+\b/g, '$1PID')
    .slice(0, 200);
}

function cell(results) {
  if (!results.length) return ' ';
  const failed = results.filter((r) => r.outcome === 'fail').length;
  const passed = results.filter((r) => r.outcome === 'pass').length;
  if (!failed && !passed) return 'skipped';
  return failed ? `${passed}/${passed + failed}` : 'yes';
}

function markdown(results) {
  const features = [...new Set(results.map((r) => r.case.feature || r.case.name))];
  const rows = [...new Set(results.map((r) => r.version))].sort((a, b) => versions.number(a) - versions.number(b));
  const lines = [
    '# What works on which Node',
    '',
    'Written by `make test-matrix` from the results of its run; do not edit. `yes`: every case passed, alive and on',
    'cores. `m/n`: m of n cases passed. Empty: the feature does not apply to that version.',
    '',
    `| Node | ${features.join(' | ')} |`,
    `|---|${features.map(() => '---').join('|')}|`,
  ];
  for (const version of rows) {
    const cells = features.map((f) => cell(results.filter((r) => r.version === version && (r.case.feature || r.case.name) === f)));
    lines.push(`| ${version} | ${cells.join(' | ')} |`);
  }
  const failed = results.filter((r) => r.outcome === 'fail');
  if (failed.length) {
    lines.push('', '## What failed', '');
    for (const r of failed.sort((a, b) => versions.number(a.version) - versions.number(b.version))) {
      lines.push(`- ${r.version}, ${r.case.name}, ${r.mode}: ${told(r.detail[0])}`);
    }
  }
  return lines.join('\n') + '\n';
}

module.exports = { markdown, told };
