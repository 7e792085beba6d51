// `ownpost schema --openapi` and `--asyncapi`: valid by the published schemas of both formats, and true of the server and
// of the template.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { ownpost, settingsOf, startLocal } from '../harness/ownpost.mjs';
import { until } from '../harness/wait.mjs';

const specs = createRequire(import.meta.url)('@asyncapi/specs');
const relaxed = { strict: false, allErrors: true, validateFormats: false };

let openapi, asyncapi, local;
before(async () => {
  const printed = async (option) => JSON.parse((await ownpost(['schema', option])).stdout);
  [openapi, asyncapi] = await Promise.all([printed('--openapi'), printed('--asyncapi')]);
  const provider = { clientId: 'app', clientSecret: 'of-the-application', name: 'Acme ID' };
  const endpoints = {
    authorizeUrl: 'https://id.acme.test/auth',
    tokenUrl: 'https://id.acme.test/token',
    scope: 'mail',
  };
  local = await startLocal({
    env: { OWNPOST_OAUTH_PROVIDERS: JSON.stringify({ acme: { ...provider, ...endpoints } }) },
  });
});
after(() => local?.stop());

test('the OpenAPI document is valid', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(openapi));
  assert.ok(valid, JSON.stringify(errors));
  const broken = { ...structuredClone(openapi), paths: { '/smtp': { get: { responses: { two: {} } } } } };
  assert.equal((await new Validator().validate(broken)).valid, false, 'the check can fail');
});

test('the AsyncAPI document is valid', () => {
  const validator = new Ajv({ ...relaxed, schemas: [] });
  addFormats(validator);
  const schema = specs.schemasWithoutId['3.0.0'];
  const check = validator.compile(schema);
  assert.ok(check(asyncapi), JSON.stringify(check.errors?.slice(0, 5)));
  assert.ok(!check({ ...asyncapi, operations: { emit: { action: 'shout' } } }), 'the check can fail');
});

test('every reference of both documents leads somewhere', () => {
  const walk = (value, root) => {
    if (value === null || typeof value !== 'object') return;
    if (typeof value.$ref === 'string') {
      const found = value.$ref
        .slice(2)
        .split('/')
        .reduce((at, key) => at?.[key.replaceAll('~1', '/')], root);
      assert.ok(found, value.$ref);
    }
    for (const member of Object.values(value)) walk(member, root);
  };
  walk(openapi, openapi);
  walk(asyncapi, asyncapi);
});

test('the template has the routes of the document', () => {
  const template = readFileSync(new URL('../../infra/template.yaml', import.meta.url), 'utf8');
  const declared = template.matchAll(/ApiId: !Ref Api, Method: (\w+), Path: (?:"([^"]+)"|([^,"} ]+))/g);
  const routes = new Set([...declared].map(([, method, quoted, path]) => `${method} ${quoted ?? path}`));
  for (const [path, methods] of Object.entries(openapi.paths)) {
    for (const method of Object.keys(methods)) {
      const route = `${method.toUpperCase()} ${path}`;
      assert.ok(routes.delete(route), `${route} is not in infra/template.yaml`);
    }
  }
  assert.deepEqual([...routes], [], 'routes of the template alone');
});

test('events validate as the router reads them', () => {
  const ajv = new Ajv({ ...relaxed });
  const schema = { ...asyncapi.components.schemas.Event, components: asyncapi.components };
  const check = ajv.compile(schema);
  const event = JSON.parse(readFileSync(new URL('../../infra/events/direct-notification.json', import.meta.url)));
  assert.ok(check(event), JSON.stringify(check.errors));
  assert.ok(!check({ ...event, colour: 'red' }));
  assert.ok(!check({ ...event, recipients: [] }));
});

/** Checks an answer against the document; returns its body. */
function checked(route, answer, text) {
  const [method, path] = route.split(' ');
  const operation = openapi.paths[path][method.toLowerCase()];
  const documented = operation.responses[answer.status];
  assert.ok(documented, `${route} answered ${answer.status}: ${text}`);
  const media = answer.headers.get('content-type')?.split(';')[0];
  if (!documented.content) {
    assert.equal(text, '', route);
    return null;
  }
  const schema = documented.content[media]?.schema;
  assert.ok(schema, `${route} ${answer.status} answered ${media}`);
  if (media === 'text/html') return text;
  if (media === 'application/x-ndjson') return text.trim().split('\n').map(JSON.parse);
  const body = JSON.parse(text);
  const check = new Ajv2020(relaxed).compile({ ...schema, components: openapi.components });
  assert.ok(check(body), `${route} ${answer.status}: ${JSON.stringify(check.errors?.slice(0, 4))}\n${text}`);
  return body;
}

test('what the server answers is in the document', async () => {
  const relay = (await local.relays()).relays.find(({ name }) => name === 'customer');
  const settings = settingsOf(relay);
  const body = JSON.stringify({ tenant: 'acme', email: 'admin@acme.test' });
  const { token } = await (await fetch(`${local.url}/dev/token`, { method: 'POST', body })).json();
  const seen = new Set();
  const call = async (route, { path, body, headers = {}, status } = {}) => {
    const [method, pattern] = route.split(' ');
    const init = { method, headers: { Authorization: `Bearer ${token}`, ...headers } };
    if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await fetch(`${local.url}/api${path ?? pattern}`, init);
    const text = await answer.text();
    if (status) assert.equal(answer.status, status, `${route}: ${text}`);
    seen.add(route);
    return checked(route, answer, text);
  };
  const event = (id, more) => ({
    id,
    tenant: 'acme',
    category: 'notification',
    type: 'comment.created',
    recipients: [{ address: 'jan@example.org' }],
    ...more,
  });

  await call('GET /smtp', { status: 404 });
  await call('GET /smtp', { path: '/smtp?default=1', status: 200 });
  await call('GET /smtp', { headers: { Authorization: 'Bearer x' }, status: 401 });
  await call('POST /smtp/validate', { body: {}, status: 200 });
  await call('POST /smtp/validate', { body: '{', status: 200 });
  await call('POST /smtp/test', { body: {}, status: 422 });
  await call('POST /smtp/test', { body: settings, status: 200 });
  await call('POST /smtp/test', { body: settings, headers: { Accept: 'application/x-ndjson' }, status: 200 });
  await call('PUT /smtp', { body: { ...settings, password: { set: 'wrong' } }, status: 409 });
  await call('POST /smtp/rollback', { status: 409 });
  await call('PUT /smtp', { body: settings, status: 200 });
  await call('GET /smtp', { status: 200 });
  await call('GET /smtp/history', { status: 200 });

  await call('POST /smtp/oauth/start', { body: {}, status: 400 });
  await call('POST /smtp/oauth/start', { body: { provider: 'none' }, status: 404 });
  const begun = await call('POST /smtp/oauth/start', { body: { provider: 'acme' }, status: 200 });
  const state = new URL(begun.url).searchParams.get('state');
  for (const refused of [state, state, 'unknown']) {
    const path = `/smtp/oauth/callback?state=${refused}&error=access_denied`;
    await call('GET /smtp/oauth/callback', { path, status: 400 });
  }

  await call('POST /events', { body: 'not json', status: 400 });
  await call('POST /events', { body: event('e0', { tenant: 'other' }), status: 403 });
  await call('POST /events', { body: event('e0', { recipients: [] }), status: 422 });
  await call('POST /events', { body: `[${'7,'.repeat(10_000)}7]`, status: 413 });
  const bad = { recipients: [{ address: 'jan@example.org' }, { address: 'no address' }] };
  const answer = await call('POST /events', { body: [event('e1'), 7, event('e2', bad)], status: 202 });
  const [id] = answer.accepted[0].deliveries;

  await until('the mail was sent', async () => {
    const { story, ...row } = await call('GET /deliveries/{id}', { path: `/deliveries/${id}`, status: 200 });
    return story.length > 0 && row.status === 'sent';
  });
  await call('GET /deliveries/{id}', { path: '/deliveries/none', status: 404 });
  await call('GET /deliveries', { status: 200 });
  await call('GET /deliveries', { path: '/deliveries?status=lost', status: 400 });
  const failed = answer.accepted[1].deliveries[1];
  await call('POST /deliveries/{id}/resend', { path: `/deliveries/${failed}/resend`, status: 409 });
  await call('POST /deliveries/{id}/cancel', { path: `/deliveries/${id}/cancel`, status: 409 });
  await call('POST /deliveries/resend', { body: {}, status: 400 });
  const since = '2026-01-01T00:00:00Z';
  await call('POST /deliveries/resend', { body: { status: 'failed', since }, status: 202 });
  await call('POST /held/release', { status: 202 });
  await call('DELETE /deliveries', { status: 400 });
  await call('DELETE /deliveries', { path: '/deliveries?recipient=jan@example.org', status: 202 });
  await call('DELETE /smtp', { status: 204 });
  await call('POST /smtp/rollback', { status: 200 });
  await call('DELETE /smtp', { path: '/smtp?forget=2', status: 400 });
  await call('DELETE /smtp', { path: '/smtp?forget=1', status: 204 });

  const all = Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  assert.deepEqual(
    all.filter((route) => !seen.has(route)),
    [],
    'calls that were not made',
  );
});
