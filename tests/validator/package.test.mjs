// Loading the package.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { base, dist } from './support.mjs';

let count = 0;
/** A new copy of the module with its own state. */
const fresh = () => import(`${new URL('index.js', dist)}?${++count}`);

test('loads once, however often it is asked', async () => {
  const { default: init, validate } = await fresh();
  assert.throws(() => validate(base), /init/);
  // The first call gives the place of the WASM; the others join its load.
  await Promise.all([init(), init({ wasm: new Uint8Array([1, 2, 3]) })]);
  await init({ wasm: new Uint8Array([1, 2, 3]) });
  assert.deepEqual(validate(base), { valid: true, issues: [] });
});

test('recovers after a failed load', async () => {
  const { default: init, validate } = await fresh();
  await assert.rejects(init({ wasm: new Uint8Array([1, 2, 3]) }));
  await assert.rejects(init({ wasm: new URL('file:///nowhere/validator.wasm') }));
  await init();
  assert.equal(validate(base).valid, true);
});

test('takes bytes, a module, and addresses of servers with and without the MIME type', async (t) => {
  const bytes = readFileSync(new URL('validator.wasm', dist));
  const server = createServer((request, response) => {
    const found = request.url.startsWith('/validator');
    response.writeHead(found ? 200 : 404, request.url.endsWith('typed') ? { 'content-type': 'application/wasm' } : {});
    response.end(found ? bytes : 'nothing here');
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  t.after(() => server.close());
  const at = `http://127.0.0.1:${server.address().port}`;
  for (const wasm of [
    bytes,
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
    new WebAssembly.Module(bytes),
    Promise.resolve(bytes),
    `${at}/validator?typed`,
    new URL(`${at}/validator`),
    fetch(`${at}/validator?typed`),
  ]) {
    const { default: init, validate } = await fresh();
    await init({ wasm, locales: [] });
    assert.equal(validate(base).valid, true);
  }
  const { default: init } = await fresh();
  await assert.rejects(init({ wasm: `${at}/missing` }), /404/);
});

test('languages that are not loaded are English until they are', async () => {
  const { default: init, validate } = await fresh();
  await init({ locales: [] });
  const english = validate({}).issues[0].message;
  assert.equal(validate({}, 'fr').issues[0].message, english);
  await init({ locales: ['fr-CA'] });
  assert.notEqual(validate({}, 'FR_be').issues[0].message, english);
  assert.equal(validate({}, 'nl').issues[0].message, english);
});
