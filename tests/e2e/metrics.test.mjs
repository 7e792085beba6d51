// `/metrics` of `ownpost local`, read back by Prometheus' own parser for Python.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { settingsOf, startLocal } from '../harness/ownpost.mjs';
import { freePort, until } from '../harness/wait.mjs';

const PYTHON = join(import.meta.dirname, '../.venv/bin/python');
const PARSE = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
print(json.dumps({f.name: {"type": f.type, "help": f.documentation,
    "samples": [[s.name, s.labels, s.value] for s in f.samples]} for f in families}))`;

let local, port;

before(async () => {
  port = await freePort();
  local = await startLocal({ args: ['--metrics-port', `${port}`] });
});
after(() => local?.stop());

/** Asks for a path of the metrics' port. */
function ask(path, headers = {}) {
  return new Promise((done, failed) => {
    const asked = request({ host: '127.0.0.1', port, path, headers }, (answer) => {
      let text = '';
      answer.on('data', (bytes) => (text += bytes));
      answer.on('end', () => done({ status: answer.statusCode, type: answer.headers['content-type'], text }));
    });
    asked.on('error', failed);
    asked.end();
  });
}

async function scrape() {
  const { status, type, text } = await ask('/metrics');
  assert.equal(status, 200);
  assert.equal(type, 'text/plain; version=0.0.4; charset=utf-8');
  return JSON.parse(execFileSync(PYTHON, ['-c', PARSE], { input: text }));
}

test('what becomes of mails and tests is counted, and no tenant is named', async () => {
  const empty = await scrape();
  assert.equal(empty.ownpost_sent.type, 'counter');
  assert.deepEqual(
    empty.ownpost_refused.samples.map(([, , value]) => value),
    [0],
  );
  // The platform's own server is looked at as soon as the server runs.
  const passed = (families) => families.ownpost_tests.samples.find(([, { result }]) => result === 'passed')?.[2];
  await until('the test of the platform to be counted', async () => passed(await scrape()) === 1);
  const acme = await local.as('acme');
  const { relays } = await local.relays();
  const relay = relays.find(({ name }) => name === 'customer');
  const settings = settingsOf(relay);
  assert.equal((await acme('PUT', '/api/smtp', settings)).status, 200);
  const wrong = await acme('POST', '/api/smtp/test', { ...settings, password: { set: 'wrong' } });
  assert.equal(wrong.body.ok, false);
  const event = { id: 'e1', tenant: 'acme', category: 'notification', type: 'comment.created', data: {} };
  const recipients = [{ address: 'jan@example.org' }, { address: 'ann@example.org' }];
  assert.equal((await acme('POST', '/api/events', { ...event, recipients })).status, 202);
  assert.equal((await acme('POST', '/api/events', { ...event, id: 'e2', type: '' })).status, 422);
  const found = await until('both mails to be counted', async () => {
    const families = await scrape();
    const sent = families.ownpost_sent.samples;
    return sent.some(([, , mails]) => mails === 2) && families;
  });
  const value = (family, name, labels) =>
    found[family].samples.find(([n, l]) => n === name && Object.entries(labels).every(([k, v]) => l[k] === v))?.[2];
  const mail = { category: 'notification', route: 'relay' };
  assert.equal(found.ownpost_relay_seconds.type, 'histogram');
  assert.equal(value('ownpost_failed', 'ownpost_failed_total', mail), 0, 'shown before the first one');
  assert.equal(value('ownpost_accepted', 'ownpost_accepted_total', { category: 'notification' }), 2);
  assert.equal(value('ownpost_sent', 'ownpost_sent_total', mail), 2);
  assert.equal(value('ownpost_waiting_seconds', 'ownpost_waiting_seconds_count', mail), 2);
  assert.equal(value('ownpost_relay_seconds', 'ownpost_relay_seconds_count', mail), 2);
  assert.equal(value('ownpost_relay_seconds', 'ownpost_relay_seconds_bucket', { ...mail, le: '+Inf' }), 2);
  assert.equal(passed(found), 2);
  assert.equal(value('ownpost_tests', 'ownpost_tests_total', { result: 'failed' }), 1);
  assert.equal(value('ownpost_refused', 'ownpost_refused_total', {}), 1);
  assert.ok(Object.values(found).every(({ help }) => help));
  assert.ok(!(await ask('/metrics')).text.includes('acme'));
});

test('only this machine reads them, and nothing else is at that port', async () => {
  assert.equal((await ask('/metrics', { host: `localhost:${port}` })).status, 200);
  assert.equal((await ask('/metrics', { host: 'evil.test' })).status, 421);
  assert.equal((await ask('/metrics', { origin: 'https://evil.test' })).status, 403);
  for (const path of ['/', '/api/smtp', '/dev/token']) assert.equal((await ask(path)).status, 404, path);
  const answer = await fetch(`${local.url}/metrics`);
  assert.equal(answer.status, 404, 'not beside the API');
});
