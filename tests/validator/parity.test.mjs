// The browser's report equals the server's, byte for byte.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { base, locales, serverOnly, serverReports, validator, vectors } from './support.mjs';

const { default: init, validate, validateField } = validator;
await init();

function compare(cases) {
  const reports = serverReports(
    cases.map(({ settings, options }) => ({ document: JSON.stringify(settings), options })),
  );
  assert.equal(reports.length, cases.length);
  let compared = 0;
  const differing = [];
  cases.forEach(({ settings, options }, index) => {
    if (serverOnly.test(reports[index])) return;
    compared += 1;
    const report = JSON.stringify(validate(settings, options));
    if (report !== reports[index])
      differing.push(`${JSON.stringify(settings).slice(0, 500)}\n browser ${report}\n server  ${reports[index]}`);
  });
  assert.equal(differing.length, 0, `${differing.length} of ${compared} differ:\n${differing.slice(0, 5).join('\n')}`);
  return compared;
}

test('every vector, in every language', () => {
  for (const locale of locales) {
    const cases = vectors.map(({ settings, options }) => ({ settings, options: { ...options, locale } }));
    assert.ok(compare(cases) > cases.length - 20);
  }
});

test('every vector has its issues, but for those that only the server can find', () => {
  for (const { settings, options, expect } of vectors) {
    const { valid, issues } = validate(settings, options);
    const known = expect.filter(([, code]) => !serverOnly.test(`"${code}"`));
    assert.deepEqual(
      issues.map(({ field, code, severity }) => [field, code, severity]),
      known,
      JSON.stringify(settings),
    );
    assert.equal(
      valid,
      known.every(([, , severity]) => severity !== 'error'),
    );
  }
});

test('validateField gives the issues that validate gives for the field', () => {
  const fields = [
    '',
    ...Object.keys(base),
    'security',
    'authMethod',
    'oauth2',
    'oauth2.tokenUrl',
    'oauth2.refreshToken',
    'senderName',
    'replyTo',
    'ehloName',
    'caPem',
    'routing',
    'routing.notification.via',
    'contacts',
    'contacts.1',
    'hostname',
    '0',
    'zzz',
  ];
  for (const { settings, options } of vectors) {
    const all = validate(settings, options).issues;
    if (all.some(({ field }) => field === '')) continue;
    for (const field of fields) {
      const expected = all.filter((issue) => issue.field === field || (field && issue.field.startsWith(`${field}.`)));
      assert.deepEqual(validateField(settings, field, options), expected, `${field} of ${JSON.stringify(settings)}`);
    }
  }
});

/** A small generator with a seed, so that a failure can be repeated. */
function generator(seed) {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return { next, pick: (list) => list[Math.floor(next() * list.length)] };
}

test('thousands of documents made of pieces that users and attackers type', () => {
  const { next, pick } = generator(20261125);
  const pieces = [
    'smtp',
    'mail',
    'gmail',
    'gmial',
    'example',
    'com',
    'org',
    'de',
    '.',
    '.',
    '.',
    '-',
    '_',
    ':',
    '@',
    '/',
    '://',
    '127',
    '0x7f',
    '0177',
    '1',
    '255',
    '256',
    '10',
    '::1',
    '[',
    ']',
    ' ',
    '\t',
    '\n',
    '\0',
    '\u00a0',
    '\u200b',
    '\u202e',
    'ü',
    'ß',
    'İ',
    'ſ',
    'a\u0301',
    '１',
    '。',
    '．',
    'п',
    'α',
    '中',
    'か',
    '한',
    'א',
    'ا',
    '\u200d',
    '\u00ad',
    '🦀',
    '\ud800',
    '\udc00',
    'xn--',
    'xn--mnchen-3ya',
    'localhost',
    '<',
    '>',
    '"',
    '\\',
    '(',
    "'",
    '+',
    '•',
    '*',
    '{suggestion}',
    '%',
    '?',
    '#',
    'a'.repeat(60),
    '\ufffd',
    '́',
    'ℂ',
    '㏂',
    '①',
  ];
  const text = () => Array.from({ length: 1 + Math.floor(next() * 7) }, () => pick(pieces)).join('');
  const scalar = () =>
    pick([null, true, false, 0, 25, 465, 587, 587.5, -1, 1e21, '587', '465', {}, [], text(), text(), text()]);
  const fields = [
    'host',
    'port',
    'security',
    'authMethod',
    'username',
    'password',
    'oauth2',
    'senderAddress',
    'senderName',
    'replyTo',
    'ehloName',
    'caPem',
    'routing',
    'contacts',
  ];
  const inner = [
    'set',
    'keep',
    'spaces',
    'isSet',
    'grant',
    'tokenUrl',
    'clientId',
    'clientSecret',
    'refreshToken',
    'scope',
    'notification',
    'user-invitation',
    'via',
    'onFailure',
    '7',
    '__proto__',
    'constructor',
  ];
  const object = (names, depth) => {
    const made = Object.create(null);
    for (let count = Math.floor(next() * 5); count > 0; count--) {
      made[pick(names)] = depth > 0 && next() < 0.5 ? object(inner, depth - 1) : scalar();
    }
    return made;
  };
  const cases = [];
  for (let count = 0; count < 4000; count++) {
    const settings = Object.assign(Object.create(null), base);
    for (let changes = 1 + Math.floor(next() * 3); changes > 0; changes--) {
      settings[pick(next() < 0.9 ? fields : [...inner, text()])] = next() < 0.25 ? object(inner, 3) : scalar();
    }
    if (next() < 0.6) settings[pick(['host', 'senderAddress', 'replyTo', 'ehloName'])] = text();
    if (next() < 0.2) settings.contacts = Array.from({ length: Math.floor(next() * 7) }, text);
    cases.push({ settings, options: { locale: pick(locales) } });
  }
  const compared = compare(cases);
  assert.ok(compared > 3500, `${compared} compared`);
});

test('no value turns the sentence around it or hides in it', () => {
  const points = [...Array(0x10000).keys()].filter((point) => point < 0xd800 || point > 0xdfff);
  for (let point = 0xe0000; point < 0xe1000; point++) points.push(point);
  for (let point = 0x1bc00; point < 0x1d200; point++) points.push(point);
  const cases = [];
  for (let at = 0; at < points.length; at += 6400) {
    const settings = { ...base };
    // After a letter, since a number would come first in an object.
    for (let from = at; from < Math.min(at + 6400, points.length); from += 64)
      settings[`k${from}${String.fromCodePoint(...points.slice(from, from + 64))}`] = 1;
    cases.push({ settings, options: {} });
  }
  compare(cases);
  const { issues } = validate({ ...base, 'ho\u202est\u200b': 'x' });
  assert.equal(issues[0].params.key, 'ho\u202est\u200b');
  assert.match(issues[0].message, /ho\ufffdst\ufffd/);
  for (const { settings, options } of cases) {
    for (const { message } of validate(settings, options).issues)
      assert.doesNotMatch(message, /[\p{Cc}\p{DI}\u2028\u2029]/u);
  }
});
