// For every input there is a report; nothing throws, and the input is not changed.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { base, validator } from './support.mjs';

const { default: init, validate, validateField, suggest, codes } = validator;
await init();

const codesOf = (settings, options) => validate(settings, options).issues.map(({ code }) => code);
const throwing = (name) =>
  Object.defineProperty({ ...base }, name, {
    enumerable: true,
    get() {
      throw new Error('no');
    },
  });
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

test('values that are no settings', () => {
  const values = [
    undefined,
    null,
    true,
    0,
    NaN,
    Infinity,
    1n,
    'text',
    Symbol('s'),
    () => {},
    [],
    new Date(),
    new Map(),
    /x/,
    new Uint8Array(1e6),
    new ArrayBuffer(8),
    revoked(),
    new Proxy(
      {},
      {
        ownKeys() {
          throw 1;
        },
      },
    ),
    Promise.resolve(),
    class {},
  ];
  for (const value of values) {
    const { valid, issues } = validate(value);
    assert.equal(valid, false);
    assert.ok(issues.length > 0);
    assert.ok(Array.isArray(validateField(value, 'host')));
  }
});

test('fields that are no JSON', () => {
  for (const value of [1n, Symbol('s'), () => {}, NaN, revoked(), new Uint8Array(8)]) {
    for (const field of ['host', 'port', 'username', 'password', 'senderAddress', 'routing', 'oauth2']) {
      assert.equal(validate({ ...base, [field]: value }).valid, false, `${field} ${typeof value}`);
    }
  }
  for (const field of Object.keys(base)) {
    assert.ok(codesOf(throwing(field)).length > 0, field);
    assert.ok(validateField(throwing(field), field).length > 0, field);
  }
  assert.deepEqual(codesOf({ ...base, senderName: undefined }), []);
});

test('cycles, depth and size', () => {
  const cycle = { ...base };
  cycle.again = cycle;
  assert.deepEqual(codesOf(cycle), ['settings.too_deep']);
  const wide = { ...base, a: {}, b: {} };
  for (let level = 0, at = wide.a; level < 100; level++) at = at.a = at.b = {};
  assert.deepEqual(codesOf(wide), ['settings.too_deep']);
  let doubling = {};
  for (let level = 0; level < 29; level++) doubling = { a: doubling, b: doubling };
  assert.deepEqual(codesOf({ ...base, x: doubling }), ['settings.too_large']);
  assert.deepEqual(codesOf({ host: 'a'.repeat(1 << 20) }), ['settings.too_large']);
  assert.deepEqual(codesOf({ host: 'a'.repeat(1 << 28) }), ['settings.too_large']);
  assert.deepEqual(codesOf({ ...base, x: new Array(4e9) }), ['settings.too_large']);
  const just = JSON.stringify({ ...base, x: '' }).length;
  assert.deepEqual(codesOf({ ...base, x: 'a'.repeat((1 << 20) - just) }), ['settings.unknown_key']);
  assert.deepEqual(codesOf({ ...base, x: 'a'.repeat((1 << 20) - just + 1) }), ['settings.too_large']);
  const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`k${i}`, 0]));
  assert.equal(codesOf({ ...base, ...many }).length, 1000);
});

test('the input is only read', () => {
  const settings = JSON.parse(JSON.stringify({ ...base, routing: { notification: { via: 'relay' } } }));
  const before = JSON.stringify(settings);
  const watched = new Proxy(settings, {
    set() {
      assert.fail('set');
    },
    defineProperty() {
      assert.fail('define');
    },
    deleteProperty() {
      assert.fail('delete');
    },
  });
  assert.deepEqual(codesOf(watched), []);
  validate(Object.freeze(settings));
  assert.equal(JSON.stringify(settings), before);
});

test('names that mean something to JavaScript', () => {
  const { issues } = validate(JSON.parse(`{"__proto__": {"x": 1}, "constructor": 1, "toString": 2}`));
  const unknown = issues.filter(({ code }) => code === 'settings.unknown_key');
  assert.deepEqual(
    unknown.map(({ field }) => field),
    ['__proto__', 'constructor', 'toString'],
  );
  assert.equal(JSON.stringify(unknown[0].fix), `{"__proto__":null}`);
  assert.equal({}.x, undefined);
});

test('options of any kind', () => {
  const hostile = {
    get locale() {
      throw 1;
    },
    get allowPorts() {
      throw 1;
    },
    allowNetworks: {
      toString() {
        throw 1;
      },
    },
  };
  for (const options of [
    undefined,
    null,
    1,
    '',
    'fr',
    'xx',
    Symbol('s'),
    [],
    () => {},
    {},
    hostile,
    revoked(),
    { locale: 7 },
    { allowPorts: [{}, null, 'x'], allowNetworks: ['', 'x'.repeat(100_000)] },
    { allowPorts: Symbol('s') },
  ]) {
    assert.equal(validate(base, options).valid, true);
  }
  assert.equal(validate({ ...base, port: 3025 }, { allowPorts: [3025] }).valid, true);
  assert.equal(validate({ ...base, port: 3025 }, { allowPorts: '3025' }).valid, true);
});

test('fields of any kind, and suggestions', () => {
  for (const field of [
    undefined,
    null,
    1,
    '',
    '.',
    'host.x',
    '__proto__',
    'toString',
    'a'.repeat(100_000),
    {},
    Object.create(null),
    Symbol('s'),
  ]) {
    assert.ok(Array.isArray(validateField(base, field)));
  }
  for (const text of [undefined, null, 1, {}, '', '@', 'a@b', '\ud800@gmail.com', 'a'.repeat(1e6)]) suggest(text);
  assert.deepEqual(suggest('jan@gmx.de'), {
    host: 'mail.gmx.net',
    port: 587,
    security: 'starttls',
    username: 'jan@gmx.de',
  });
  assert.equal(suggest('jan@example.org'), null);
  assert.equal(new Set(codes()).size, codes().length);
});
