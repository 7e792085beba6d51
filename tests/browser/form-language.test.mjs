// A change of the language keeps the state of the form: typed text, the result of a test, and the focus of the admin.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { becomes, until } from '../harness/wait.mjs';
import { MISMATCH, PASSED, REFUSED } from './form-samples.mjs';
import { SECRET, withForm } from './form-page.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const german = async ({ form }) => {
  await form.evaluate((element) => element.setAttribute('locale', 'de'));
  await form.locator('.form[lang=de]').waitFor();
};

test('typed text, open sections and the focus', () =>
  withForm(browser, {}, async (at) => {
    const { form, input, fillIn, focused, value } = at;
    await fillIn();
    await form.getByText('Advanced', { exact: true }).click();
    await input('ehloName').fill('mail.yourservice.com');
    await german(at);
    await becomes(focused, 'f-ehloName');
    await becomes(() => input('ehloName').isVisible(), true);
    await becomes(
      async () => [(await value()).ehloName, (await value()).password.set],
      ['mail.yourservice.com', SECRET],
    );
  }));

test('a failed activation; the server’s text keeps its language', () =>
  withForm(
    browser,
    { active: true, script: { 'PUT /smtp': { status: 409, json: { activated: false, report: REFUSED } } } },
    async (at) => {
      const { form, button } = at;
      await button('change').click();
      await button('activate').click();
      const banner = form.locator('.banner.bad');
      await banner.waitFor();
      await form.getByText('Transcript', { exact: true }).click();
      await german(at);
      const text = await banner.innerText();
      for (const part of ['Der Test ist gescheitert: Anmelden', REFUSED.failure.message, '535 5.7.8'])
        assert.match(text, new RegExp(part));
      await becomes(() => banner.getByText(REFUSED.failure.message).getAttribute('lang'), 'en');
      await becomes(() => form.locator('[data-stage=auth]').getAttribute('data-status'), 'failed');
      await becomes(() => form.locator('.transcript').getAttribute('open'), '');
      await becomes(() => form.getByText('AUTH PLAIN <redacted>').isVisible(), true);
    },
  ));

test('a proven fix, which still continues the activation', () =>
  withForm(
    browser,
    { script: { 'PUT /smtp': { status: 409, json: { activated: false, report: MISMATCH } } } },
    async (at) => {
      const { form, server, button, fillIn } = at;
      await fillIn();
      await button('activate').click();
      await form.locator('.proven').waitFor();
      await german(at);
      server.script['PUT /smtp'] = { json: { activated: true, revision: 'r', report: PASSED } };
      await form.locator('.proven button').click();
      await form.locator('.banner.good').waitFor();
      assert.deepEqual(
        server.calls.filter(({ key }) => key === 'PUT /smtp').map(({ headers }) => headers['accept-language']),
        ['en', 'de'],
      );
    },
  ));

test('a test that still runs', () =>
  withForm(browser, {}, async (at) => {
    const { form, server, button, fillIn } = at;
    let go;
    server.script['POST /smtp/test'] = {
      lines: [
        ...PASSED.stages.slice(0, 3),
        new Promise((resolve) => (go = resolve)),
        ...PASSED.stages.slice(3),
        PASSED,
      ],
    };
    await fillIn();
    await button('test').click();
    const status = (stage) => form.locator(`[data-stage=${stage}]`).getAttribute('data-status');
    await until('the third stage', async () => (await status('greeting')) === 'passed');
    await german(at);
    await becomes(
      async () => [await status('greeting'), await status('ehlo'), await status('tls')],
      ['passed', 'running', 'pending'],
    );
    await becomes(() => button('stop').isVisible(), true);
    go();
    await form.locator('.banner.good').waitFor();
    await becomes(() => form.locator('.banner.good').innerText(), /Der Test/);
  }));

test('the message that the platform’s server is in use again', () =>
  withForm(browser, { active: true, script: { 'DELETE /smtp': { status: 204 } } }, async (at) => {
    const { form, button, server } = at;
    delete server.script['GET /smtp'];
    await button('remove').click();
    await form.getByRole('button', { name: 'Use the platform’s server' }).click();
    await form.locator('.banner.good').waitFor();
    await german(at);
    await becomes(() => form.locator('.banner.good').innerText(), /Plattform/);
  }));
