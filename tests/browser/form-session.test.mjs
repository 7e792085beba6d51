// The end of the session at any moment: the page hears of it, the form says it, and goes on after the next sign-in.
import { after, before, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { becomes, until } from '../harness/wait.mjs';
import { ACTIVE, HISTORY, PASSED } from './form-samples.mjs';
import { withForm } from './form-page.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const ENDED = { status: 401, json: { code: 'unauthenticated', status: 401, title: 'Unauthorized' } };
const heard = (page) => page.evaluate(() => window.heard.filter(([name]) => name === 'smtp-unauthorized').length);

/** How the session ends, and how the product signs in again. */
const ENDS = {
  'the API answers 401': {
    end: ({ server }, key) => {
      server.before = server.script[key];
      server.script[key] = ENDED;
    },
    signIn: ({ server }, key) => {
      server.script[key] = server.before;
    },
  },
  'getToken rejects': {
    end: ({ form }) => form.evaluate((element) => (element.getToken = () => Promise.reject(new Error('signed out')))),
    signIn: ({ form }) => form.evaluate((element) => (element.getToken = async () => 'token-of-acme')),
  },
  'getToken throws': {
    end: ({ form }) =>
      form.evaluate((element) => {
        element.getToken = () => {
          throw new Error('signed out');
        };
      }),
    signIn: ({ form }) => form.evaluate((element) => (element.getToken = async () => 'token-of-acme')),
  },
};

/** What is interrupted, and how it is seen that it went on. */
const ACTIONS = {
  'a test': {
    key: 'POST /smtp/test',
    script: { 'POST /smtp/test': { json: PASSED } },
    begin: (at) => at.fillIn().then(() => at.button('test').click()),
    done: ({ form }) => form.locator('.banner.good').waitFor(),
  },
  'an activation': {
    key: 'PUT /smtp',
    script: { 'PUT /smtp': { json: { activated: true, revision: ACTIVE.revision, report: PASSED } } },
    begin: (at) => at.fillIn().then(() => at.button('activate').click()),
    done: ({ form }) => form.locator('.banner.good').waitFor(),
  },
  'a rollback': {
    active: true,
    key: 'POST /smtp/rollback',
    script: { 'POST /smtp/rollback': { json: { activated: true, revision: 'earlier', report: PASSED } } },
    begin: async ({ form, button }) => {
      await button('rollback').click();
      await form.getByRole('button', { name: 'Test and go back' }).click();
    },
    done: ({ form }) => form.locator('.banner.good').waitFor(),
  },
  'a removal': {
    active: true,
    key: 'DELETE /smtp',
    script: { 'DELETE /smtp': { status: 204 } },
    begin: async ({ form, button }) => {
      await button('remove').click();
      await form.getByRole('button', { name: 'Use the platform’s server' }).click();
    },
    done: ({ form }) => form.locator('.banner.good').waitFor(),
  },
  'the history': {
    active: true,
    key: 'GET /smtp/history',
    script: { 'GET /smtp/history': { json: HISTORY } },
    begin: ({ form }) => form.getByText('History', { exact: true }).click(),
    done: ({ form }) => form.locator('.changes').waitFor(),
  },
};

for (const [what, { key, script, active = false, begin, done }] of Object.entries(ACTIONS)) {
  for (const [how, { end, signIn }] of Object.entries(ENDS)) {
    test(`${what} goes on after ${how}`, () =>
      withForm(browser, { active, script }, async (at) => {
        const { form, page, server } = at;
        await end(at, key);
        await begin(at);
        await form.locator('[role=alert]').waitFor();
        await becomes(() => form.locator('[role=alert]').innerText(), /session has ended.*Sign in again/s);
        await until('the page has heard', async () => (await heard(page)) === 1);
        await becomes(
          () => server.calls.filter((call) => call.key === key && call.headers.authorization).length,
          how.includes('401') ? 1 : 0,
        );
        await signIn(at, key);
        if (how.includes('401')) await form.getByRole('button', { name: 'Sign in again' }).click();
        await done(at);
        await becomes(() => form.locator('[role=alert]').count(), 0);
      }));
  }
}

test('the settings are loaded after the sign-in, by the event’s own function, and the form was not shown meanwhile', () =>
  withForm(
    browser,
    { script: { 'GET /smtp': ENDED }, ready: '[role=alert]' },
    async ({ page, form, server, input }) => {
      await becomes(() => form.locator('[role=alert]').innerText(), /session has ended/);
      await becomes(() => input('host').isVisible(), false);
      await page.evaluate(() => {
        document.querySelector('smtp-settings-form').addEventListener('smtp-unauthorized', ({ detail }) => {
          window.retry = detail.retry;
        });
      });
      await form.getByRole('button', { name: 'Sign in again' }).click();
      await until('the event', () => page.evaluate(() => Boolean(window.retry)));
      server.script['GET /smtp'] = { json: ACTIVE };
      await page.evaluate(() => window.retry());
      await form.locator('.status.active').waitFor();
    },
  ));

test('a token that never comes does not hold a test that is stopped', () =>
  withForm(browser, {}, async ({ form, button, fillIn }) => {
    await form.evaluate((element) => (element.getToken = () => new Promise(() => {})));
    await fillIn();
    await button('test').click();
    await button('stop').click();
    await form.getByText('Stopped.').first().waitFor();
  }));

test('an answer of another shape is a problem that is said, never an empty result', () =>
  withForm(browser, {}, async ({ form, server, button, fillIn }) => {
    await fillIn();
    for (const json of [{}, [], 'no', { stages: [null] }, { report: { stages: 'none' } }]) {
      server.script['POST /smtp/test'] = { json };
      await button('test').click();
      await form.locator('[role=alert]').waitFor();
      await becomes(() => form.locator('[role=alert]').innerText(), /service has a problem/, JSON.stringify(json));
      server.script['POST /smtp/test'] = { json: PASSED };
      await button('test').click();
      await form.locator('.banner.good').waitFor();
    }
  }));
