// The parts of docs/howto/publish-events.md for Node, Python and the command line, run against moto; HTTP against `ownpost
// local`. Those for Rust are run by the suite `real`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CreateEventBusCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { startLocal } from '../harness/ownpost.mjs';
import { freePort, until } from '../harness/wait.mjs';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/howto/publish-events.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, code }));
const of = (name) => blocks.filter(({ language }) => language === name).map(({ code }) => code);
const folder = mkdtempSync(join(tmpdir(), 'ownpost-publish-'));
const settings = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
let emulator, endpoint, local, queue, bus, env;

before(async () => {
  const port = await freePort();
  endpoint = `http://127.0.0.1:${port}`;
  emulator = spawn(join(root, 'tests/.venv/bin/moto_server'), ['--host', '127.0.0.1', '--port', String(port)], {
    stdio: 'ignore',
  });
  await until('the emulator', async () => (await fetch(`${endpoint}/moto-api/`).catch(() => ({}))).ok);
  bus = new EventBridgeClient({ ...settings, endpoint });
  queue = new SQSClient({ ...settings, endpoint });
  await bus.send(new CreateEventBusCommand({ Name: 'shop' }));
  await queue.send(new CreateQueueCommand({ QueueName: 'shop-events' }));
  // As the stack: the bus's events go to the events queue without their wrapping.
  const pattern = { Name: 'r', EventBusName: 'shop', EventPattern: JSON.stringify({ source: ['my.product'] }) };
  await bus.send(new PutRuleCommand(pattern));
  const Targets = [{ Id: 'q', Arn: 'arn:aws:sqs:us-east-1:123456789012:shop-events', InputPath: '$.detail' }];
  await bus.send(new PutTargetsCommand({ Rule: 'r', EventBusName: 'shop', Targets }));
  local = await startLocal();
  const headers = { 'Content-Type': 'application/json' };
  const body = JSON.stringify({ tenant: 'acme', email: 'admin@acme.test' });
  const { token } = await (await fetch(`${local.url}/dev/token`, { method: 'POST', headers, body })).json();
  // Version 1 of the command line takes the address for SQS as an option alone.
  const aws = join(root, 'tests/.venv-tools/bin/aws');
  writeFileSync(join(folder, 'aws'), `#!/bin/sh\nexec '${aws}' --endpoint-url '${endpoint}' "$@"\n`, { mode: 0o755 });
  const bin = join(root, 'tests/.venv-tools/bin');
  env = {
    PATH: `${folder}:${bin}:${process.env.PATH}`,
    HOME: folder,
    BUS: 'shop',
    QUEUE: `${endpoint}/123456789012/shop-events`,
    API: `${local.url}/api`,
    TOKEN: token,
  };
  Object.assign(env, { AWS_ENDPOINT_URL: endpoint, AWS_DEFAULT_REGION: 'us-east-1', AWS_REGION: 'us-east-1' });
  Object.assign(env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
});
after(async () => {
  emulator?.kill();
  bus?.destroy();
  queue?.destroy();
  await local?.stop();
  rmSync(folder, { recursive: true });
});

const event = (id) => ({ ...JSON.parse(readFileSync(join(root, 'infra/events/direct-notification.json'))), id });

/** Runs a program to its end with the environment of the page. */
async function run(program, args) {
  const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said += bytes));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, said);
  return said;
}

/** The next event on the queue. */
async function next() {
  let found;
  await until('an event on the queue', async () => {
    const { Messages = [] } = await queue.send(new ReceiveMessageCommand({ QueueUrl: env.QUEUE, WaitTimeSeconds: 1 }));
    [found] = Messages;
    return found;
  });
  await queue.send(new DeleteMessageCommand({ QueueUrl: env.QUEUE, ReceiptHandle: found.ReceiptHandle }));
  // moto takes no notice of `InputPath`.
  const body = JSON.parse(found.Body);
  return body.source === 'my.product' ? body.detail : body;
}

/** Whether `ownpost local` has a row of the event. */
async function accepted(id) {
  const answer = await fetch(`${env.API}/deliveries?event=${id}`, {
    headers: { authorization: `Bearer ${env.TOKEN}` },
  });
  const { deliveries } = await answer.json();
  assert.equal(deliveries.length, 1, id);
}

test('Python', async () => {
  const [code, ...others] = of('python');
  assert.equal(others.length, 0);
  writeFileSync(join(folder, 'publish.py'), code);
  const call = (way, id, more = '') =>
    run('python', [
      '-c',
      `import json, publish; publish.${way}(json.loads('''${JSON.stringify(event(id))}''')${more})`,
    ]);
  await call('on_eventbridge', 'py-bus');
  assert.deepEqual(await next(), event('py-bus'));
  await call('on_sqs', 'py-queue');
  assert.deepEqual(await next(), event('py-queue'));
  await call('by_http', 'py-http', `, '${env.TOKEN}'`);
  await accepted('py-http');
});

test('the command line', async () => {
  const [onBus, onQueue, byHttp] = of('sh');
  for (const [code, id] of [
    [onBus, 'sh-bus'],
    [onQueue, 'sh-queue'],
    [byHttp, 'sh-http'],
  ]) {
    writeFileSync(join(folder, 'event.json'), JSON.stringify(event(id)));
    await run('sh', ['-ec', code]);
    if (id === 'sh-http') await accepted(id);
    else assert.deepEqual(await next(), event(id));
  }
});

test('Node, by the clients of AWS', async () => {
  const [, onBus, onQueue] = of('js');
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(join(import.meta.dirname, 'node_modules/@aws-sdk'), join(folder, 'node_modules/@aws-sdk'));
  for (const [name, code, id] of [
    ['onEventBridge', onBus, 'js-bus'],
    ['onSqs', onQueue, 'js-queue'],
  ]) {
    writeFileSync(join(folder, `${name}.mjs`), code);
    const call = `import { ${name} } from './${name}.mjs'; await ${name}(${JSON.stringify(JSON.stringify(event(id)))});`;
    writeFileSync(join(folder, 'run.mjs'), call);
    await run(process.execPath, ['run.mjs']);
    assert.deepEqual(await next(), event(id));
  }
});

test('a part is run by a suite, or its first line says that it is not', () => {
  const languages = new Set(blocks.map(({ language }) => language));
  assert.deepEqual([...languages].sort(), ['csharp', 'go', 'java', 'js', 'python', 'rust', 'sh']);
  for (const language of ['csharp', 'go', 'java']) {
    for (const code of of(language)) assert.match(code, /^\/\/ Not run by a suite\./, language);
  }
});
