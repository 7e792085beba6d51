// What comes at its own time: options, a language, properties set before the element is defined, clicks that follow one another.
// None of it loses typed text, a click or an event.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { becomes } from '../harness/wait.mjs';
import { withForm } from './form-page.mjs';
import { ACTIVE } from './form-samples.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** What the page was told by `smtp-change`: the codes of each. */
const told = (page) =>
  page.evaluate(() =>
    window.heard
      .filter(([name]) => name === 'smtp-change')
      .map(([, { valid, issues }]) => [valid, ...issues.map(({ code }) => code)]),
  );

test('options that come after the typed text are heard of, once', () =>
  withForm(browser, {}, async ({ page, form, input, fillIn }) => {
    await form.evaluate((element) => {
      element.options = {};
    });
    assert.deepEqual(await told(page), [], 'nothing was changed yet');
    await fillIn({ host: '127.0.0.1', port: '2525' });
    await becomes(async () => (await told(page)).at(-1), [false, 'host.forbidden_address']);
    const before = (await told(page)).length;
    const options = { allowNetworks: ['127.0.0.0/8'] };
    for (let times = 0; times < 3; times += 1)
      await form.evaluate((element, options) => {
        element.options = options;
      }, options);
    assert.deepEqual((await told(page)).slice(before), [[true]]);
    assert.equal(await input('host').inputValue(), '127.0.0.1');
  }));

test('another language, and changes that are dropped, are heard of', () =>
  withForm(browser, { active: true }, async ({ page, form, input, button }) => {
    await button('change').click();
    await input('senderAddress').fill('nobody');
    await becomes(async () => (await told(page)).at(-1), [false, 'senderAddress.invalid']);
    await form.evaluate((element) => {
      element.locale = 'nl';
    });
    await becomes(
      () => page.evaluate(() => window.heard.at(-1)[1].issues[0].message.includes('e-mailadres')),
      true,
      'the message is Dutch',
    );
    await button('discard').click();
    await becomes(async () => (await told(page)).at(-1), [true]);
    const { settings } = await page.evaluate(() => window.heard.at(-1)[1]);
    assert.equal(settings.senderAddress, ACTIVE.settings.senderAddress);
  }));

test('what is typed while a language comes goes on where it was', () =>
  withForm(browser, {}, async ({ page, form, input }) => {
    await input('host').pressSequentially('smtp.example.com');
    for (let times = 0; times < 4; times += 1) await page.keyboard.press('ArrowLeft');
    await form.evaluate((element) => {
      element.locale = 'de';
    });
    await form.locator('.form[lang=de]').waitFor();
    await page.keyboard.type('.mail');
    await becomes(() => input('host').inputValue(), 'smtp.example.mail.com');
  }));

test('the encryption follows the port that was typed, not those on the way to it', () =>
  withForm(browser, {}, async ({ form, input, value }) => {
    await form.evaluate((element) => {
      element.options = { allowPorts: [46512] };
    });
    const security = async () => (await value()).security;
    await input('port').fill('');
    await input('port').pressSequentially('465');
    await becomes(security, 'tls');
    await input('port').pressSequentially('12');
    await becomes(security, 'starttls');
    await input('port').fill('465');
    await becomes(security, 'tls');
    await input('port').fill('25');
    await becomes(security, 'starttls');
  }));

test('an issue that appears does not move the next field away between two clicks', () =>
  withForm(browser, {}, async ({ page, form, input }) => {
    await input('username').fill('mailer');
    await input('host').fill('https://smtp.yourservice.com/');
    const { x, y, height } = await input('username').boundingBox();
    const press = (clickCount) => page.mouse.click(x + 20, y + height / 2, { clickCount, count: 1 });
    await press(1);
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    await press(2);
    const selected = await input('username').evaluate((field) => field.selectionEnd - field.selectionStart);
    assert.equal(selected, 6, 'the double click has met the field');
    await form.locator('[data-path=host] .issue.error').waitFor();
  }));

test('properties set before the element is defined are taken over, all of them', () =>
  withForm(browser, {}, async ({ page, server }) => {
    await page.goto(`${server.origin}/module`);
    const set = await page.evaluate(async () => {
      const form = document.createElement('smtp-settings-form');
      Object.assign(form, { api: '/api', locale: 'fr', name: 'smtp', required: true, getToken: async () => 'early' });
      document.body.append(form);
      await import('/validator/form/index.js');
      return ['api', 'locale', 'name', 'required'].map((name) => form.getAttribute(name));
    });
    assert.deepEqual(set, ['/api', 'fr', 'smtp', '']);
    const early = () => server.calls.filter(({ headers }) => headers.authorization === 'Bearer early');
    await becomes(() => early().map(({ headers }) => headers['accept-language']), ['fr']);
  }));

test('an element that is put back before it has loaded asks once', () =>
  withForm(browser, {}, async ({ page, form, server }) => {
    for (const waits of ['for nothing', 'for its first answer', 'for a token']) {
      let answer;
      server.script['GET /smtp'] = { json: ACTIVE, wait: new Promise((resolve) => (answer = resolve)) };
      const asked = () => server.calls.filter(({ key }) => key === 'GET /smtp').length;
      await page.evaluate(() => document.querySelector('smtp-settings-form').remove());
      const before = asked();
      await page.evaluate((waits) => {
        const form = Object.assign(document.createElement('smtp-settings-form'), { api: '/api' });
        const later = waits === 'for a token';
        if (!later) form.getToken = async () => 'token-of-acme';
        document.body.append(form);
        form.remove();
        document.body.append(form);
        if (later) form.getToken = async () => 'token-of-acme';
      }, waits);
      if (waits === 'for its first answer') {
        await becomes(asked, before + 1);
        await form.evaluate((element) => {
          element.remove();
          document.body.append(element);
        });
      }
      answer();
      await form.locator('.status.active').waitFor();
      assert.equal(asked(), before + 1, waits);
    }
  }));

test('name and required are properties too, as frameworks set them', () =>
  withForm(browser, {}, async ({ form }) => {
    const seen = await form.evaluate((element) => {
      element.name = 'mail';
      element.required = true;
      const set = [element.name, element.getAttribute('name'), element.required, element.hasAttribute('required')];
      element.name = null;
      element.required = false;
      return [...set, element.name, element.hasAttribute('required')];
    });
    assert.deepEqual(seen, ['mail', 'mail', true, true, null, false]);
  }));
