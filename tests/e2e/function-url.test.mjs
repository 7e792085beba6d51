// The function URL of `settings`: the real `bootstrap` under a Runtime API of the test, with moto in the place of AWS, an
// issuer of tokens and an SMTP server that waits. The stages have to arrive before the test has ended, and nobody comes in
// without a token of the issuer.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Ajv from 'ajv';
import { exportJWK, SignJWT } from 'jose';
import { SMTPServer } from 'smtp-server';
import { authority } from '../harness/certificates.mjs';
import { freePort, until } from '../harness/wait.mjs';

const TESTS = join(import.meta.dirname, '..');
const BOOTSTRAP = join(TESTS, '../target/debug/bootstrap');
const PYTHON = join(TESTS, '.venv/bin');
const PASSWORD = 'hunter2-of-the-relay';
const listening = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));

let folder, moto, id, issuer, key, foreign, smtp, port, runtime, lambda;
/** Lets the SMTP server answer AUTH. */
let answerAuth = () => {};
/** Set while AUTH waits. */
let authWaits = false;
const log = [];

/** The Runtime API: hands out one event at a time, and passes on each answer while it comes. */
class RuntimeApi {
  #next = [];
  #waiting = [];
  #answers = new Map();
  #count = 0;

  constructor() {
    this.server = createHttp((request, response) => this.#handle(request, response));
  }

  #handle(request, response) {
    if (request.url.endsWith('/next')) {
      this.#waiting.push(response);
      this.#hand();
      return;
    }
    const [, name, what] = /invocation\/([^/]+)\/(\w+)$/.exec(request.url) ?? [];
    const answer = this.#answers.get(name);
    answer.mode = request.headers['lambda-runtime-function-response-mode'] ?? 'buffered';
    answer.what = what;
    request.on('data', (bytes) => (answer.bytes = Buffer.concat([answer.bytes, bytes])));
    request.on('end', () => {
      answer.ended = true;
      response.writeHead(202).end('{}');
    });
  }

  #hand() {
    if (this.#next.length === 0 || this.#waiting.length === 0) return;
    const { name, event } = this.#next.shift();
    const headers = {
      'Lambda-Runtime-Aws-Request-Id': name,
      'Lambda-Runtime-Deadline-Ms': `${Date.now() + 30_000}`,
      'Lambda-Runtime-Invoked-Function-Arn': 'arn:aws:lambda:us-east-1:1:function:settings',
    };
    this.#waiting.shift().writeHead(200, headers).end(JSON.stringify(event));
  }

  /** Invokes the function: its answer as it grows. */
  invoke(event) {
    this.#count += 1;
    const name = `request-${this.#count}`;
    const answer = { bytes: Buffer.alloc(0), ended: false };
    this.#answers.set(name, answer);
    this.#next.push({ name, event });
    this.#hand();
    return answer;
  }
}

/** An event as Lambda makes it of a request to a function URL. */
function event(method, path, { token, body, headers = {}, authorizer } = {}) {
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: '',
    headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    requestContext: {
      accountId: 'anonymous',
      apiId: 'abcdefghij',
      domainName: 'abcdefghij.lambda-url.us-east-1.on.aws',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '192.0.2.1' },
      stage: '$default',
      ...(authorizer ? { authorizer } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
    isBase64Encoded: false,
  };
}

/** What has come of a streamed answer: the prelude, and the body so far. */
function parts(answer) {
  const end = answer.bytes.indexOf(Buffer.alloc(8));
  if (end < 0) return undefined;
  return { prelude: JSON.parse(answer.bytes.subarray(0, end)), body: answer.bytes.subarray(end + 8).toString() };
}

async function whole(answer) {
  await until('the answer', () => answer.ended);
  assert.equal(answer.what, 'response', answer.bytes.toString());
  assert.equal(answer.mode, 'streaming');
  return parts(answer);
}

const token = (by = key, audience = 'ownpost') =>
  new SignJWT({ tenant: 'acme', email: 'admin@acme.test' })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime('10m')
    .sign(by.privateKey);

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ownpost-url-'));
  const ca = authority(folder);
  const leaf = ca.issue('leaf', ['IP:127.0.0.1']);
  const tls = { key: readFileSync(leaf.key), cert: readFileSync(leaf.cert) };
  key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...(await exportJWK(key.publicKey)), kid: 'one' };
  id = createServer(tls, (request, response) => {
    const documents = {
      '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/keys` },
      '/keys': { keys: [jwk] },
    };
    response.end(JSON.stringify(documents[request.url] ?? {}));
  });
  issuer = `https://127.0.0.1:${await listening(id)}`;
  smtp = new SMTPServer({
    ...tls,
    secure: true,
    onAuth({ username }, _session, done) {
      authWaits = true;
      answerAuth = () => done(null, { user: username });
    },
    onData(stream, _session, done) {
      stream.resume();
      stream.on('end', () => done());
    },
  });
  smtp.on('error', () => {});
  port = await listening(smtp.server);
  const awsPort = await freePort();
  const endpoint = `http://127.0.0.1:${awsPort}`;
  moto = spawn(join(PYTHON, 'moto_server'), ['--host', '127.0.0.1', '--port', `${awsPort}`], { stdio: 'ignore' });
  await until('moto to listen', () =>
    fetch(endpoint).then(
      () => true,
      () => false,
    ),
  );
  const script = join(TESTS, 'tests/real_aws/deploy.py');
  const made = JSON.parse(execFileSync(join(PYTHON, 'python'), [script, 'parts', endpoint]));
  runtime = new RuntimeApi();
  const api = `127.0.0.1:${await listening(runtime.server)}`;
  const env = {
    PATH: process.env.PATH,
    _HANDLER: 'settings',
    AWS_LAMBDA_RUNTIME_API: api,
    AWS_LAMBDA_FUNCTION_NAME: 'settings',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_ENDPOINT_URL: endpoint,
    OWNPOST_TABLE: made.TableName,
    OWNPOST_QUEUE_URL: made.QueueUrl,
    OWNPOST_EVENT_BUS: made.BusName,
    OWNPOST_STACK: 'shop',
    OWNPOST_JWT_ISSUER: issuer,
    OWNPOST_JWT_AUDIENCE: 'other,ownpost',
    OWNPOST_EXTRA_CA_FILE: ca.file,
    OWNPOST_ALLOW_NETWORKS: '127.0.0.1/32',
    OWNPOST_ALLOW_PORTS: `${port}`,
    RUST_LOG: 'trace',
  };
  lambda = spawn(BOOTSTRAP, [], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  lambda.stdout.on('data', (bytes) => log.push(bytes));
});

after(async () => {
  for (const child of [lambda, moto].filter(Boolean)) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  for (const server of [id, runtime?.server].filter(Boolean)) {
    server.closeAllConnections();
    server.close();
  }
  if (smtp) await new Promise((done) => smtp.close(done));
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const settings = () => ({
  host: '127.0.0.1',
  port,
  security: 'tls',
  username: 'jan',
  password: { set: PASSWORD },
  senderAddress: 'noreply@acme.test',
});

test('the stages of a test arrive while it is under way', async () => {
  const headers = { accept: 'application/x-ndjson' };
  const answer = runtime.invoke(event('POST', '/smtp/test', { token: await token(), body: settings(), headers }));
  await until('AUTH to wait', () => authWaits || answer.ended);
  const stages = () =>
    parts(answer)
      ?.body.split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line).stage);
  // The server has not answered AUTH, and the stages before it are there.
  const before = await until('the stages before AUTH', () => stages()?.includes('ehlo') && stages());
  assert.deepEqual(before, ['resolve', 'connect', 'tls', 'greeting', 'ehlo']);
  assert.equal(answer.ended, false);
  assert.equal(answer.mode, 'streaming');
  answerAuth();
  const { prelude, body } = await whole(answer);
  assert.equal(prelude.statusCode, 200);
  assert.equal(prelude.headers['content-type'], 'application/x-ndjson');
  assert.equal(prelude.headers['cache-control'], 'no-store');
  const lines = body.trim().split('\n').map(JSON.parse);
  assert.equal(lines.at(-1).ok, true, body);
  assert.equal(lines.length, lines.at(-1).stages.length + 1);
});

test('an answer of one piece has its own status', async () => {
  const bearer = await token();
  const shown = await whole(runtime.invoke(event('GET', '/smtp', { token: bearer })));
  assert.equal(shown.prelude.statusCode, 404);
  assert.equal(JSON.parse(shown.body).code, 'not_configured');
  // The rules refuse it before any stage.
  const headers = { accept: 'application/x-ndjson' };
  const invalid = await whole(runtime.invoke(event('PUT', '/smtp', { token: bearer, body: {}, headers })));
  assert.equal(invalid.prelude.statusCode, 422);
  assert.equal(JSON.parse(invalid.body).valid, false);
  const back = await whole(runtime.invoke(event('GET', '/smtp/oauth/callback')));
  assert.equal(back.prelude.statusCode, 400, 'the one call without a token');
});

test('nobody comes in without a token of the issuer, whatever the event says', async () => {
  const authorizer = { jwt: { claims: { tenant: 'acme' } }, lambda: { tenant: 'acme' } };
  const [head, , signature] = (await token()).split('.');
  const other = Buffer.from(JSON.stringify({ iss: issuer, aud: 'ownpost', tenant: 'other', exp: 9e9 })).toString(
    'base64url',
  );
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${other}.`;
  for (const [name, options, code] of [
    ['no token', {}, 'token.required'],
    ['claims of an authoriser', { authorizer }, 'token.required'],
    ['a foreign key', { token: await token(foreign), authorizer }, 'token.invalid'],
    ['another audience', { token: await token(key, 'third') }, 'token.invalid'],
    ['other claims', { token: `${head}.${other}.${signature}` }, 'token.invalid'],
    ['no signature', { token: none }, 'token.invalid'],
  ]) {
    const refused = await whole(runtime.invoke(event('GET', '/smtp', options)));
    assert.equal(refused.prelude.statusCode, 401, name);
    assert.match(refused.prelude.headers['www-authenticate'], /^Bearer/, name);
    assert.equal(JSON.parse(refused.body).code, code, name);
  }
});

test('a request of API Gateway is answered as before', async () => {
  const sample = JSON.parse(readFileSync(join(TESTS, '../infra/events/http-put-smtp.json')));
  sample.body = '{}';
  const answer = runtime.invoke(sample);
  await until('the answer', () => answer.ended);
  assert.equal(answer.mode, 'buffered');
  assert.equal(JSON.parse(answer.bytes).statusCode, 422);
});

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
const text = (longest) => ({ type: 'string', minLength: 1, maxLength: longest });
const EMF = {
  type: 'object',
  required: ['_aws'],
  properties: {
    _aws: {
      type: 'object',
      required: ['Timestamp', 'CloudWatchMetrics'],
      properties: {
        Timestamp: { type: 'integer' },
        CloudWatchMetrics: {
          type: 'array',
          items: {
            type: 'object',
            required: ['Namespace', 'Dimensions', 'Metrics'],
            properties: {
              Namespace: text(1024),
              Dimensions: {
                type: 'array',
                minItems: 1,
                items: { type: 'array', minItems: 1, maxItems: 30, items: text(250) },
              },
              Metrics: {
                type: 'array',
                maxItems: 100,
                items: {
                  type: 'object',
                  required: ['Name'],
                  properties: { Name: text(1024), Unit: { enum: ['Count', 'Milliseconds'] } },
                },
              },
            },
          },
        },
      },
    },
  },
};

test('the metrics in the log have the shape that CloudWatch reads, and nothing else is in there', async () => {
  const lines = () =>
    Buffer.concat(log)
      .toString()
      .split('\n')
      .filter((line) => line.includes('"_aws"'));
  await until('a metric', () => lines().length > 0);
  const valid = new Ajv().compile(EMF);
  for (const line of lines().map(JSON.parse)) {
    assert.ok(valid(line), JSON.stringify(valid.errors));
    const [directive] = line._aws.CloudWatchMetrics;
    for (const name of [...directive.Dimensions.flat(), ...directive.Metrics.map(({ Name }) => Name)])
      assert.ok(name in line, `${name} has no value in ${JSON.stringify(line)}`);
    assert.equal(line.Stack, 'shop');
    assert.ok(!JSON.stringify(line).includes('acme'), 'a metric names nobody');
  }
  const tests = lines()
    .map(JSON.parse)
    .filter((line) => line.Tests);
  assert.deepEqual(
    tests.map(({ Result, Tests }) => [Result, Tests]),
    [['passed', 1]],
  );
  assert.ok(!Buffer.concat(log).includes(PASSWORD), 'no password in the log');
});
