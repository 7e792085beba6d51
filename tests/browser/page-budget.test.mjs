// What a page with the form loads until the status is seen: requests, bytes, and in which order.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { launch, newPage } from '../harness/browser.mjs';
import { until } from '../harness/wait.mjs';
import { start } from './form-server.mjs';

/** With the API's answer; the page itself, its style and its script are the product's. */
const REQUESTS = 6;
/** Bytes after gzip, English included. */
const BYTES = 55_296;
const DIST = new URL('../../validator-wasm/dist/', import.meta.url);

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Opens the page; `held` are the files that never come. Returns the requests so far, when `ready` is there. */
async function visit(held, ready, use = () => {}) {
  const server = await start();
  const page = await newPage(browser);
  try {
    const asked = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    for (const name of held) await page.route(`**/${name}`, () => {});
    await page.goto(server.origin);
    await ready(page, server);
    await use(page, server);
    return asked;
  } finally {
    await page.context().close();
    await server.close();
  }
}

test('the page stays within its budgets until the status is seen', async (t) => {
  // The part that is loaded later is held, so that the status cannot need it.
  const asked = await visit(['results/**'], (page) => page.locator('smtp-settings-form .status').waitFor());
  const files = asked.filter((path) => path.startsWith('/validator/') && !path.includes('/results/'));
  const calls = asked.filter((path) => path.startsWith('/api/'));
  const bytes = files
    .map((path) => gzipSync(readFileSync(new URL(path.slice('/validator/'.length), DIST)), { level: 9 }).length)
    .reduce((sum, size) => sum + size, 0);
  t.diagnostic(`${files.length + calls.length} requests, ${bytes} bytes of ${BYTES}: ${files.join(' ')}`);
  assert.equal(calls.length, 1);
  assert.ok(files.length + calls.length <= REQUESTS, [...files, ...calls].join('\n'));
  assert.ok(bytes <= BYTES, `${bytes - BYTES} bytes too many`);
});

test('the settings are asked for beside the rules and the messages', () =>
  visit(['validator.wasm', 'en.js'], (_, server) => until('the call of the API', () => server.calls.length > 0)));
