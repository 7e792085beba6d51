// Every state of the form in light and dark, on a desktop and at 360 px (a phone, or 400 % zoom): axe finds nothing
// and no element is out of place, also when zoomed, with larger text, from right to left and in forced colours. With
// PICTURES=1 the test writes the pictures in docs/screenshots again (pngquant makes them small enough to keep).
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, newPage } from '../harness/browser.mjs';
import { becomes } from '../harness/wait.mjs';
import { misplaced } from './geometry.mjs';
import { ACTIVE, HISTORY, MISMATCH, PASSED, REFUSED } from './form-samples.mjs';
import { start } from './form-server.mjs';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const PICTURES = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));
const WIDTHS = { desktop: 1000, phone: 360 };
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
      for (const name of ['In Gmail', 'Encryption and certificate'])
        await at.form.getByText(name, { exact: true }).click();
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

// Other ways to view a page; each begins in the state after the one before.
const OTHERWISE = {
  'from right to left': (page) => page.evaluate(() => (document.documentElement.dir = 'rtl')),
  'in forced colours': (page) => page.emulateMedia({ forcedColors: 'active' }),
  'from left to right again': (page) => page.evaluate(() => (document.documentElement.dir = 'ltr')),
  'with text of twice the size': (page) => page.addStyleTag({ content: ':root { font-size: 30px !important; }' }),
  'at half the width, which is 200 % zoom': (page, width) =>
    page.setViewportSize({ width: Math.max(320, width / 2), height: 400 }),
};

async function assertInPlace(page, form, how) {
  await becomes(() => misplaced(form), [], how);
  const [content, visible] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert.ok(content <= visible, `${how}, nothing is wider than the page: ${content} > ${visible}`);
}

for (const [name, { reach, active, shot }] of Object.entries(STATES)) {
  for (const scheme of ['light', 'dark']) {
    for (const [device, width] of Object.entries(WIDTHS)) {
      test(`${name}, ${scheme}, ${device}`, async () => {
        const server = await start();
        const page = await newPage(browser, {
          viewport: { width, height: 800 },
          colorScheme: scheme,
          reducedMotion: 'reduce',
          bypassCSP: true,
        });
        page.setDefaultTimeout(60_000);
        try {
          if (active) server.script['GET /smtp'] = { json: active === true ? ACTIVE : active };
          await page.goto(server.origin);
          const form = page.locator('smtp-settings-form');
          await form.locator('.status').waitFor();
          await reach?.({ form, server, page });
          await page.addScriptTag({ path: AXE });
          const { violations } = await page.evaluate(() =>
            window.axe.run(document, {
              runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
            }),
          );
          assert.deepEqual(
            violations.map(({ id, nodes }) => [
              id,
              ...nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`),
            ]),
            [],
          );
          await assertInPlace(page, form, 'as it is');
          if (process.env.PICTURES) {
            await form.evaluate((element) => element.shadowRoot.activeElement?.blur());
            const place = shot === 'page' ? page : shot ? form.locator(shot) : page.locator('main');
            await place.screenshot({ path: `${PICTURES}form-${name}-${device}-${scheme}.png` });
          }
          // The places of elements are the same in the dark.
          for (const [how, look] of scheme === 'light' ? Object.entries(OTHERWISE) : []) {
            await look(page, width);
            await assertInPlace(page, form, how);
          }
        } finally {
          await page.context().close();
          await server.close();
        }
      });
    }
  }
}
