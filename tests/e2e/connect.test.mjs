// "Connect with…" from end to end, by the API: `ownpost local`, a provider and an SMTP server of ../harness/identity.mjs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { simpleParser } from 'mailparser';
import { MAILBOX, SECRET, startIdentity } from '../harness/identity.mjs';
import { everythingWritten } from '../harness/ownpost.mjs';
import { until } from '../harness/wait.mjs';

let identity, local;

before(async () => {
  identity = await startIdentity();
  local = identity.local;
});
after(() => identity?.stop());

/** A browser: follows redirects with its cookies. Ends at the address of `ownpost local`. */
function browser() {
  const jar = new Map();
  return async function go(url, form) {
    for (let hops = 0; hops < 20; hops += 1) {
      const ours = url.startsWith(local.url);
      const answer = await send(url, form, ours ? '' : [...jar].map(([name, value]) => `${name}=${value}`).join('; '));
      for (const cookie of answer.cookies) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
        if (value === '') jar.delete(name);
        else jar.set(name, value);
      }
      if (answer.status < 300 || answer.status >= 400 || ours) return { ...answer, url };
      url = new URL(answer.location, url).href;
      form = undefined;
    }
    throw new Error('too many redirects');
  };
}

async function send(url, form, cookie) {
  if (url.startsWith(local.url)) {
    const answer = await fetch(url, { redirect: 'manual', headers: { 'Accept-Language': 'fr' } });
    const { status, headers } = answer;
    return { status, location: headers.get('location'), headers, text: await answer.text(), cookies: [] };
  }
  const { request } = await import('node:https');
  const body = form && new URLSearchParams(form).toString();
  return new Promise((done, failed) => {
    const asked = request(
      url,
      {
        method: body ? 'POST' : 'GET',
        ca: identity.ca,
        headers: { cookie, ...(body ? { 'content-type': 'application/x-www-form-urlencoded' } : {}) },
      },
      (answer) => {
        let text = '';
        answer.on('data', (bytes) => (text += bytes));
        answer.on('end', () =>
          done({
            status: answer.statusCode,
            location: answer.headers.location,
            text,
            cookies: answer.headers['set-cookie'] ?? [],
          }),
        );
      },
    );
    asked.on('error', failed);
    asked.end(body);
  });
}

/** Signs in at the provider and consents, or refuses; the page that the browser ends at. */
async function signIn(url, { refuse = false } = {}) {
  const go = browser();
  let page = await go(url);
  for (let steps = 0; steps < 5 && !page.url.startsWith(local.url); steps += 1) {
    const prompt = /name="prompt" value="(\w+)"/.exec(page.text)?.[1];
    assert.ok(prompt, page.text);
    if (refuse && prompt === 'consent') {
      page = await go(new URL(/href="([^"]*abort)"/.exec(page.text)[1], page.url).href);
      break;
    }
    page = await go(page.url, { prompt, login: 'noreply', password: 'any' });
  }
  return page;
}

const message = (page) =>
  JSON.parse(
    /data-message="([^"]*)"/
      .exec(page.text)[1]
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&amp;', '&'),
  );

async function start(tenant, headers = {}) {
  const call = await local.as(tenant);
  const { status, body } = await call(
    'POST',
    '/api/smtp/oauth/start',
    { provider: 'acme', username: MAILBOX },
    headers,
  );
  assert.equal(status, 200, JSON.stringify(body));
  return { call, ...body };
}

const draft = (granted) => ({
  host: '127.0.0.1',
  port: identity.port,
  security: 'tls',
  authMethod: 'oauth2',
  username: MAILBOX,
  oauth2: { grant: 'refresh_token', provider: 'acme', refreshToken: { granted } },
  senderAddress: MAILBOX,
});

test('a mailbox is connected, activated, and sends over rotated tokens', async () => {
  const { call, id: attempt, url } = await start('acme');
  assert.match(url, /code_challenge_method=S256/);
  const page = await signIn(url);
  // The caller of `start` has no origin, so the browser is sent on.
  assert.equal(page.status, 302, page.text);
  const fragment = new URLSearchParams(new URL(page.location).hash.slice(1));
  assert.equal(fragment.get('username'), MAILBOX);
  assert.ok(page.location.startsWith(`${local.url}/#`) && attempt);
  const granted = fragment.get('granted');
  const tested = await call('POST', '/api/smtp/test', draft(granted));
  assert.deepEqual([tested.status, tested.body.failure ?? null], [200, null]);
  const other = await local.as('other');
  assert.equal((await other('PUT', '/api/smtp', draft(granted))).body.issues[0].code, 'oauth2.granted_foreign');
  const colleague = await local.as('acme', 'colleague@acme.test');
  assert.equal((await colleague('PUT', '/api/smtp', draft(granted))).body.issues[0].code, 'oauth2.granted_foreign');
  const saved = await call('PUT', '/api/smtp', draft(granted));
  assert.deepEqual([saved.status, saved.body.activated], [200, true], JSON.stringify(saved.body));
  assert.equal((await call('PUT', '/api/smtp', draft(granted))).body.issues[0].code, 'oauth2.granted_used');
  const shown = (await call('GET', '/api/smtp')).body;
  const { provider: connected, clientSecret, refreshToken } = shown.oauth2;
  assert.deepEqual([connected, clientSecret, refreshToken], ['acme', null, { isSet: true }]);
  const event = {
    id: 'e1',
    tenant: 'acme',
    category: 'notification',
    type: 'comment.created',
    recipients: [{ address: 'jan@example.org' }],
    data: { title: 'Connected' },
  };
  assert.equal((await call('POST', '/api/events', event)).status, 202);
  await until('the mail arrived', () => identity.mails.some(({ text }) => text.includes('To: jan@example.org')));
  assert.ok(identity.refreshTokens.size > 1, 'it was rotated');
});

test('the state is used once, and a refused consent is explained', async () => {
  const { url } = await start('second');
  const page = await signIn(url);
  const again = await send(page.url, undefined, '');
  assert.deepEqual([again.status, message(again).problem.code], [400, 'used']);
  const refused = await signIn((await start('third')).url, { refuse: true });
  assert.deepEqual([refused.status, message(refused).problem.code], [400, 'consent']);
  for (const [name, value] of [
    ['referrer-policy', 'no-referrer'],
    ['cache-control', 'no-store'],
  ])
    assert.equal(refused.headers.get(name), value);
  assert.match(refused.headers.get('content-security-policy'), /default-src 'none'; script-src 'sha256-/);
  const unknown = await send(`${local.url}/api/smtp/oauth/callback?state=guess&code=x`, undefined, '');
  assert.equal(unknown.status, 400);
  assert.match(unknown.text, /<html lang="fr">/);
});

/** Posts so many mails to different recipients, ten in each event. */
async function post(name, count) {
  const call = await local.as('acme');
  const events = Array.from({ length: count / 10 }, (_, event) => ({
    id: `${name}-${event}`,
    tenant: 'acme',
    category: 'notification',
    type: 'comment.created',
    recipients: Array.from({ length: 10 }, (_, number) => ({ address: `${name}-${event}${number}@example.org` })),
    data: { title: 'Life' },
  }));
  const { status, body } = await call('POST', '/api/events', events);
  assert.equal(status, 202, JSON.stringify(body));
}

/** The recipients of the mails that have arrived, by the beginning of their address. */
const arrived = (name) =>
  identity.mails.flatMap(({ text }) => /^To: (\S+)@/m.exec(text)?.[1] ?? []).filter((to) => to.startsWith(`${name}-`));

test('ten token lives: a thousand mails, one fetch for each life, and none held, whatever dies meanwhile', async () => {
  const deaths = { 3: 'asked', 7: 'signingIn' };
  for (let life = 1; life <= 10; life += 1) {
    await identity.endLife();
    const fetched = identity.refreshes();
    const dies = deaths[life] && identity.dieAt(deaths[life]);
    await post(`life${life}`, 100);
    if (dies) local = await dies;
    await until(`the mails of life ${life} arrived`, () => arrived(`life${life}`).length >= 100);
    assert.equal(new Set(arrived(`life${life}`)).size, 100, 'each once');
    assert.equal(arrived(`life${life}`).length, 100, 'each once');
    assert.equal(identity.refreshes() - fetched, 1, `life ${life}`);
  }
  const call = await local.as('acme');
  for (const status of ['held', 'failed', 'unknown']) {
    assert.deepEqual((await call('GET', `/api/deliveries?status=${status}`)).body.deliveries, [], status);
  }
});

test('a process that dies between the answer and its store loses the grant, and the admins read what to do', async () => {
  await identity.endLife();
  const dies = identity.dieAt('answering');
  await post('lost', 10);
  local = await dies;
  const call = await local.as('acme');
  const held = async () => (await call('GET', '/api/deliveries?status=held')).body.deliveries;
  await until('the mails are held', async () => (await held()).length === 10);
  const alerts = await until('the admins are alerted', async () => {
    const caught = await local.caught('platform');
    const mails = await Promise.all(caught.map(async ({ id }) => simpleParser(await local.raw(id))));
    const about = mails.filter(({ subject }) => subject.includes('no longer accepts'));
    return about.length > 0 && about;
  });
  assert.match(
    alerts[0].text,
    /The access to the account noreply@acme\.test has expired or was revoked \(invalid_grant\)/,
  );
  assert.match(alerts[0].text, /Connect the mailbox again/);
});

test('no secret is in the log', () => {
  const log = everythingWritten();
  assert.ok(!log.includes(SECRET));
  for (const token of identity.refreshTokens) assert.ok(!log.includes(token));
});
