// Measures and writes the table: `cargo xtask bench validating [--quick]`.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { launch, newPage } from '../../harness/browser.mjs';
import { bundle, sizes } from './sizes.mjs';

const options = process.argv.includes('--quick') ? { rounds: 7, milliseconds: 2 } : { rounds: 41, milliseconds: 8 };
const figures = new URL('../../../docs/figures/', import.meta.url);
const wasm = readFileSync(new URL('../../../validator-wasm/dist/validator.wasm', import.meta.url));

const NAMES = {
  ownpost: 'Ownpost',
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
    const results = await page.evaluate((given) => bench.measure({ ...given, wasm: '/validator.wasm' }), options);
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
    return await measure({ wasm, ...options });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const inNode = await inNodeItself();
const { results, version } = await inChromium();

const text = `# Validating in the browser

\`cargo xtask bench validating\` has written this page. 32 different forms take turns; medians of ${options.rounds} rounds in which
everybody has a turn; ratios are of one round. Below 1 is faster than zod 4. As in a form, the place and the message of
every problem are read.

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
console.log(text);
