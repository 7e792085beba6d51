// Loading in a browser: under a strict Content-Security-Policy, without the rules, and after a failure of the
// network.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, newPage } from '../harness/browser.mjs';
import { becomes } from '../harness/wait.mjs';
import { PASSED } from './form-samples.mjs';
import { CSP, start } from './form-server.mjs';
import { withForm } from './form-page.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** A page with only the module, as `window.validator`. */
async function withModule({ csp, context }, use) {
  const server = await start({ csp });
  const page = await newPage(browser, context);
  try {
    await page.goto(`${server.origin}/module`);
    await page.waitForFunction(() => window.validator);
    await use(page);
  } finally {
    await page.context().close();
    await server.close();
  }
}

/** Fails the first request that matches, as a network does; returns a function that counts the requests. */
async function failFirst(page, pattern, times = 1) {
  let count = 0;
  await page.route(pattern, (route) => (++count <= times ? route.abort() : route.continue()));
  return () => count;
}

const check = () =>
  window.validator.validate({ host: 'https://smtp.example.org' }, 'nl').issues.map(({ code }) => code);

test('init and validate need only wasm-unsafe-eval', () =>
  withModule({}, async (page) => {
    await page.evaluate(() => window.validator.default());
    assert.ok((await page.evaluate(check)).includes('host.url'));
    assert.deepEqual(await page.evaluate(() => window.blocked), []);
  }));

test('without wasm-unsafe-eval init reports it, and the form leaves the checks to the server', async () => {
  const csp = CSP.replace(" 'wasm-unsafe-eval'", '');
  await withModule({ csp }, async (page) => {
    const error = await page.evaluate(() => window.validator.default().catch(String));
    assert.match(error, /CompileError|wasm/i);
  });
  const server = await start({ csp });
  const page = await newPage(browser);
  try {
    await page.goto(server.origin);
    const form = page.locator('smtp-settings-form');
    await form.getByText('The instant checks could not be loaded').waitFor();
    server.script['POST /smtp/test'] = { json: PASSED };
    await form.getByLabel('Server name').fill('smtp.yourservice.com');
    await form.getByRole('button', { name: 'Test only' }).click();
    await form.locator('.banner.good').waitFor();
  } finally {
    await page.context().close();
    await server.close();
  }
});

test('init can be tried again after the network has failed, and loads once for all callers', () =>
  withModule({}, async (page) => {
    const asked = await failFirst(page, '**/validator.wasm');
    const init = () =>
      page.evaluate(() =>
        window.validator.default().then(
          () => 'loaded',
          () => 'failed',
        ),
      );
    assert.equal(await init(), 'failed');
    await assert.rejects(page.evaluate(check), /init/);
    assert.equal(
      await page.evaluate(() => Promise.all([1, 2, 3].map(() => window.validator.default())).then(() => 'loaded')),
      'loaded',
    );
    assert.equal(await init(), 'loaded');
    assert.equal(asked(), 2);
    assert.ok((await page.evaluate(check)).includes('host.url'));
  }));

test('the form loads the checks again by a button, and keeps the typed text', () =>
  withForm(browser, {}, async ({ page, form, input, field }) => {
    await failFirst(page, '**/validator.wasm');
    await page.reload();
    await form.getByText('The instant checks could not be loaded').waitFor();
    await input('host').fill('https://smtp.example.org/');
    await input('port').focus();
    await becomes(() => field('host').locator('.issue').count(), 0);
    await form.getByRole('button', { name: 'Try again' }).click();
    await field('host').locator('[data-code="host.url"]').waitFor();
    await becomes(() => form.getByText('The instant checks could not be loaded').count(), 0);
  }));

for (const file of ['index.js', 'messages/en.js'])
  test(`what comes after the status is loaded again when it is wanted: results/${file}`, () =>
    withForm(browser, {}, async ({ page, form, server, button, fillIn }) => {
      const path = `/validator/results/${file}`;
      server.lost.add(path);
      server.script['POST /smtp/test'] = { json: PASSED };
      await page.reload();
      await form.locator('.status').waitFor();
      await fillIn();
      await button('test').click();
      await form.locator('.outcome .banner.bad').waitFor();
      assert.match(await form.locator('.outcome').innerText(), /could not be reached\.[\s\S]*Nothing has been changed/);
      assert.equal(await button('test').getAttribute('aria-disabled'), 'false');
      assert.equal(server.calls.filter(({ key }) => key === 'POST /smtp/test').length, 0);
      server.lost.clear();
      await form.locator('.outcome').getByRole('button', { name: 'Try again' }).click();
      await form.locator('.banner.good').waitFor();
      assert.equal(await form.locator('.stages li[data-status="passed"]').count(), PASSED.stages.length);
    }));

test('the history is loaded again by a button', () =>
  withForm(browser, { active: true }, async ({ page, form, server }) => {
    server.lost.add('/validator/results/index.js');
    server.script['GET /smtp/history'] = { json: { history: [] } };
    await page.reload();
    await form.getByText('History').click();
    await form.locator('.history .banner.bad').waitFor();
    server.lost.clear();
    await form.locator('.history').getByRole('button', { name: 'Try again' }).click();
    await form.getByText('Nothing has been changed yet').waitFor();
  }));

test('a change of the language takes a result along', () =>
  withForm(browser, {}, async ({ form, server, button, fillIn }) => {
    server.script['POST /smtp/test'] = { json: PASSED };
    await fillIn();
    await button('test').click();
    await form.locator('.banner.good').waitFor();
    await form.evaluate((element) => {
      element.locale = 'nl';
    });
    await form.getByText('De test is geslaagd').waitFor();
  }));

test('the form itself loads again by a button', () =>
  withForm(browser, {}, async ({ page, form }) => {
    // After one failure the form asks again by itself.
    await failFirst(page, '**/form/messages/en.js', 2);
    await page.reload();
    await form.getByText('This form could not be loaded').waitFor();
    await form.getByRole('button', { name: 'Try again' }).click();
    await form.locator('.status').waitFor();
  }));
