// OAuth 2 with a real mail server: Postfix, whose Dovecot validates the access tokens (JWTs) by itself, with OAUTHBEARER alone
// (RFC 7628) and with XOAUTH2 alone; beside them a token endpoint that signs such tokens.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { authority } from '../harness/certificates.mjs';
import { everythingWritten, ownpost, throughPool } from '../harness/ownpost.mjs';
import { startPostfix } from '../harness/postfix.mjs';
import { RECIPIENT, RECIPIENTS, SENDER, USERNAME } from '../harness/servers/account.mjs';
import { startDovecot } from '../harness/servers/dovecot.mjs';

const KEY = 'key-with-which-the-provider-signs';
const CLIENT_SECRET = 'secret-of-the-client';
const folder = mkdtempSync(join(tmpdir(), 'ownpost-oauth-'));
/** Each token that the endpoint has given, the claims of the next ones, and how long they live. */
const given = [];
const next = { claims: {}, life: 600 };
let endpoint;
let ca;

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
function token() {
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: USERNAME, iat: now, exp: now + next.life, ...next.claims };
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  given.push(`${signed}.${createHmac('sha256', KEY).update(signed).digest('base64url')}`);
  return given.at(-1);
}

before(async () => {
  ca = authority(folder);
  const files = ca.issue('endpoint', ['IP:127.0.0.1']);
  const tls = { cert: readFileSync(files.cert), key: readFileSync(files.key) };
  endpoint = createServer(tls, async (request, response) => {
    let body = '';
    for await (const bytes of request) body += bytes;
    const right = new URLSearchParams(body).get('client_secret') === CLIENT_SECRET;
    response.writeHead(right ? 200 : 401, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(
        right ? { access_token: token(), token_type: 'Bearer', expires_in: next.life } : { error: 'invalid_client' },
      ),
    );
  });
  await new Promise((done) => endpoint.listen(0, '127.0.0.1', done));
});
after(() => {
  endpoint.closeAllConnections();
  endpoint.close();
  rmSync(folder, { recursive: true });
});

for (const mechanism of ['OAUTHBEARER', 'XOAUTH2']) {
  describe(`Postfix with ${mechanism}`, () => {
    let dovecot;
    let postfix;
    let env;
    before(async () => {
      dovecot = await startDovecot({ mechanism, key: KEY });
      postfix = await startPostfix({
        username: USERNAME,
        password: 'unused',
        sender: SENDER,
        recipients: RECIPIENTS,
        dovecot: dovecot.port,
      });
      env = {
        OWNPOST_ALLOW_NETWORKS: '127.0.0.0/8',
        OWNPOST_ALLOW_PORTS: `${postfix.ports.submission},${endpoint.address().port}`,
        OWNPOST_EXTRA_CA_FILE: ca.file,
      };
    });
    after(() => Promise.all([postfix?.stop(), dovecot?.stop()]));

    const settings = (secret = CLIENT_SECRET) => ({
      host: '127.0.0.1',
      port: postfix.ports.submission,
      security: 'starttls',
      authMethod: 'oauth2',
      username: USERNAME,
      oauth2: {
        grant: 'client_credentials',
        tokenUrl: `https://127.0.0.1:${endpoint.address().port}/token`,
        clientId: 'client',
        clientSecret: { set: secret },
        scope: 'mail',
      },
      senderAddress: SENDER,
      caPem: postfix.caPem,
    });
    const connectivity = async (draft) => {
      const input = JSON.stringify(draft);
      const { stdout, stderr } = await ownpost(['test', '-', '--json', '--to', RECIPIENT], { env, input });
      return stdout === '' ? assert.fail(stderr) : JSON.parse(stdout);
    };

    test('the whole test passes', async () => {
      const report = await connectivity(settings());
      assert.ok(report.ok, `${JSON.stringify(report, null, 1)}\n${postfix.log()}${dovecot.log()}`);
      assert.equal(report.stages.find(({ stage }) => stage === 'auth').detail.mechanism, mechanism);
    });

    test('a token of another account and one that has expired are told from a wrong client', async () => {
      for (const claims of [{ sub: 'another' }, { exp: 1 }]) {
        next.claims = claims;
        const { failure } = await connectivity(settings());
        next.claims = {};
        assert.deepEqual([failure?.code, failure?.field], ['auth.oauth_failed', 'username'], JSON.stringify(failure));
      }
      const { failure } = await connectivity(settings('wrong'));
      assert.deepEqual(
        [failure?.code, failure?.field],
        ['auth.oauth_failed', 'oauth2.clientSecret'],
        JSON.stringify(failure),
      );
    });

    test('a hundred mails leave with one token', async () => {
      const before = given.length;
      const message = (number) =>
        Buffer.from(`Message-ID: <${number}.${mechanism}@customer.test>\r\nSubject: x\r\n\r\nx\r\n`);
      const mails = Array.from({ length: 100 }, (_, number) => ({
        from: SENDER,
        to: RECIPIENT,
        message: message(number).toString('base64'),
      }));
      const outcomes = await throughPool({ settings: settings(), mails }, env);
      assert.ok(
        outcomes.every((outcome) => outcome?.accepted),
        JSON.stringify(outcomes.find((outcome) => !outcome?.accepted)),
      );
      assert.equal(given.length - before, 1);
    });
  });
}

test('no secret and no token is in the log', () => {
  const log = everythingWritten();
  for (const secret of [CLIENT_SECRET, ...given]) assert.ok(!log.includes(secret));
});
