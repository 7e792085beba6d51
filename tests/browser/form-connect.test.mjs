// "Connect with…" in the form: the window and what it says, a window that is blocked, refusals, the way by the page's
// address. tests/e2e/connect-page.test.mjs goes the whole way with a real provider.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { becomes } from '../harness/wait.mjs';
import { withForm } from './form-page.mjs';
import { ACTIVE, BEGUN, BROUGHT, CONNECTED, NO_CONSENT, OFFERED, PASSED } from './form-samples.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const START = 'POST /smtp/oauth/start';
const offered = { 'GET /smtp': { json: OFFERED }, [START]: { json: BEGUN } };

/** The provider's page: the test says how it ends. */
const provider = (page) =>
  page
    .context()
    .route('https://id.test/**', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>Sign in</title>' }),
    );

/** Begins with Microsoft; the window that was opened, at the provider. */
async function begin({ page, form }) {
  await provider(page);
  const opening = page.waitForEvent('popup');
  await form.getByRole('button', { name: 'Connect with Microsoft' }).click();
  const opened = await opening;
  await opened.waitForURL(BEGUN.url);
  return opened;
}
const say = (opened, message) => opened.evaluate((data) => window.opener.postMessage(data, '*'), message);

/** A browser that opens no window. */
const block = (page) =>
  page.addInitScript(() => {
    window.open = () => null;
  });

test('a mailbox is connected in a window, tested and activated', () =>
  withForm(browser, { script: offered }, async (at) => {
    const { page, form, server, value, input, field, button } = at;
    await input('senderAddress').fill('noreply@acme.test');
    const opened = await begin(at);
    assert.deepEqual(server.calls.find(({ key }) => key === START).body, {
      provider: 'microsoft',
      username: 'noreply@acme.test',
    });
    await form.locator('.connect').getByText('Go on in the window of Microsoft').waitFor();
    await say(opened, { ...BROUGHT, id: 'of another' });
    await say(opened, { ...BROUGHT, type: 'something else' });
    await say(opened, BROUGHT);
    await becomes(() => opened.isClosed(), true);
    await form.locator('.connect').getByText('Connected with Microsoft as noreply@acme.test').waitFor();
    assert.match(await form.locator('.connect').innerText(), /Not in use yet/);
    const { host, port, security, authMethod, username, senderAddress, oauth2, password } = await value();
    assert.deepEqual(
      [host, port, security, authMethod, username, senderAddress, password],
      ['smtp.office365.com', 587, 'starttls', 'oauth2', 'noreply@acme.test', 'noreply@acme.test', undefined],
    );
    assert.deepEqual(oauth2, {
      grant: 'refresh_token',
      provider: 'microsoft',
      refreshToken: { granted: 'granted-1' },
    });
    assert.equal(await input('oauth2.tokenUrl').isVisible(), false);
    // What the page hears and what its own form gets has nothing of it.
    const heard = await page.evaluate(() =>
      JSON.stringify([window.heard, new FormData(document.querySelector('#outer')).get('smtp')]),
    );
    assert.ok(heard.includes('microsoft') && !heard.includes('granted-1'), heard);
    server.script['PUT /smtp'] = ({ body }) => {
      server.script['GET /smtp'] = { json: CONNECTED };
      assert.deepEqual(body.oauth2, oauth2);
      return { json: { activated: true, revision: ACTIVE.revision, report: PASSED } };
    };
    await button('activate').click();
    await form.locator('.banner.good').waitFor();
    await becomes(() => form.locator('[part="summary"]').innerText(), /noreply@acme\.test · Microsoft/);
    await button('change').click();
    await form.locator('.connect').getByText('Connected with Microsoft as noreply@acme.test').waitFor();
    assert.deepEqual((await value()).oauth2.refreshToken, { keep: true });
    await input('host').fill('smtp.elsewhere.example');
    await form.locator('.connect').getByText('Not connected with Microsoft any more').waitFor();
    assert.equal(await field('oauth2.provider').isVisible(), true);
  }));

test('what the window refuses is said in the form, and it can begin again', () =>
  withForm(browser, { script: offered }, async (at) => {
    const { form } = at;
    const opened = await begin(at);
    await say(opened, NO_CONSENT);
    await form.locator('.connect .banner.bad').waitFor();
    const text = await form.locator('.connect .banner').innerText();
    assert.match(text, /Nobody has consented[\s\S]*ask one of your organisation[\s\S]*Code consent/);
    assert.equal(opened.isClosed(), false, 'the window says it too');
    await opened.close();
    await say(await begin(at), BROUGHT);
    await form.locator('.connect').getByText('Connected with Microsoft as').waitFor();
    await form.getByRole('button', { name: 'Enter it by hand instead' }).click();
    await form.getByLabel('Token address').waitFor();
    assert.equal(await form.locator('.connect .banner').count(), 0);
  }));

test('a blocked window is offered as a link, and its message comes', () =>
  withForm(browser, { script: offered }, async ({ page, form, value }) => {
    await provider(page);
    await block(page);
    await page.reload();
    await form.getByRole('button', { name: 'Connect with Microsoft' }).click();
    await form.locator('.connect').getByText('Your browser has blocked the window of Microsoft').waitFor();
    const opening = page.waitForEvent('popup');
    await form.getByRole('link', { name: 'Open Microsoft' }).click();
    const opened = await opening;
    await opened.waitForURL(BEGUN.url);
    await say(opened, BROUGHT);
    await form.locator('.connect').getByText('Connected with Microsoft as').waitFor();
    assert.equal((await value()).oauth2.refreshToken.granted, 'granted-1');
  }));

test('in the same tab the form comes back with what was typed, and the address has nothing left', () =>
  withForm(browser, { script: offered }, async ({ page, form, server, input, value }) => {
    await provider(page);
    await block(page);
    await page.reload();
    await input('senderName').fill('Acme');
    await input('password').fill('a-password');
    await form.getByRole('button', { name: 'Connect with Microsoft' }).click();
    await form.getByRole('button', { name: 'Go on in this tab' }).click();
    await page.waitForURL(BEGUN.url);
    await page.goto(`${server.origin}/?locale=en#granted=granted-2&provider=microsoft&username=noreply%40acme.test`);
    await form.locator('.connect').getByText('Connected with Microsoft as noreply@acme.test').waitFor();
    assert.equal(new URL(page.url()).hash, '');
    const { senderName, oauth2, password } = await value();
    assert.deepEqual([senderName, oauth2.refreshToken, password], ['Acme', { granted: 'granted-2' }, undefined]);
    assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage)), []);
  }));

test('a fragment of the page itself stays', () =>
  withForm(browser, { script: offered }, async ({ page, form, server }) => {
    await page.goto(`${server.origin}/?locale=nl#/settings&granted=g&provider=google&username=a%40b.example`);
    await form.locator('.connect').getByText('Verbonden met Google als a@b.example').waitFor();
    assert.equal(new URL(page.url()).hash, '#/settings');
  }));

for (const [status, code, said] of [
  [404, 'oauth.provider_unknown', /not set up here any more/],
  [429, 'oauth.rate_limited', /Too many connections[\s\S]*Wait 40 seconds, then try again/],
  [400, 'token.email_missing', /names no e-mail address/],
])
  test(`a refused beginning is explained: ${code}`, () =>
    withForm(browser, { script: offered }, async ({ page, form, server }) => {
      server.script[START] = { status, json: { code, status, title: 'No' }, headers: { 'Retry-After': '40' } };
      const opening = page.waitForEvent('popup');
      await form.getByRole('button', { name: 'Connect with Google' }).click();
      const opened = await opening;
      await becomes(() => opened.isClosed(), true);
      await form.locator('.connect .banner.bad').waitFor();
      assert.match(await form.locator('.connect .banner').innerText(), said);
    }));

test('a session that has ended is said, and it goes on after the next sign-in', () =>
  withForm(browser, { script: offered }, async ({ page, form, server }) => {
    server.script[START] = { status: 401, json: { code: 'unauthenticated', status: 401 } };
    await form.getByRole('button', { name: 'Connect with Google' }).click();
    await form.getByText('Your session has ended').waitFor();
    server.script[START] = { json: BEGUN };
    await provider(page);
    await form.evaluate((element) => {
      element.getToken = async () => 'token';
    });
    await form
      .locator('.connect')
      .getByText(/window of Google/)
      .waitFor();
  }));

test('a provider that ends passwords is connected by one click', () =>
  withForm(browser, { script: offered }, async ({ page, form, input, field }) => {
    await provider(page);
    await input('host').fill('smtp.office365.com');
    await input('username').fill('noreply@acme.test');
    await form.locator('[part~="activate-button"]').click();
    const opening = page.waitForEvent('popup');
    await field('authMethod').getByRole('button', { name: 'Connect with Microsoft' }).click();
    const opened = await opening;
    await opened.waitForURL(BEGUN.url);
    await say(opened, BROUGHT);
    await form.locator('.connect').getByText('Connected with Microsoft as').waitFor();
    await becomes(() => field('authMethod').locator('.issue').count(), 0);
  }));

test('issues of a connection stand at it', () =>
  withForm(browser, { script: offered }, async (at) => {
    const { form, server, button, field } = at;
    await say(await begin(at), BROUGHT);
    await form.locator('.connect').getByText('Connected with Microsoft as').waitFor();
    const issue = {
      field: 'oauth2.refreshToken',
      code: 'oauth2.granted_expired',
      severity: 'error',
      message: 'This connection was not used within an hour. Connect again.',
      params: {},
      fix: null,
    };
    server.script['PUT /smtp'] = { status: 422, json: { valid: false, issues: [issue] } };
    await button('activate').click();
    await field('oauth2.provider').locator('[data-code="oauth2.granted_expired"]').waitFor();
    await becomes(() => at.focused(), 'Connect again');
  }));

test('without providers nothing of it is there', () =>
  withForm(browser, { active: true }, async ({ form, server, button }) => {
    await button('change').click();
    server.script['POST /smtp/test'] = { json: PASSED };
    await button('test').click();
    await form.locator('.banner.good').waitFor();
    assert.equal(await form.locator('.connect').count(), 0);
    assert.equal(await form.getByRole('button', { name: /Connect/ }).count(), 0);
  }));
