// Measures and writes the table: `cargo xtask bench validating [--quick]`.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { launch, newPage } from '../../harness/browser.mjs';
import { chart } from './chart.mjs';
import { bundle, sizes } from './sizes.mjs';

const options = process.argv.includes('--quick') ? { rounds: 7, milliseconds: 2 } : { rounds: 41, milliseconds: 8 };
const figures = new URL('../../../docs/figures/', import.meta.url);
const dist = (file) => readFileSync(new URL(`../../../validator-wasm/dist/${file}`, import.meta.url));
const wasm = dist('validator.wasm');
const documents = dist('objects/documents.wasm');

const NAMES = {
  ownpost: 'Ownpost, the page’s module',
  objects: 'Ownpost, objects',
  ajv: 'ajv, compiled, with formats',
  valibot: 'valibot',
  zod: 'zod 4',
  'zod-mini': 'zod/mini',
  validator: 'validator.js',
  joi: 'joi',
  yup: 'yup',
};

/** The checks that the peers' schemas lack. */
const COMMON = 'addresses in place of names, IDN, typing errors, port beside TLS mode, unknown keys, fixes, languages';
const MISSING = {
  ownpost: '–',
  objects: '– (reads events too)',
  ajv: `${COMMON}; needs \`unsafe-eval\` or a build step`,
  valibot: COMMON,
  zod: COMMON,
  'zod-mini': COMMON,
  validator: `${COMMON}; anything that is no string; messages`,
  joi: COMMON,
  yup: COMMON,
};

/** The same measurement in Chromium, in a page of its own. */
async function inChromium() {
  const script = bundle('measure.mjs', 'iife');
  const server = createServer((request, response) => {
    const answers = {
      '/': ['text/html', '<!doctype html><title>bench</title><script src="/bench.js"></script>'],
      '/bench.js': ['text/javascript', script],
      '/validator.wasm': ['application/wasm', wasm],
      '/documents.wasm': ['application/wasm', documents],
    };
    const [type, body] = answers[request.url] ?? ['text/plain', ''];
    // Cross-origin isolation gives the page a finer clock.
    response.writeHead(200, {
      'content-type': type,
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    response.end(body);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const browser = await launch();
  try {
    const page = await newPage(browser);
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const results = await page.evaluate(
      (given) => bench.measure({ ...given, wasm: '/validator.wasm', documents: '/documents.wasm' }),
      options,
    );
    return { results, version: browser.version() };
  } finally {
    await browser.close();
    server.close();
  }
}

const median = (list) => list.toSorted((one, other) => one - other)[list.length >> 1];
/** The median of the ratios to zod 4 within a round. */
const ratio = (figures, zod) => median(figures.map((figure, round) => figure / zod[round]));
const short = (number) => (number >= 10 ? number.toFixed(0) : number.toFixed(number >= 1 ? 1 : 2));

function table(results) {
  const cell = (job, name) =>
    `${median(results[job][name]).toFixed(0)} ns | ${short(ratio(results[job][name], results[job].zod))}`;
  const lines = Object.entries(NAMES).map(
    ([name, shown]) => `| ${shown} | ${cell('valid', name)} | ${cell('invalid', name)} | ${cell('field', name)} |`,
  );
  return [
    '| | valid form | × zod | invalid form | × zod | one field | × zod |',
    '|---|--:|--:|--:|--:|--:|--:|',
    ...lines,
  ].join('\n');
}

const bytes = sizes(Object.keys(NAMES));
const sizeTable = [
  '| | gzip | what its schema does not check |',
  '|---|--:|---|',
  ...Object.entries(NAMES).map(
    ([name, shown]) => `| ${shown} | ${(bytes[name] / 1024).toFixed(1)} K | ${MISSING[name]} |`,
  ),
].join('\n');

/** Runs the bundle for browsers in Node. */
async function inNodeItself() {
  const folder = mkdtempSync(join(tmpdir(), 'ownpost-bench-'));
  try {
    const file = join(folder, 'bench.mjs');
    writeFileSync(file, bundle('measure.mjs'));
    // joi's build for browsers reads `self`.
    globalThis.self ??= globalThis;
    const { measure } = await import(pathToFileURL(file));
    return await measure({ wasm, documents, ...options });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const inNode = await inNodeItself();
const { results, version } = await inChromium();

/** The ratio to zod 4 in words: where we lose, the page says so. */
function compared(job, results) {
  const share = ratio(results[job].ownpost, results[job].zod);
  return `${short(share)} × zod 4's${share > 1 ? ', which is slower' : ''}`;
}
const kilobytes = (name) => `${(bytes[name] / 1024).toFixed(1)} K`;
const share = bytes.ownpost / bytes.zod;
const verdict = `The page's module with façade and English has ${kilobytes('ownpost')}, ${short(share)} × zod 4's${
  share > 1 ? ', which is more' : ''
}: ${(dist('validator.wasm').length / 1024).toFixed(0)} K of rules, tables and providers before compression. In Node a valid form takes ${compared(
  'valid',
  inNode,
)}; an invalid one ${compared('invalid', inNode)}.`;

const bars = (value) =>
  Object.entries(NAMES).map(([name, shown]) => ({
    name: shown,
    value: value(name),
    ours: shown.startsWith('Ownpost'),
  }));
const times = (results, job) => bars((name) => ratio(results[job][name], results[job].zod));
const picture = chart(
  [
    {
      heading: 'Bytes after gzip, logarithmic',
      unit: (value) => `${value.toFixed(1)} K`,
      bars: bars((name) => bytes[name] / 1024),
    },
    { heading: 'A valid form in Node, zod 4 = 1, logarithmic', unit: short, bars: times(inNode, 'valid') },
    { heading: 'An invalid form in Node, zod 4 = 1, logarithmic', unit: short, bars: times(inNode, 'invalid') },
  ],
  'Bytes and time of validating a form, beside peers',
);

const text = `# Validating in the browser

\`cargo xtask bench validating\` has written this page. 32 different forms take turns; medians of ${options.rounds} rounds in which
everybody has a turn; ratios are of one round. Below 1 is faster than zod 4. As in a form, the place and the message of
every problem are read. Objects have no call for one field: there all fields are checked.

${verdict}

![Bytes and time, beside peers](validating.svg)

## Node ${process.versions.node}

${table(inNode)}

## Chromium ${version}

${table(results)}

## Size

Bundled and minified by esbuild, compressed by gzip; ours with façade and its messages in English, the peers with theirs.

${sizeTable}
`;
mkdirSync(figures, { recursive: true });
writeFileSync(new URL('validating.md', figures), text);
writeFileSync(new URL('validating.svg', figures), picture);
console.log(text);
