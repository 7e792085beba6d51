// The command line against a real Postfix.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import PostalMime from 'postal-mime';
import { everythingWritten, ownpost } from '../harness/ownpost.mjs';
import { draftFor } from '../harness/page.mjs';
import { startPostfix } from '../harness/postfix.mjs';
import { until } from '../harness/wait.mjs';

const PASSWORD = 'Tr0ub4dor & "3"';
const WRONG = 'a-wrong-guess-at-it';
const STAGES = ['resolve', 'connect', 'greeting', 'ehlo', 'tls', 'auth', 'sender', 'recipient', 'message'];

let postfix;
let env;
let schemas;
before(async () => {
  postfix = await startPostfix({ password: PASSWORD, sender: 'noreply@customer.test' });
  const { submission, smtps } = postfix.ports;
  env = { OWNPOST_ALLOW_NETWORKS: '127.0.0.0/8', OWNPOST_ALLOW_PORTS: `${submission},${smtps}` };
  schemas = JSON.parse((await ownpost(['schema'])).stdout);
});
after(() => postfix?.stop());

/** The settings, as the command line reads them. */
const settings = (security, password) => {
  const draft = draftFor(postfix, { security, password });
  return { ...draft, password: { set: password } };
};

for (const security of ['starttls', 'tls']) {
  test(`ownpost test, ${security}: prints every stage, and its JSON keeps to the schema`, async () => {
    const input = JSON.stringify(settings(security, PASSWORD));
    const args = ['test', '-', '--to', 'admin@acme.test'];
    const table = await ownpost(args, { env, input });
    assert.equal(table.code, 0, table.stdout + table.stderr);
    for (const stage of STAGES) assert.match(table.stdout, new RegExp(`\\b${stage}\\b`), stage);

    const { code, stdout } = await ownpost([...args, '--json'], { env, input });
    const report = JSON.parse(stdout);
    assert.equal(code, 0);
    assert.equal(report.ok, true);
    assert.deepEqual(report.stages.map(({ stage }) => stage).toSorted(), STAGES.toSorted());
    assertValid('TestReport', report);
  });
}

test('ownpost test, wrong password: names the stage, the reply and the remedy, and exits with 1', async () => {
  const input = JSON.stringify(settings('starttls', WRONG));
  const { code, stdout } = await ownpost(['test', '-', '--json'], { env, input });
  const report = JSON.parse(stdout);
  assert.equal(code, 1);
  assert.equal(report.failure.code, 'auth.rejected');
  assert.equal(report.failure.stage, 'auth');
  assert.equal(report.failure.smtp.code, 535);
  assert.ok(report.failure.remedy.length > 0);
  assertValid('TestReport', report);
});

test('ownpost send: a mail for each recipient through the given settings', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ownpost-send-'));
  const file = join(folder, 'settings.json');
  writeFileSync(file, JSON.stringify(settings('starttls', PASSWORD)), { mode: 0o600 });
  const event = {
    id: 'evt_1',
    tenant: 'acme',
    category: 'rights-request',
    type: 'request.received',
    recipients: [{ address: 'jan@example.org', name: 'Jan' }, { address: 'ann@example.org' }],
    data: { actor: 'Ann', title: 'Access to my data', url: 'https://app.example/requests/1' },
  };
  const { code, stdout, stderr } = await ownpost(['send', '-', '--json', '--settings', file], {
    env,
    input: JSON.stringify(event),
  });
  rmSync(folder, { recursive: true });
  assert.equal(code, 0, stderr);
  const { deliveries } = JSON.parse(stdout);
  assert.deepEqual(
    deliveries.map(({ recipient, status }) => [recipient, status]),
    [
      ['jan@example.org', 'sent'],
      ['ann@example.org', 'sent'],
    ],
  );
  const ids = new Set(deliveries.map(({ messageId }) => messageId.replace(/^<|>$/g, '')));
  assert.equal(ids.size, 2);
  const mails = await until('both mails', async () => {
    const mails = await Promise.all(postfix.mails().map((raw) => PostalMime.parse(raw)));
    const ours = mails.filter((mail) => ids.has(mail.messageId.replace(/^<|>$/g, '')));
    return ours.length === 2 && ours;
  });
  for (const mail of mails) assert.equal(mail.from.address, postfix.sender);
});

test('no password was written anywhere', () => {
  const output = everythingWritten();
  for (const secret of [PASSWORD, WRONG]) {
    const plain = Buffer.from(`\0${postfix.username}\0${secret}`).toString('base64');
    for (const text of [secret, JSON.stringify(secret).slice(1, -1), Buffer.from(secret).toString('base64'), plain]) {
      assert.ok(!output.includes(text), 'a password was written');
    }
  }
});

/** Checks the value against the published schema of that name. */
function assertValid(name, value) {
  const ajv = new Ajv2020({ allErrors: true, strict: false });
  addFormats(ajv);
  const valid = ajv.validate({ $defs: schemas.$defs, $ref: `#/$defs/${name}` }, value);
  assert.ok(valid, JSON.stringify(ajv.errors, null, 2));
}
