// A page with the form for one test: opens it, works with it and closes it.
import assert from 'node:assert/strict';
import { newPage } from '../harness/browser.mjs';
import { ACTIVE } from './form-samples.mjs';
import { start } from './form-server.mjs';

export const SECRET = 'correct-horse-7Q';
const VALUES = {
  host: 'smtp.yourservice.com',
  port: '587',
  username: 'mailer',
  password: SECRET,
  senderAddress: 'noreply@yourservice.com',
};

/**
 * Opens the page in `browser`, passes it to `use`, and checks at the end that no error occurred in it. `script` holds
 * the API's answers, `dir` is the direction of the text, `context` holds Playwright's options.
 */
export async function withForm(
  browser,
  { active = false, locale = 'en', dir = 'ltr', script = {}, context = {}, ready = '.status' },
  use,
) {
  const server = await start();
  const page = await newPage(browser, { reducedMotion: 'reduce', ...context });
  page.setDefaultTimeout(60_000);
  try {
    Object.assign(server.script, active ? { 'GET /smtp': { json: ACTIVE } } : {}, script);
    await page.goto(`${server.origin}/?locale=${locale}&dir=${dir}`);
    const form = page.locator('smtp-settings-form');
    await form.locator(ready).waitFor();
    const input = (path) => form.locator(`#f-${path.replaceAll('.', '-')}`);
    await use({
      page,
      form,
      server,
      input,
      button: (part) => form.locator(`[part~="${part}-button"]`),
      field: (path) => form.locator(`[data-path="${path}"]`),
      value: () => form.evaluate((element) => element.value),
      /** The element with the focus: its id or its text. */
      focused: () =>
        form.evaluate((element) => {
          const { id, textContent } = element.shadowRoot.activeElement ?? {};
          return id || textContent?.trim();
        }),
      async fillIn(settings = {}) {
        for (const [path, text] of Object.entries({ ...VALUES, ...settings })) await input(path).fill(text);
      },
    });
    assert.deepEqual(
      await page.evaluate(() => window.blocked),
      [],
      'nothing breaks the page’s Content-Security-Policy',
    );
    assert.deepEqual(
      page.problems.filter((problem) => !problem.startsWith('Failed to load resource')),
      [],
      'no error on the console',
    );
  } finally {
    await page.context().close();
    await server.close();
  }
}
