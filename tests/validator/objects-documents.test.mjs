// Settings and events in the object API: the reports are the server's and the page module's, byte for byte, and no input
// can make it throw or leave it broken.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { base, dist, locales, serverEventReports, serverOnly, serverReports, validator, vectors } from './support.mjs';

const { default: init, readEvent, readSettings, validate } = await import(new URL('objects/index.js', dist));
await init();
await validator.default();

const file = JSON.parse(readFileSync(new URL('../vectors/events.json', import.meta.url), 'utf8'));
/** With own members alone, `__proto__` among them. */
const merged = (changes) =>
  JSON.parse(
    `{${[file.base, changes]
      .map((part) => JSON.stringify(part).slice(1, -1))
      .filter(Boolean)
      .join(',')}}`,
  );
const events = file.vectors.map(({ event, with: changes, expect }) => ({
  event: changes ? merged(changes) : event,
  expect,
}));

test('every vector of settings, in every language: page module, objects and server say the same', () => {
  const cases = locales.flatMap((locale) =>
    vectors.map(({ settings, options }) => ({ settings, options: { ...options, locale } })),
  );
  const reports = serverReports(
    cases.map(({ settings, options }) => ({ document: JSON.stringify(settings), options })),
  );
  cases.forEach(({ settings, options }, index) => {
    const report = JSON.stringify(validate(settings, options));
    assert.equal(report, JSON.stringify(validator.validate(settings, options)));
    if (!serverOnly.test(reports[index])) assert.equal(report, reports[index]);
    for (const document of [settings, JSON.stringify(settings)]) {
      if (typeof settings === 'string' && document === settings) continue;
      const { settings: stored, ...read } = readSettings(document, options);
      assert.equal(JSON.stringify(read), report);
      assert.equal(stored !== null, read.valid);
    }
  });
});

test('every vector of events has its issues, and the report of the server', () => {
  const reports = serverEventReports(events.map(({ event }) => JSON.stringify(event)));
  events.forEach(({ event, expect }, index) => {
    for (const document of typeof event === 'string' ? [JSON.stringify(event)] : [event, JSON.stringify(event)]) {
      const report = readEvent(document);
      assert.deepEqual(
        report.issues.map(({ field, code, severity }) => [field, code, severity]),
        expect,
      );
      assert.equal(JSON.stringify(report), JSON.stringify(JSON.parse(reports[index])));
    }
  });
});

test('settings are shown as they would be stored, without a secret', () => {
  const given = { ...base, host: 'SMTP.Bücher.example', password: { set: 'hunter2' } };
  const { valid, settings } = readSettings(given);
  assert.equal(valid, true);
  assert.equal(settings.host, 'smtp.xn--bcher-kva.example');
  assert.deepEqual(settings.password, { isSet: true });
  assert.ok(!JSON.stringify(settings).includes('hunter2'));
  assert.equal(readSettings('{').issues[0].code, 'settings.not_json');
});

test('an event is read as JSON.stringify writes it', () => {
  const due = new Date(0);
  const { valid, event } = readEvent({ ...file.base, data: { due, half: '\ud83d', none: undefined, NaN: Number.NaN } });
  assert.equal(valid, true);
  assert.deepEqual(event.data, { due: due.toISOString(), half: '\ufffd', NaN: null });
  assert.equal(readEvent(JSON.stringify({ ...file.base, data: { half: '\ud83d' } })).event.data.half, '\ufffd');
});

test('the event of a report is accepted as the same event', () => {
  for (const { event } of events) {
    const { event: read } = readEvent(event);
    if (read) assert.deepEqual(readEvent(read).event, read);
  }
});

test('__proto__ is a member like any other', () => {
  const { issues } = validate(JSON.parse('{"__proto__": {"x": 1}}'));
  const fix = issues.find(({ code }) => code === 'settings.unknown_key').fix;
  assert.equal(JSON.stringify(fix), '{"__proto__":null}');
  assert.equal(Object.getPrototypeOf(fix), Object.prototype);
  const { event } = readEvent(JSON.parse(JSON.stringify(file.base).replace('"actor"', '"__proto__"')));
  assert.ok(Object.hasOwn(event.data, '__proto__'));
  assert.equal({}.x, undefined);
});

const throwing = () => {
  throw new Error('no');
};
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const nested = (levels, inner = 1) => Array.from({ length: levels }).reduce((value) => ({ a: value }), inner);
const doubling = Array.from({ length: 30 }).reduce((value) => ({ a: value, b: value }), {});
const cyclic = () => {
  const cycle = { list: [] };
  cycle.list.push(cycle);
  return cycle;
};
const hostile = () => [
  undefined,
  null,
  0,
  Number.NaN,
  10n,
  Symbol('x'),
  throwing,
  class {},
  [],
  new Date(),
  new Date(Number.NaN),
  new Map([['host', 'x']]),
  new Set([1]),
  /x/,
  new Uint8Array(1e6),
  new ArrayBuffer(8),
  Promise.resolve(),
  new String('x'),
  revoked(),
  cyclic(),
  nested(5000),
  doubling,
  new Array(4e9),
  new Proxy({}, { ownKeys: throwing }),
  new Proxy([], { get: throwing }),
  new Proxy({}, { get: throwing, getPrototypeOf: throwing, has: throwing }),
  { toJSON: throwing },
  {
    toJSON() {
      return this;
    },
  },
  {
    get x() {
      throw new Error('no');
    },
  },
  Object.create({ host: 'inherited', id: 'inherited' }),
  'x'.repeat(3 << 20),
  '['.repeat(100_000),
  '{"a":'.repeat(100_000),
  '\ud800',
];

test('whatever comes in, a report goes out, and the next one is right', () => {
  const event = JSON.stringify(readEvent(file.base));
  const settings = JSON.stringify(validate(base));
  for (const value of hostile()) {
    const places = [
      value,
      [value],
      ...['id', 'recipients', 'data', 'content'].map((name) => ({ ...file.base, [name]: value })),
      { ...file.base, data: { deep: [value] } },
    ];
    for (const document of places) {
      const report = readEvent(document);
      assert.equal(report.valid, report.event !== null);
      assert.equal(report.valid, !report.issues.some(({ severity }) => severity === 'error'));
    }
    for (const document of [value, ...Object.keys(base).map((name) => ({ ...base, [name]: value }))]) {
      const report = validate(document, value);
      assert.deepEqual(JSON.stringify(report), JSON.stringify(validator.validate(document, value)));
      const { valid, issues } = readSettings(document, value);
      if (typeof document !== 'string') assert.deepEqual({ valid, issues }, report);
    }
    assert.equal(JSON.stringify(readEvent(file.base)), event);
    assert.equal(JSON.stringify(validate(base)), settings);
  }
});

test('the limits, and what is refused at its place', () => {
  const code = (data) => readEvent({ ...file.base, data }).issues.map(({ field, code }) => [field, code]);
  assert.deepEqual(code(nested(125)), []);
  assert.deepEqual(code(nested(127)), [['', 'event.wrong_shape']]);
  assert.deepEqual(code(cyclic()), [['', 'event.wrong_shape']]);
  assert.deepEqual(code(doubling), [['', 'event.too_large']]);
  assert.deepEqual(code({ x: 10n }), [['data.x', 'event.wrong_shape']]);
  assert.deepEqual(code({ x: [new Map()] }), [['data.x[0]', 'event.wrong_shape']]);
  const room = (1 << 20) - JSON.stringify({ ...file.base, data: { x: '' } }).length;
  assert.deepEqual(code({ x: 'é'.repeat(room / 2) }), []);
  assert.deepEqual(code({ x: 'x'.repeat(room + 1) }), [['', 'event.too_large']]);
});

test('the input is only read', () => {
  const watched = new Proxy(JSON.parse(JSON.stringify(file.base)), {
    set: throwing,
    defineProperty: throwing,
    deleteProperty: throwing,
  });
  assert.equal(readEvent(watched).valid, true);
  assert.equal(readEvent(Object.freeze({ ...file.base })).valid, true);
});

test('a polluted prototype changes nothing', () => {
  const before = JSON.stringify([readEvent(file.base), validate(base)]);
  Object.prototype.notAfter = 'tomorrow';
  try {
    assert.equal(JSON.stringify([readEvent(file.base), validate(base)]), before);
  } finally {
    delete Object.prototype.notAfter;
  }
});
