// The object API in Node: the reports are the server's, byte for byte, and no input can make it throw or leave it broken.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { dist } from './support.mjs';

let count = 0;
/** A new copy of a module with its own state. */
const fresh = (name) => import(`${new URL(`objects/${name}`, dist)}?${++count}`);
const { default: init, inspect } = await fresh('index.js');
await init();

const folder = new URL('../../validator-wasm/inspect/tests/mails/', import.meta.url);
const mails = readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .map((name) => {
    const text = readFileSync(new URL(name, folder));
    const end = text.indexOf('\n---\n');
    const head = text.subarray(0, end).toString().split('\n');
    const { sender, host, id } = Object.fromEntries(
      head.filter((line) => !line.startsWith('#')).map((line) => line.split(': ')),
    );
    const report = readFileSync(new URL(name.replace('.txt', '.json'), folder), 'utf8');
    return { name, source: text.subarray(end + 5), expected: { sender, host, messageId: id }, report };
  });

test('each mail has the report of the native build', () => {
  assert.ok(mails.length >= 40);
  for (const { name, source, expected, report } of mails) {
    for (const message of [source, source.toString()]) {
      assert.equal(`${JSON.stringify(inspect(message, expected), null, 2)}\n`, report, name);
    }
  }
});

test('the reports are in the asked language', () => {
  const { source, expected } = mails.find(({ name }) => name === 'other-server.txt');
  const messages = ['en', 'fr_BE', 'nl', 'de-AT', 'es', 'xx'].map(
    (locale) => inspect(source, { ...expected, locale }).findings[0].message,
  );
  assert.equal(new Set(messages).size, 5);
  assert.equal(messages[0], messages[5]);
});

test('whatever comes in, a report goes out, and the next one is right', () => {
  const cyclic = {};
  cyclic.sender = cyclic;
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const moved = new Uint8Array(8);
  structuredClone(moved.buffer, { transfer: [moved.buffer] });
  const hostile = [
    undefined,
    null,
    7,
    10n,
    Symbol('x'),
    () => {},
    {},
    [],
    cyclic,
    new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
      },
    ),
    {
      get sender() {
        throw new Error('no');
      },
    },
    revoked.proxy,
    moved,
    { __proto__: { sender: 'x@y.example' } },
    new Uint8Array(3 << 20),
    'x'.repeat(3 << 20),
    'Received: ('.repeat(90_000),
    '\ud800',
    new Uint8Array([0xff, 0xfe, 0x00]),
    `From: a@b.example\n${'Received: from a by b; Mon, 16 Nov 2026 10:00:00 +0000\n'.repeat(10_000)}`,
  ];
  const { source, expected, report } = mails[0];
  for (const value of hostile) {
    for (const [message, asked] of [
      [value, expected],
      [source, value],
    ]) {
      const found = inspect(message, asked);
      assert.ok(Array.isArray(found.findings) && found.hops.length <= 100);
      assert.equal(Object.getPrototypeOf(found), Object.prototype);
    }
    assert.equal(`${JSON.stringify(inspect(source, expected), null, 2)}\n`, report);
  }
});

test('each module loads once, and recovers after a failed load', async () => {
  const bad = new Uint8Array([1, 2, 3]);
  const { default: load, readEvent } = await fresh('index.js');
  assert.throws(() => readEvent({}), /init/);
  await assert.rejects(load({ wasm: bad, inspect: false }));
  await Promise.all([load({ inspect: false }), load({ wasm: bad })]);
  assert.equal(readEvent('{').issues[0].code, 'event.not_json');
  // Its own file, so that a page can load it alone.
  const { default: loadInspect, inspect: read } = await fresh('inspect.js');
  assert.throws(() => read(''), /init/);
  await assert.rejects(loadInspect(bad));
  await Promise.all([loadInspect(), loadInspect(bad)]);
  assert.equal(read('').findings[0].code, 'inspect.not_a_mail');
});

test('without inspect its module is not loaded', async () => {
  const run = `
    import init, { inspect, readEvent } from ${JSON.stringify(new URL('objects/index.js', dist).href)};
    await init({ inspect: false, locales: [] });
    if (readEvent('{').valid !== false) throw new Error('readEvent');
    try { inspect(''); } catch ({ message }) { console.log(message); }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', run], { encoding: 'utf8' });
  assert.equal(stderr, '');
  assert.match(stdout, /init\(\) first, without inspect: false/);
});
