// Every state of the form in light and dark, on a desktop and at 360 px (a phone, or 400 % zoom): axe finds nothing
// and no element is out of place, also when zoomed, with larger text, from right to left and in forced colours. With
// PICTURES=1 the test writes the pictures in docs/screenshots again.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { ACTIVE, BEGUN, CONNECTED, HISTORY, MISMATCH, NO_CONSENT, OFFERED, PASSED, REFUSED } from './form-samples.mjs';
import { start } from './form-server.mjs';
import { BAD, GOOD } from './inspect-samples.mjs';
import { LOOKS, PICTURES, assertAccessible, assertInPlace, assertInPlaceOtherwise, open, picture } from './looks.mjs';

let browser;

before(async () => {
  browser = await launch();
  if (process.env.PICTURES) mkdirSync(PICTURES, { recursive: true });
});
after(() => browser?.close());

const fillIn = async (form) => {
  const values = {
    host: 'smtp.yourservice.com',
    port: '587',
    username: 'mailer',
    password: 'a-password',
    senderAddress: 'noreply@yourservice.com',
    senderName: 'Your Service',
  };
  for (const [path, text] of Object.entries(values)) await form.locator(`#f-${path}`).fill(text);
};
const run =
  (key, answer, part = 'test') =>
  async ({ form, server }) => {
    server.script[key] = answer;
    const change = form.locator('[part~="change-button"]');
    if (await change.isVisible()) await change.click();
    if ((await form.locator('#f-host').inputValue()) === '') await fillIn(form);
    await form.locator(`[part~="${part}-button"]`).click();
  };
const settled = ({ form }) => form.locator('.banner').waitFor();
/** Begins a connection; with a message its window says that, else it is blocked. */
const connect = async ({ form, page, server }, message) => {
  server.script['POST /smtp/oauth/start'] = { json: BEGUN };
  await page.evaluate((said) => {
    window.open = () => said && { location: {}, close() {} };
  }, message);
  await form.getByRole('button', { name: 'Connect with Microsoft' }).click();
  await form.locator('.connect .wait').waitFor();
  if (message) await page.evaluate((said) => window.postMessage(said, '*'), message);
};
const inspect = async ({ form }, source) => {
  await form.getByText('Did it come by your server?', { exact: true }).click();
  await form.locator('.inspector textarea').fill(source);
  await form.locator('.inspector .banner').waitFor();
};

// `reach` leads to the state; `shot` is the part that its picture shows, if not the whole page.
const STATES = {
  empty: {},
  errors: {
    reach: async ({ form }) => {
      await form.locator('#f-host').fill('https://smtp.yourservice.com/');
      await form.locator('#f-port').fill('465');
      await form.locator('#f-username').fill('mailer');
      await form.locator('#f-senderAddress').fill('noreply@yourservice');
      await form.locator('[part~="activate-button"]').click();
    },
  },
  suggestions: {
    reach: async ({ form }) => {
      await form.locator('#f-username').fill('mailer ');
      await form.locator('#f-senderAddress').fill('jan@gmail.com');
      await form.locator('#f-senderName').focus();
      await form.locator('.preset').waitFor();
      await form.locator('#f-host').fill('smtp.gmial.com');
      await form.locator('#f-senderName').focus();
    },
  },
  connect: {
    active: OFFERED,
    reach: async ({ form }) => {
      await form.locator('.connect').waitFor();
      await form.getByText('What happens').click();
    },
  },
  'connect-blocked': {
    active: OFFERED,
    shot: '[part~="section-signin"]',
    reach: async (at) => {
      await connect(at, null);
      await at.form.locator('.wait a').waitFor();
    },
  },
  'connect-refused': {
    active: OFFERED,
    shot: '[part~="section-signin"]',
    reach: async (at) => {
      await connect(at, NO_CONSENT);
      await at.form.locator('.connect .banner').waitFor();
    },
  },
  'connect-new': {
    active: OFFERED,
    shot: '[part~="section-signin"]',
    reach: async ({ form, page, server }) => {
      // From another page, as from the provider: a change of the fragment alone would not load the page.
      await page.goto('about:blank');
      await page.goto(`${server.origin}/#granted=g&provider=microsoft&username=noreply%40acme.test`);
      await form.locator('.connect .new').waitFor();
    },
  },
  connected: {
    active: CONNECTED,
    reach: async ({ form }) => {
      await form.locator('[part~="change-button"]').click();
      await form.locator('.connect .stored').waitFor();
    },
  },
  oauth2: { reach: ({ form }) => form.getByRole('radio', { name: 'OAuth 2.0' }).check() },
  advanced: {
    reach: async ({ form }) => {
      await form.getByText('Which mail goes through your server').click();
      await form.getByText('Advanced', { exact: true }).click();
    },
  },
  running: {
    shot: '.outcome',
    reach: async (at) => {
      await run('POST /smtp/test', { lines: [...PASSED.stages.slice(0, 5), new Promise(() => {})] })(at);
      await at.form.locator('[data-stage=tls][data-status=passed]').waitFor();
    },
  },
  passed: {
    shot: '.outcome',
    reach: async (at) => {
      await run('POST /smtp/test', { json: PASSED })(at);
      await settled(at);
      await at.form.getByText('Encryption and certificate', { exact: true }).click();
    },
  },
  inspected: {
    shot: '.arrival',
    reach: async (at) => {
      await run('POST /smtp/test', { json: PASSED })(at);
      await inspect(at, GOOD);
      await at.form.getByText('Where to find the source').click();
    },
  },
  'inspected-bad': {
    shot: '.arrival',
    reach: async (at) => {
      await run('POST /smtp/test', { json: PASSED })(at);
      await inspect(at, BAD);
    },
  },
  activated: {
    reach: async (at) => {
      await run(
        'PUT /smtp',
        () => {
          at.server.script['GET /smtp'] = { json: ACTIVE };
          return { json: { activated: true, revision: ACTIVE.revision, report: PASSED } };
        },
        'activate',
      )(at);
      await settled(at);
    },
  },
  failed: {
    active: true,
    shot: '.outcome',
    reach: async (at) => {
      await run('PUT /smtp', { status: 409, json: { activated: false, report: REFUSED } }, 'activate')(at);
      await settled(at);
      await at.form.getByText('Transcript', { exact: true }).click();
    },
  },
  mismatch: {
    shot: '.outcome',
    reach: async (at) => {
      await run('POST /smtp/test', { json: MISMATCH })(at);
      await settled(at);
    },
  },
  active: { active: true },
  change: { active: true, reach: ({ form }) => form.locator('[part~="change-button"]').click() },
  history: {
    active: true,
    reach: async ({ form, server }) => {
      server.script['GET /smtp/history'] = { json: HISTORY };
      await form.getByText('History', { exact: true }).click();
      await form.locator('.changes').waitFor();
    },
  },
  'signed-out': {
    shot: '.outcome',
    reach: async (at) => {
      await run('POST /smtp/test', { status: 401, json: { code: 'unauthenticated', status: 401 } })(at);
      await settled(at);
    },
  },
  unhealthy: {
    active: {
      ...ACTIVE,
      health: {
        status: 'unhealthy',
        since: '2026-11-24T09:30:00Z',
        failures: 4,
        code: 'auth.rejected',
        message: 'The server refused the username or the password.',
        probeAt: null,
      },
    },
  },
  confirm: { active: true, shot: 'page', reach: ({ form }) => form.locator('[part~="remove-button"]').click() },
  busy: {
    shot: '.outcome',
    reach: async (at) => {
      await run('POST /smtp/test', {
        status: 429,
        json: { code: 'rate_limited', status: 429, title: 'Too many tests' },
        headers: { 'Retry-After': '40' },
      })(at);
      await settled(at);
    },
  },
};

for (const [name, { reach, active, shot }] of Object.entries(STATES)) {
  for (const look of LOOKS) {
    const { scheme, device } = look;
    test(`${name}, ${scheme}, ${device}`, async () => {
      const server = await start();
      const page = await open(browser, look);
      try {
        if (active) server.script['GET /smtp'] = { json: active === true ? ACTIVE : active };
        await page.goto(server.origin);
        const form = page.locator('smtp-settings-form');
        await form.locator('.status').waitFor();
        await reach?.({ form, server, page });
        await assertAccessible(page);
        await assertInPlace(page, form);
        if (process.env.PICTURES) {
          await form.evaluate((element) => element.shadowRoot.activeElement?.blur());
          const place = shot === 'page' ? page : shot ? form.locator(shot) : page.locator('main');
          await picture(place, `form-${name}`, look);
        }
        await assertInPlaceOtherwise(page, form, look);
      } finally {
        await page.context().close();
        await server.close();
      }
    });
  }
}

test('docs/form.md shows every picture of the elements, and together they stay small', () => {
  const page = readFileSync(new URL('../../docs/form.md', import.meta.url), 'utf8');
  const shown = new Set([...page.matchAll(/src="screenshots\/([^"]+)"/g)].map(([, name]) => name));
  const pictures = readdirSync(PICTURES).filter((name) => /^(form|deliveries)-/.test(name));
  assert.deepEqual(pictures.sort(), [...shown].sort());
  for (const name of Object.keys(STATES)) assert.ok(shown.has(`form-${name}-desktop-light.png`), name);
  const bytes = pictures.reduce((sum, name) => sum + statSync(PICTURES + name).size, 0);
  assert.ok(bytes <= 1_200_000, `${bytes} bytes: every clone carries them`);
});
