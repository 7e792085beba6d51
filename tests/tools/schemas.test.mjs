// The schemas for EventBridge's registry: infra/schemas.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv';
import { kept, LONGEST, older, schemas, write } from './schemas.mjs';

const COMMAND = 'OWNPOST_WRITE=1 node --test tests/tools/schemas.test.mjs';
const made = await schemas();
if (process.env.OWNPOST_WRITE) write(made);

test('infra/schemas are made of what the program says', () => {
  assert.deepEqual(kept(), made, `behind: ${COMMAND}`);
});

test('every event is there, with a name, a form and a size that the registry takes', async () => {
  const names = Object.keys(made).map((file) => file.replace('.json', ''));
  for (const emitted of ['Delivery Failed', 'Relay Unhealthy', 'Settings Activated', 'Certificate Expiring']) {
    assert.ok(names.includes(`ownpost@${emitted.replaceAll(' ', '')}`), emitted);
  }
  assert.ok(names.includes('product@Notification'));
  for (const [file, text] of Object.entries(made)) {
    assert.match(file, /^[0-9A-Za-z_.@-]{1,385}$/);
    assert.ok(text.length <= LONGEST, `${file}: ${text.length} characters`);
    const { valid, errors } = await new Validator().validate(JSON.parse(text));
    assert.ok(valid, `${file}: ${JSON.stringify(errors)}`);
    // What OpenAPI 3.0 has not, and a validator of documents does not see.
    assert.doesNotMatch(text, /"(const|\$defs|prefixItems|examples|unevaluatedProperties)":|"type": (\[|"null")/, file);
  }
});

/** ajv with `nullable`, as OpenAPI 3.0 means it. */
function validator(file) {
  const { components } = JSON.parse(made[file]);
  const ajv = new Ajv({ strict: false, validateFormats: false });
  return ajv.compile({ ...components.schemas.AWSEvent.properties.detail, components });
}

test('the schema takes the samples that the router takes, and no other members', () => {
  const check = validator('product@Notification.json');
  const event = JSON.parse(readFileSync(new URL('../../infra/events/direct-notification.json', import.meta.url)));
  assert.ok(check(event), JSON.stringify(check.errors));
  assert.ok(check({ ...event, replyTo: null, thread: null }), JSON.stringify(check.errors));
  assert.ok(!check({ ...event, colour: 'red' }));
  assert.ok(!check({ ...event, category: 'newsletter' }));
  assert.ok(!check({ ...event, recipients: [] }));
});

test('an emitted event keeps its nulls and its lists of values', () => {
  const check = validator('ownpost@RelayRecovered.json');
  const detail = {
    tenant: 'acme',
    host: 'smtp.example.org',
    revision: 'r1',
    since: '2026-11-30T12:00:00Z',
    code: null,
    message: null,
  };
  assert.ok(check(detail), JSON.stringify(check.errors));
  assert.ok(!check({ ...detail, code: 7 }));
});

test('the words of 2020-12 become those of OpenAPI 3.0', () => {
  const cases = [
    [{ type: ['string', 'null'] }, { type: 'string', nullable: true }],
    [{ const: 'a' }, { type: 'string', enum: ['a'] }],
    [
      {
        oneOf: [
          { const: 'a', type: 'string' },
          { const: 'b', type: 'string' },
        ],
      },
      { type: 'string', enum: ['a', 'b'] },
    ],
    [
      { anyOf: [{ $ref: '#/x' }, { type: 'null' }], description: 'd' },
      { type: 'string', nullable: true, description: 'd' },
    ],
    [{ anyOf: [{ $ref: '#/y' }, { type: 'null' }] }, { type: 'string', enum: ['b', null], nullable: true }],
    [{ type: ['integer', 'string'] }, { oneOf: [{ type: 'integer' }, { type: 'string' }] }],
    [{ anyOf: [{ type: 'object' }, { type: 'array' }] }, { anyOf: [{ type: 'object' }, { type: 'array' }] }],
  ];
  const all = { x: { type: 'string' }, y: { const: 'b' } };
  for (const [from, to] of cases) assert.deepEqual(older(from, all), to);
});
