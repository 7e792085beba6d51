// `ownpost local --jwt-issuer`: the tokens of a real OpenID Connect provider (oidc-provider) at the real binary, and what an
// outsider tries with tokens of his own.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exportJWK, importJWK, SignJWT, UnsecuredJWT } from 'jose';
import Provider from 'oidc-provider';
import { SMTPServer } from 'smtp-server';
import { authority } from '../harness/certificates.mjs';
import { everythingWritten, ownpost, startLocal } from '../harness/ownpost.mjs';
import { until } from '../harness/wait.mjs';

const PAGE = 'https://app.acme.test';
const PASSWORD = 'hunter2-of-the-relay';
const listening = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));

/** A private key as JWK, with an id. */
async function key(kid, type, options) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...(await exportJWK(privateKey)), kid, use: 'sig' };
}

/** What the next token says beside the standard claims. */
let said = {};

/** A provider whose access tokens are JWTs, by the grant of a program (client_credentials), for any audience. */
function provide(issuer, jwks, alg) {
  return new Provider(issuer, {
    clients: [
      {
        client_id: 'product',
        client_secret: 'secret-of-the-product',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    cookies: { keys: ['one'] },
    extraTokenClaims: () => said,
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: 'events:write',
          audience: resource.slice('urn:'.length),
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg } },
        }),
      },
    },
    jwks,
    ttl: { ClientCredentials: 600 },
  });
}

let folder, ca, tls, id, provider, issuer, keys, smtp, port, local;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ownpost-issuer-'));
  ca = authority(folder);
  const leaf = ca.issue('leaf', ['IP:127.0.0.1']);
  tls = { key: readFileSync(leaf.key), cert: readFileSync(leaf.cert) };
  id = createServer(tls, (request, response) => {
    if (provider) provider.callback()(request, response);
    else response.writeHead(503).end();
  });
  issuer = `https://127.0.0.1:${await listening(id)}`;
  keys = {
    rsa: await key('rsa', 'rsa', { modulusLength: 2048 }),
    ec: await key('ec', 'ec', { namedCurve: 'P-256' }),
  };
  smtp = new SMTPServer({
    ...tls,
    secure: true,
    onAuth: ({ username, password }, _session, done) =>
      username === 'jan' && password === PASSWORD ? done(null, { user: username }) : done(new Error('no')),
    onData(stream, _session, done) {
      stream.resume();
      stream.on('end', () => done());
    },
  });
  smtp.on('error', () => {});
  port = await listening(smtp.server);
  local = await startLocal({
    args: ['--jwt-issuer', issuer, '--jwt-audience', 'ownpost'],
    env: {
      OWNPOST_EXTRA_CA_FILE: ca.file,
      OWNPOST_ADMIN_CLAIM: 'role=admin',
      OWNPOST_READER_CLAIM: 'role=support',
      OWNPOST_ALLOW_ORIGINS: PAGE,
      // For the relay alone: the issuer's server needs neither.
      OWNPOST_ALLOW_NETWORKS: '127.0.0.1/32',
      OWNPOST_ALLOW_PORTS: `${port}`,
    },
  });
});

after(async () => {
  await local?.stop();
  id?.closeAllConnections();
  id?.close();
  if (smtp) await new Promise((done) => smtp.close(done));
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** A token of the provider. */
async function token(claims, audience = 'ownpost') {
  said = claims;
  const { request } = await import('node:https');
  const form = new URLSearchParams({ grant_type: 'client_credentials', resource: `urn:${audience}` });
  const basic = Buffer.from('product:secret-of-the-product').toString('base64');
  const headers = { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' };
  return new Promise((done, failed) => {
    const asked = request(`${issuer}/token`, { method: 'POST', ca: ca.pem, headers }, (answer) => {
      let text = '';
      answer.on('data', (bytes) => (text += bytes));
      answer.on('end', () => {
        const { access_token: found } = JSON.parse(text);
        if (found) done(found);
        else failed(new Error(text));
      });
    });
    asked.on('error', failed);
    asked.end(form.toString());
  });
}

async function call(bearer, method, path, body, headers = {}) {
  const authorization = bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` };
  const answer = await fetch(local.url + path, {
    method,
    headers: { ...authorization, ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  const isProblem = answer.headers.get('content-type') === 'application/problem+json';
  return { status: answer.status, headers: answer.headers, text, code: isProblem ? JSON.parse(text).code : undefined };
}

const ADMIN = { tenant: 'acme', role: 'admin', email: 'admin@acme.test', sub: 'jan' };

test('while the provider is down nobody comes in, and as soon as it is up everybody does', async () => {
  const bearer = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'ec' })
    .sign(await importJWK(keys.ec, 'ES256'));
  const refused = await call(bearer, 'GET', '/api/smtp');
  assert.deepEqual([refused.status, refused.code], [503, 'token.keys_unavailable']);
  assert.ok(Number(refused.headers.get('retry-after')) >= 1);
  provider = provide(issuer, { keys: [keys.rsa, keys.ec] }, 'RS256');
  const good = await token(ADMIN);
  const answer = await until('the keys to be fetched', async () => {
    const found = await call(good, 'GET', '/api/smtp');
    return found.status !== 503 && found;
  });
  assert.deepEqual([answer.status, answer.code], [404, 'not_configured']);
});

test('an admin of the provider tests and saves, and the stages come one by one', async () => {
  for (const alg of ['RS256', 'PS256', 'ES256']) {
    provider = provide(issuer, { keys: [keys.rsa, keys.ec] }, alg);
    const settings = {
      host: '127.0.0.1',
      port,
      security: 'tls',
      username: 'jan',
      password: { set: PASSWORD },
      senderAddress: 'noreply@acme.test',
    };
    const bearer = await token(ADMIN);
    const tested = await call(bearer, 'POST', '/api/smtp/test', settings, { Accept: 'application/x-ndjson' });
    assert.equal(tested.status, 200, tested.text);
    const lines = tested.text.trim().split('\n').map(JSON.parse);
    assert.equal(lines.at(-1).ok, true, `${alg}: ${tested.text}`);
    assert.equal(lines[0].stage, 'resolve');
    const saved = await call(bearer, 'PUT', '/api/smtp', settings);
    assert.equal(saved.status, 200, saved.text);
  }
  const history = await call(await token(ADMIN), 'GET', '/api/smtp/history');
  assert.match(history.text, /"email":"admin@acme\.test"/);
});

test('the claims say which tenant, and what the caller may do', async () => {
  const status = async (claims, method, path, body) => {
    const answer = await call(await token(claims), method, path, body);
    return [answer.status, answer.code];
  };
  assert.deepEqual(await status({ ...ADMIN, tenant: 'other' }, 'GET', '/api/smtp'), [404, 'not_configured']);
  assert.deepEqual(await status({ ...ADMIN, role: 'support' }, 'GET', '/api/smtp'), [200, undefined]);
  assert.deepEqual(await status({ ...ADMIN, role: 'support' }, 'DELETE', '/api/smtp'), [403, 'role.reader']);
  assert.deepEqual(await status({ ...ADMIN, role: 'user' }, 'GET', '/api/smtp'), [403, 'role.missing']);
  assert.deepEqual(await status({ role: 'admin' }, 'GET', '/api/smtp'), [403, 'tenant.missing']);
});

test('tokens that are forged, foreign or old come to nothing', async () => {
  const ec = await importJWK(keys.ec, 'ES256');
  const claims = { iss: issuer, aud: 'ownpost', ...ADMIN };
  const sign = (said, header, by = ec) =>
    new SignJWT(said).setProtectedHeader({ alg: 'ES256', kid: 'ec', ...header }).sign(by);
  const now = Math.floor(Date.now() / 1000);
  const soon = { exp: now + 600 };
  const good = await sign({ ...claims, ...soon });
  assert.equal((await call(good, 'GET', '/api/smtp')).status, 200, 'the one that the others differ from');
  const foreign = await importJWK(await key('ec', 'ec', { namedCurve: 'P-256' }), 'ES256');
  const [head, body, signature] = good.split('.');
  const other = Buffer.from(JSON.stringify({ ...claims, ...soon, tenant: 'other' })).toString('base64url');
  const { d, p, q, dp, dq, qi, ...published } = keys.rsa;
  const secret = new TextEncoder().encode(JSON.stringify(published));
  const bad = {
    'another audience': await token(ADMIN, 'another'),
    'another issuer': await sign({ ...claims, ...soon, iss: 'https://127.0.0.1:1' }),
    'a foreign key': await sign({ ...claims, ...soon }, {}, foreign),
    'an unknown key': await sign({ ...claims, ...soon }, { kid: 'unknown' }, foreign),
    expired: await sign({ ...claims, exp: now - 60 }),
    'not yet valid': await sign({ ...claims, ...soon, nbf: now + 300 }),
    'for ever': await sign(claims),
    'no signature': new UnsecuredJWT({ ...claims, ...soon }).encode(),
    'the public key as a secret': await new SignJWT({ ...claims, ...soon })
      .setProtectedHeader({ alg: 'HS256', kid: 'rsa' })
      .sign(secret),
    'other claims': `${head}.${other}.${signature}`,
    'another purpose': await sign({ ...claims, ...soon }, { typ: 'logout+jwt' }),
    'no token': `${head}.${body}`,
    'a token of `/dev/token`': `${body}.${signature}`,
  };
  for (const [name, bearer] of Object.entries(bad)) {
    const answer = await call(bearer, 'GET', '/api/smtp');
    assert.deepEqual([answer.status, answer.code], [401, 'token.invalid'], name);
    assert.match(answer.headers.get('www-authenticate'), /^Bearer /, name);
  }
  const without = await call(undefined, 'GET', '/api/smtp');
  assert.deepEqual([without.status, without.code], [401, 'token.required']);
  assert.match(without.text, new RegExp(issuer));
});

test('there is no page, no dev token and no embedded relay', async () => {
  for (const [method, path] of [
    ['GET', '/'],
    ['GET', '/page/page.js'],
    ['GET', '/dev/mail'],
    ['GET', '/dev/relays'],
    ['GET', '/dev/mails'],
    ['POST', '/dev/token'],
  ]) {
    assert.equal((await call(undefined, method, path)).status, 404, path);
  }
});

test('pages of the product may call, and no others', async () => {
  const preflight = { 'Access-Control-Request-Method': 'PUT', 'Access-Control-Request-Headers': 'authorization' };
  const asked = await call(undefined, 'OPTIONS', '/api/smtp', undefined, { Origin: PAGE, ...preflight });
  assert.equal(asked.status, 200);
  assert.equal(asked.headers.get('access-control-allow-origin'), PAGE);
  assert.match(asked.headers.get('access-control-allow-methods'), /PUT/);
  assert.match(asked.headers.get('access-control-allow-headers'), /authorization/);
  const bearer = await token(ADMIN);
  const answer = await call(bearer, 'GET', '/api/smtp', undefined, { Origin: PAGE });
  assert.deepEqual([answer.status, answer.headers.get('access-control-allow-origin')], [200, PAGE]);
  const unsigned = await call(undefined, 'GET', '/api/smtp', undefined, { Origin: PAGE });
  assert.equal(unsigned.headers.get('access-control-allow-origin'), PAGE, 'a page can read that it has to sign in');
  for (const origin of ['https://evil.test', 'null', `${PAGE}.evil.test`]) {
    const foreign = await call(bearer, 'GET', '/api/smtp', undefined, { Origin: origin });
    assert.deepEqual([foreign.status, foreign.code], [403, 'request.foreign_origin'], origin);
    assert.equal(foreign.headers.get('access-control-allow-origin'), null, origin);
  }
});

test('what contradicts itself stops the start', async () => {
  for (const [args, env, expected] of [
    [['--jwt-issuer', issuer], {}, /--jwt-audience/],
    [['--jwt-issuer', 'http://id.acme.test', '--jwt-audience', 'x'], {}, /is no issuer/],
    [['--listen', '0.0.0.0'], {}, /--listen needs --jwt-issuer/],
    [[], { OWNPOST_JWT_ISSUER: issuer }, /OWNPOST_JWT_ISSUER: needs OWNPOST_JWT_AUDIENCE/],
  ]) {
    const { code, stderr } = await ownpost(['local', '--port', '0', '--data', join(folder, 'none'), ...args], { env });
    assert.equal(code, 2, stderr);
    assert.match(stderr, expected);
  }
});

test('neither a token nor a password is in the log', async () => {
  const bearer = await token(ADMIN);
  assert.equal((await call(bearer, 'GET', '/api/smtp')).status, 200);
  const log = everythingWritten();
  for (const secret of [bearer, bearer.split('.')[2], PASSWORD]) assert.ok(!log.includes(secret));
});
