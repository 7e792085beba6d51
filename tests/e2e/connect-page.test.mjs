// "Connect with…" as an admin does it: on the page of `ownpost local`, in the window of a real OpenID Connect provider, up to
// a mail that a real SMTP server has taken with the token.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, newPage } from '../harness/browser.mjs';
import { MAILBOX, SECRET, startIdentity } from '../harness/identity.mjs';
import { everythingWritten } from '../harness/ownpost.mjs';
import { fire, signIn } from '../harness/page.mjs';
import { until } from '../harness/wait.mjs';

let browser, identity;

before(async () => {
  [browser, identity] = await Promise.all([launch(), startIdentity()]);
});
after(async () => {
  await browser?.close();
  await identity?.stop();
});

/** Opens the page of a tenant; `use` gets the page and its form. */
async function withPage(tenant, use) {
  // The provider's certificate is of an authority that only this test knows.
  const page = await newPage(browser, { ignoreHTTPSErrors: true });
  page.setDefaultTimeout(60_000);
  try {
    await signIn(page, identity.local.url, { tenant, email: `admin@${tenant}.test` });
    const form = page.locator('smtp-settings-form');
    await form.locator('.connect').waitFor();
    await use(page, form);
    // The provider's own page asks for a font on the internet.
    assert.deepEqual(
      page.problems.filter((problem) => !problem.includes('ERR_NAME_NOT_RESOLVED')),
      [],
    );
  } finally {
    await page.context().close();
  }
}

/** Signs in at the provider, and consents or refuses. */
async function atProvider(window, { refuse = false } = {}) {
  await window.locator('input[name=login]').fill('noreply');
  await window.locator('input[name=password]').fill('any');
  await window.locator('button[type=submit]').click();
  await window.locator('input[value=consent]').waitFor({ state: 'attached' });
  if (refuse) await window.getByRole('link', { name: /cancel/i }).click();
  else await window.locator('button[type=submit]').click();
}

const enterServer = async (form) => {
  await form.getByLabel('Server name').fill('127.0.0.1');
  await form.getByLabel('Port', { exact: true }).fill(String(identity.port));
  await form.getByRole('radio', { name: 'TLS', exact: true }).check();
};

test('a mailbox is connected in a window, activated, and sends', () =>
  withPage('acme', async (page, form) => {
    await enterServer(form);
    const opening = page.waitForEvent('popup');
    await form.getByRole('button', { name: 'Connect with Acme ID' }).click();
    const window = await opening;
    await atProvider(window);
    await form.locator('.connect .new').waitFor();
    assert.match(await form.locator('.connect').innerText(), /Connected with Acme ID as noreply@acme\.test/);
    await until('the window has closed', () => window.isClosed());
    assert.equal(await form.getByLabel('Username').inputValue(), MAILBOX);
    assert.equal(await form.getByLabel('Sender address').inputValue(), MAILBOX);
    await form.getByRole('button', { name: 'Test and activate' }).click();
    await form.locator('.banner').waitFor();
    assert.match(await form.locator('.banner').innerText(), /Your mail server is active/);
    await form.getByText('noreply@acme.test · Acme ID').waitFor();
    await fire(page, 'notification');
    await until('the mail arrived', () => identity.mails.length > 1);
    assert.equal(identity.mails.at(-1).from, MAILBOX);
  }));

test('a refused consent is said in the window and in the form', () =>
  withPage('second', async (page, form) => {
    const opening = page.waitForEvent('popup');
    await form.getByRole('button', { name: 'Connect with Acme ID' }).click();
    const window = await opening;
    await atProvider(window, { refuse: true });
    await form.locator('.connect .banner.bad').waitFor();
    assert.match(await form.locator('.connect .banner').innerText(), /Nobody has consented[\s\S]*Code consent/);
    await window.getByText('Nobody has consented').waitFor();
  }));

test('where the window is blocked, the same tab comes back connected', () =>
  withPage('third', async (page, form) => {
    await enterServer(form);
    await page.evaluate(() => {
      window.open = () => null;
    });
    await form.getByRole('button', { name: 'Connect with Acme ID' }).click();
    await form.getByRole('button', { name: 'Go on in this tab' }).click();
    await atProvider(page);
    await form.locator('.connect .new').waitFor();
    assert.equal(await form.getByLabel('Port', { exact: true }).inputValue(), String(identity.port));
    assert.ok(!page.url().includes('granted'));
  }));

test('no secret is in the log', () => {
  const log = everythingWritten();
  assert.ok(!log.includes(SECRET));
  for (const token of identity.refreshTokens) assert.ok(!log.includes(token));
});
