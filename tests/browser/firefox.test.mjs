// The two elements in Firefox: the way to an active server, the summary, the session's end, the ledger.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { launchFirefox } from '../harness/firefox.mjs';
import { becomes, until } from '../harness/wait.mjs';
import { ROWS, ledger } from './deliveries-samples.mjs';
import { ACTIVE, PASSED } from './form-samples.mjs';
import { start } from './form-server.mjs';

const browser = await launchFirefox();
after(() => browser?.close());

/** Opens a page of the test server; `find` looks below the element's shadow root. */
async function withPage({ path = '/', tag = 'smtp-settings-form', script = {} }, use) {
  const server = await start();
  Object.assign(server.script, script);
  const page = await browser.newPage();
  const errors = [];
  // The page has no icon, and its policy lets none be asked for.
  page.on('pageerror', (error) => String(error).includes('/favicon.ico') || errors.push(String(error)));
  try {
    await page.goto(`${server.origin}${path}`);
    const find = (selector) =>
      until(selector, async () => {
        const handle = await page.evaluateHandle(
          (name, inner) => document.querySelector(name).shadowRoot?.querySelector(inner),
          tag,
          selector,
        );
        return handle.asElement();
      });
    const text = (selector) =>
      page.evaluate(
        (name, inner) => document.querySelector(name).shadowRoot?.querySelector(inner)?.textContent ?? '',
        tag,
        selector,
      );
    await use({ page, server, find, text });
    assert.deepEqual(errors, []);
    assert.deepEqual(await page.evaluate(() => window.blocked), []);
  } finally {
    await page.close();
    await server.close();
  }
}

/** Opens a page without an element, and loads a module of the package in it. */
async function withModule(file, use) {
  const server = await start();
  const page = await browser.newPage();
  try {
    await page.goto(`${server.origin}/module`);
    await page.evaluate(async (path) => {
      window.tried = await import(path);
    }, `/validator/${file}`);
    await use(page, server);
  } finally {
    await page.close();
    await server.close();
  }
}

if (browser) {
  for (const file of ['index.js', 'objects/index.js'])
    test(`Firefox: a language that could not be loaded is there after the next init: ${file}`, () =>
      withModule(file, async (page, server) => {
        const init = () =>
          page.evaluate(() =>
            window.tried.default({ locales: ['nl'] }).then(
              () => 'loaded',
              () => 'failed',
            ),
          );
        const message = () =>
          page.evaluate(() => window.tried.validate({ host: 'smtp.gmial.com' }, 'nl').issues[0].message);
        server.lost.add('/validator/locales/nl.js');
        assert.equal(await init(), 'failed');
        assert.match(await message(), /^Did you mean/);
        assert.equal(await init(), 'failed');
        server.lost.clear();
        assert.equal(await init(), 'loaded');
        assert.match(await message(), /^Bedoelde u/);
      }));

  test('Firefox: from an empty form to an active server, and back to its summary', () =>
    withPage({}, async ({ page, server, find, text }) => {
      await find('.status.platform');
      server.script['PUT /smtp'] = () => {
        server.script['GET /smtp'] = { json: ACTIVE };
        return { json: { activated: true, revision: ACTIVE.revision, report: PASSED } };
      };
      const values = {
        host: 'smtp.yourservice.com',
        port: '465',
        username: 'mailer',
        password: 'a-password',
        senderAddress: 'noreply@yourservice.com',
      };
      for (const [name, value] of Object.entries(values)) {
        const input = await find(`#f-${name}`);
        await input.click({ count: 3 });
        await input.type(value);
      }
      await becomes(() => page.evaluate(() => document.querySelector('smtp-settings-form').value.security), 'tls');
      await (await find('[part~="activate-button"]')).click();
      await find('.banner.good');
      await find('.status.active');
      await becomes(() => text('.status'), /smtp\.yourservice\.com:587 · STARTTLS/);
      const { body } = server.calls.find(({ key }) => key === 'PUT /smtp');
      assert.deepEqual(
        [body.host, body.port, body.security, body.password],
        [values.host, 465, 'tls', { set: 'a-password' }],
      );
      const outer = await page.evaluate(() => new FormData(document.querySelector('#outer')).get('smtp'));
      assert.ok(!outer.includes('a-password'));
    }));

  test('Firefox: the session ends in a test, and it goes on', () =>
    withPage({ script: { 'GET /smtp': { json: ACTIVE } } }, async ({ page, server, find, text }) => {
      server.script['POST /smtp/test'] = { status: 401, json: { code: 'unauthenticated', status: 401 } };
      await (await find('[part~="retest-button"]')).click();
      await find('[role=alert]');
      await becomes(() => text('[role=alert]'), /session has ended/);
      server.script['POST /smtp/test'] = { json: PASSED };
      await page.evaluate(() => {
        document.querySelector('smtp-settings-form').getToken = async () => 'token';
      });
      await find('.banner.good');
    }));

  test('Firefox: what comes after the status is loaded again when it is wanted', () =>
    withPage({ script: { 'GET /smtp': { json: ACTIVE } } }, async ({ page, server, find }) => {
      server.script['POST /smtp/test'] = { json: PASSED };
      for (const file of ['index.js', 'messages/en.js']) server.lost.add(`/validator/results/${file}`);
      await page.reload();
      await (await find('[part~="retest-button"]')).click();
      const again = await find('.outcome .banner.bad button');
      server.lost.clear();
      await again.click();
      await find('.banner.good');
    }));

  test('Firefox: the ledger', () =>
    withPage({ path: '/deliveries', tag: 'smtp-deliveries', script: ledger() }, async ({ page, find, text }) => {
      await find('.list > li');
      const count = () =>
        page.evaluate(() => document.querySelector('smtp-deliveries').shadowRoot.querySelectorAll('.mail').length);
      await becomes(count, ROWS.length);
      await (await find('.mail[data-status="failed"] summary')).click();
      await becomes(() => text('.mail[data-status="failed"] .story'), /550 5\.1\.1/);
      await (await find('#filter-status')).select('failed');
      await until('the filter', async () => (await count()) === 1);
    }));
}
