// The page of `ownpost local` with the real program: from signing in to the reason why a mail arrived, with the
// embedded relays. With PICTURES=1 the test writes the picture of the README again.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, newPage } from '../harness/browser.mjs';
import { startLocal } from '../harness/ownpost.mjs';
import { becomes, until } from '../harness/wait.mjs';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const PICTURE = fileURLToPath(new URL('../../docs/screenshots/local.png', import.meta.url));
let browser, local;

before(async () => {
  browser = await launch();
  local = await startLocal();
});
after(async () => {
  await browser?.close();
  await local?.stop();
});

async function signIn(tenant, options = {}) {
  const page = await newPage(browser, { reducedMotion: 'reduce', viewport: { width: 1440, height: 1000 }, ...options });
  page.setDefaultTimeout(60_000);
  await page.goto(local.url);
  await page.getByLabel('Customer', { exact: true }).fill(tenant);
  await page.getByLabel('Your address').fill(`admin@${tenant}.test`);
  await page.getByRole('button', { name: 'Start' }).click();
  await page.locator('smtp-settings-form .status').waitFor();
  return page;
}

async function activate(page) {
  await page.getByRole('button', { name: 'Fill in the example customer’s relay' }).click();
  await page.locator('smtp-settings-form [part~="activate-button"]').click();
  await page.locator('smtp-settings-form .banner.good').waitFor();
}

const row = (page, category) =>
  page.locator('#ledger details', { has: page.locator('summary', { hasText: category }) }).first();

async function send(page, category) {
  await page.locator('#send').getByRole('button', { name: category }).click();
  await until(
    `${category} sent`,
    async () =>
      (await row(page, category).count()) === 1 && (await row(page, category).getAttribute('data-status')) === 'sent',
  );
}

test('each kind of notification leaves by the customer’s server once it is active, and the ledger shows the reason', async () => {
  const page = await signIn('acme');
  await send(page, 'User invitation');
  await activate(page);
  const kinds = ['Audit invitation', 'Rights request', 'Notification'];
  for (const kind of kinds) await send(page, kind);
  await becomes(() => row(page, 'User invitation').locator('> summary').innerText(), /The platform’s server/);
  for (const kind of kinds) await becomes(() => row(page, kind).locator('> summary').innerText(), /Your server/);
  await row(page, 'Notification').locator('> summary').click();
  const story = await row(page, 'Notification').locator('.story').innerText();
  for (const part of ['Triggered', 'comment.created', 'Settings of revision', 'Accepted', '250 2.0.0'])
    assert.ok(story.includes(part), part);

  const mail = page.locator('#mail details[data-relay="customer"]', { hasText: 'Processing of payroll data' });
  await mail.locator('summary').click();
  await mail.getByText('Could you confirm the retention period?').waitFor();
  await mail.getByRole('button', { name: 'Source' }).click();
  await becomes(() => mail.locator('pre').innerText(), /^Message-ID: /m);
  await page.locator('#mail').getByText('Platform', { exact: true }).first().waitFor();

  await page.getByLabel('Recipient', { exact: true }).last().fill('nobody@acme.test');
  await page.getByText('No event named nobody@acme.test').waitFor();
  await page.getByLabel('Recipient', { exact: true }).last().fill('');
  await row(page, 'Notification').locator('.story').waitFor();
  if (process.env.PICTURES) {
    await mail.locator('summary').click();
    await page.locator('smtp-settings-form .test').evaluate((card) => card.scrollIntoView({ block: 'start' }));
    await page
      .locator('.column')
      .first()
      .evaluate((column) => (column.scrollTop -= 16));
    await page
      .locator('.column')
      .last()
      .evaluate((column) => (column.scrollTop = 0));
    await page.screenshot({ path: PICTURE });
  }
  assert.deepEqual(
    page.problems.filter((problem) => !problem.includes('404')),
    [],
  );
  await page.context().close();
});

test('an address that cannot be used is reported beside the form, and signing out forgets the token', async () => {
  const page = await newPage(browser);
  await page.goto(local.url);
  await page.getByLabel('Customer', { exact: true }).fill('Not a tenant!');
  await page.getByRole('button', { name: 'Start' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Customer', { exact: true }).fill('acme');
  await page.getByRole('button', { name: 'Start' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Start' }).waitFor();
  await becomes(() => page.evaluate(() => sessionStorage.length), 0);
  await page.context().close();
});

for (const scheme of ['light', 'dark']) {
  for (const [device, width] of [
    ['desktop', 1440],
    ['phone', 360],
  ]) {
    test(`axe finds nothing, and nothing is wider than the page: ${scheme}, ${device}`, async () => {
      const page = await signIn(`looks-${scheme}-${device}`, {
        colorScheme: scheme,
        viewport: { width, height: 900 },
        bypassCSP: true,
      });
      await activate(page);
      await send(page, 'Notification');
      await row(page, 'Notification').locator('> summary').click();
      await page.locator('#mail summary').first().click();
      await page.locator('#mail .opened pre').first().waitFor();
      await page.addScriptTag({ path: AXE });
      const { violations } = await page.evaluate(() => window.axe.run(document));
      assert.deepEqual(
        violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]),
        [],
      );
      const [content, visible] = await page.evaluate(() => [
        document.documentElement.scrollWidth,
        document.documentElement.clientWidth,
      ]);
      assert.ok(content <= visible, `${content} > ${visible}`);
      await page.context().close();
    });
  }
}
