// The rules for secrets that the form takes from the package: the text after a fix for white space, and whether a
// stored secret may be kept.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { base, dist, validator } from './support.mjs';

const { default: init, sameDestination, secretText, validate } = validator;
const { emptyDraft, toSettings } = await import(new URL('src/form/draft.js', dist));

before(() => init());

/** All white space of the rules, up to the last white space of Unicode. */
function whiteSpace() {
  const found = [];
  for (let code = 1; code <= 0xffff; code += 1) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const space = String.fromCharCode(code);
    const { issues } = validate({ ...base, username: `${space}jan` });
    if (issues.some(({ code, fix }) => /whitespace|control/.test(code) && fix?.username === 'jan')) found.push(space);
  }
  return found;
}

test('a fix for white space in a secret makes the text that has no such issue', () => {
  const spaces = whiteSpace();
  assert.ok(spaces.includes(' ') && spaces.includes('\u0085') && spaces.includes('\ufeff'), JSON.stringify(spaces));
  for (const space of spaces) {
    const set = `${space}se${space}cret${space}`;
    assert.equal(secretText({ set, spaces: 'trim' }), `se${space}cret`, JSON.stringify(space));
    assert.equal(secretText({ set, spaces: 'remove' }), 'secret', JSON.stringify(space));
    assert.equal(secretText({ set }), set);
    const password = { set: secretText({ set: `${space}secret`, spaces: 'trim' }) };
    const codes = validate({ ...base, password }).issues.map(({ code }) => code);
    assert.ok(!codes.some((code) => /^password\.(whitespace|control_characters)$/.test(code)), JSON.stringify(codes));
  }
});

test('the text of a secret is returned unchanged, and is empty for other values', () => {
  const long = 'pä🔑'.repeat(1000);
  assert.equal(secretText({ set: `  ${long}\n`, spaces: 'trim' }), long);
  assert.equal(secretText({ set: `p ä ${'\u3000🔑'}`, spaces: 'remove' }), 'pä🔑');
  for (const none of [null, {}, { keep: true }, { set: 5 }, { set: 'a', spaces: 'all' }, 'a', []]) {
    assert.equal(secretText(none), '', JSON.stringify(none));
  }
});

const STORED = { host: 'smtp.example.org', port: 587, security: 'starttls', authMethod: 'password', username: 'jan' };
const OAUTH2 = { ...STORED, authMethod: 'oauth2', oauth2: { tokenUrl: 'https://login.example.org/token' } };

test('a secret may be kept for the same server and account, however they are written', () => {
  for (const [settings, stored] of [
    [STORED, STORED],
    [{ ...STORED, host: 'SMTP.Example.org' }, STORED],
    [{ ...STORED, host: 'smtp.example.org.' }, STORED],
    [
      { ...STORED, host: 'bücher.example' },
      { ...STORED, host: 'xn--bcher-kva.example' },
    ],
    [{ ...STORED, senderAddress: 'other@example.org', ehloName: 'x', password: { keep: true } }, STORED],
    [
      { ...STORED, caPem: ' \n' },
      { ...STORED, caPem: null },
    ],
    [
      { ...STORED, caPem: 'one\r\ntwo\r\n' },
      { ...STORED, caPem: 'one\ntwo' },
    ],
    [
      { host: 'smtp.example.org', username: 'jan' },
      { ...STORED, port: 25 },
    ],
    [
      { ...STORED, port: null, security: null, authMethod: null },
      { ...STORED, port: 25 },
    ],
    [{ ...STORED, oauth2: { tokenUrl: 'https://unused.example' } }, STORED],
    [OAUTH2, { ...OAUTH2, oauth2: { ...OAUTH2.oauth2, clientSecret: { isSet: true }, clientId: 'x' } }],
    [
      { ...STORED, authMethod: 'none' },
      { ...STORED, authMethod: 'none', username: null },
    ],
  ]) {
    assert.equal(sameDestination(settings, stored), true, JSON.stringify([settings, stored]));
    assert.equal(sameDestination(stored, settings), true, JSON.stringify([stored, settings]));
  }
});

test('a secret may not be kept for another server, account or CA, nor for what is none', () => {
  const throws = Object.defineProperty({ ...STORED }, 'host', {
    enumerable: true,
    get() {
      throw new Error('no host');
    },
  });
  for (const other of [
    { ...STORED, host: 'smtp.example.com' },
    { ...STORED, host: 'smtp.example.org ' },
    { ...STORED, host: '' },
    { ...STORED, port: 2525 },
    { ...STORED, port: '587' },
    { ...STORED, port: 587.5 },
    { ...STORED, security: 'tls' },
    { ...STORED, security: 'none' },
    { ...STORED, authMethod: 'none' },
    { ...STORED, username: 'Jan' },
    { ...STORED, caPem: 'one' },
    OAUTH2,
    throws,
    null,
    [],
    'smtp.example.org',
  ]) {
    assert.equal(sameDestination(other, STORED), false, JSON.stringify(other === throws ? 'throws' : other));
    assert.equal(sameDestination(STORED, other), false);
  }
  const elsewhere = { ...OAUTH2, oauth2: { tokenUrl: 'https://other.example.org/token' } };
  assert.equal(sameDestination(elsewhere, OAUTH2), false);
  assert.equal(sameDestination({ ...OAUTH2, oauth2: null }, OAUTH2), false);
  for (const caPem of ['two', 'one\ntwo', 'on\ne', null]) {
    assert.equal(sameDestination({ ...STORED, caPem }, { ...STORED, caPem: 'one' }), false);
    assert.equal(sameDestination({ ...OAUTH2, caPem }, { ...OAUTH2, caPem: 'one' }), false);
  }
  assert.equal(sameDestination(null, null), false);
});

test('neither function changes its arguments', () => {
  const frozen = Object.freeze({ ...STORED, password: Object.freeze({ set: ' a ', spaces: 'trim' }) });
  assert.equal(sameDestination(frozen, frozen), true);
  assert.equal(secretText(frozen.password), 'a');
});

test('the form begins with the defaults of the rules', () => {
  const draft = { ...emptyDraft(), host: STORED.host, username: STORED.username };
  assert.equal(sameDestination(toSettings(draft), { host: STORED.host, username: STORED.username }), true);
});
