// Every state of the form in light and dark, on a desktop and at 360 px (a phone, or 400 % zoom): nothing that axe
// finds, nothing that needs sideways scrolling. With PICTURES=1 the pictures in docs/screenshots are made anew (pngquant makes
// them small enough to keep).
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, newPage } from '../harness/browser.mjs';
import { ACTIVE, MISMATCH, PASSED, REFUSED } from './form-samples.mjs';
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
  const values = { host: 'smtp.yourservice.com', port: '587', username: 'mailer', password: 'a-password', senderAddress: 'noreply@yourservice.com', senderName: 'Your Service' };
  for (const [path, text] of Object.entries(values)) await form.locator(`#f-${path}`).fill(text);
};
const run = (key, answer, part = 'test') => async ({ form, server }) => {
  server.script[key] = answer;
  if ((await form.locator('#f-host').inputValue()) === '') await fillIn(form);
  await form.locator(`[part~="${part}-button"]`).click();
};
const settled = ({ form }) => form.locator('.banner').waitFor();

// `shot` is what the picture shows, if one is kept; `keep` in which looks.
const STATES = {
  empty: { shot: 'main', keep: ['desktop-light', 'desktop-dark'] },
  errors: {
    shot: 'main', keep: ['desktop-light', 'phone-dark'],
    reach: async ({ form }) => {
      await form.locator('#f-host').fill('https://smtp.yourservice.com/');
      await form.locator('#f-port').fill('465');
      await form.locator('#f-username').fill('mailer');
      await form.locator('#f-senderAddress').fill('noreply@yourservice');
      await form.locator('[part~="activate-button"]').click();
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
    shot: '.outcome', keep: ['desktop-light'],
    reach: async (at) => {
      await run('POST /smtp/test', { lines: [...PASSED.stages.slice(0, 5), new Promise(() => {})] })(at);
      await at.form.locator('[data-stage=tls][data-status=passed]').waitFor();
    },
  },
  passed: {
    shot: '.outcome', keep: ['desktop-light'],
    reach: async (at) => {
      await run('POST /smtp/test', { json: PASSED })(at);
      await settled(at);
      for (const name of ['In Gmail', 'Encryption and certificate']) await at.form.getByText(name, { exact: true }).click();
    },
  },
  failed: {
    active: true, shot: '.outcome', keep: ['desktop-light', 'desktop-dark', 'phone-dark'],
    reach: async (at) => {
      await run('PUT /smtp', { status: 409, json: { activated: false, report: REFUSED } }, 'activate')(at);
      await settled(at);
      await at.form.getByText('Transcript', { exact: true }).click();
    },
  },
  mismatch: {
    shot: '.outcome', keep: ['desktop-light'],
    reach: async (at) => {
      await run('POST /smtp/test', { json: MISMATCH })(at);
      await settled(at);
    },
  },
  active: { active: true, shot: 'main', keep: ['desktop-light'] },
  unhealthy: { active: { ...ACTIVE, health: { status: 'unhealthy', since: '2026-11-24T09:30:00Z', failures: 4, code: 'auth.rejected', message: 'The server refused the username or the password.', probeAt: null } } },
  confirm: { active: true, reach: ({ form }) => form.locator('[part~="remove-button"]').click() },
  busy: {
    reach: async (at) => {
      await run('POST /smtp/test', { status: 429, json: { code: 'rate_limited', status: 429, title: 'Too many tests' }, headers: { 'Retry-After': '40' } })(at);
      await settled(at);
    },
  },
};

for (const [name, { reach, active, shot, keep = [] }] of Object.entries(STATES)) {
  for (const scheme of ['light', 'dark']) {
    for (const [device, width] of Object.entries(WIDTHS)) {
      test(`${name}, ${scheme}, ${device}`, async () => {
        const server = await start();
        const page = await newPage(browser, { viewport: { width, height: 800 }, colorScheme: scheme, reducedMotion: 'reduce', bypassCSP: true });
        page.setDefaultTimeout(60_000);
        try {
          if (active) server.script['GET /smtp'] = { json: active === true ? ACTIVE : active };
          await page.goto(server.origin);
          const form = page.locator('smtp-settings-form');
          await form.locator('.status').waitFor();
          await reach?.({ form, server, page });
          await page.addScriptTag({ path: AXE });
          const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
          assert.deepEqual(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`)]), []);
          const [content, visible] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
          assert.ok(content <= visible, `nothing is wider than the page: ${content} > ${visible}`);
          if (process.env.PICTURES && keep.includes(`${device}-${scheme}`)) {
            await form.evaluate((element) => element.shadowRoot.activeElement?.blur());
            const place = shot === 'main' ? page.locator('main') : form.locator(shot);
            await place.screenshot({ path: `${PICTURES}form-${name}-${device}-${scheme}.png` });
          }
        } finally {
          await page.context().close();
          await server.close();
        }
      });
    }
  }
}
