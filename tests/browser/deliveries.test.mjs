// <smtp-deliveries> in a real browser against a scripted API: list, filters, timelines, and what a person may do.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { launch, newPage } from '../harness/browser.mjs';
import { becomes, until } from '../harness/wait.mjs';
import { ROWS, ledger } from './deliveries-samples.mjs';
import { start } from './form-server.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Opens the page with the list, works with it, and checks that no error occurred. */
async function withList({ script = ledger(), locale = 'en', more = '', ready = '.list > li' }, use) {
  const server = await start();
  Object.assign(server.script, script);
  const page = await newPage(browser, { reducedMotion: 'reduce', timezoneId: 'Europe/Brussels' });
  page.setDefaultTimeout(60_000);
  try {
    await page.goto(`${server.origin}/deliveries?locale=${locale}&more=${more}`);
    const list = page.locator('smtp-deliveries');
    await list.locator(ready).first().waitFor();
    const shown = () => list.locator('.mail').evaluateAll((rows) => rows.map(({ dataset }) => dataset.status));
    const asked = (key) => server.calls.filter((call) => call.key === key);
    const row = (status) => list.locator(`.mail[data-status="${status}"]`);
    const button = (name) => list.locator(`[part~="${name}-button"]`);
    await use({ page, list, server, shown, asked, row, button });
    assert.deepEqual(await page.evaluate(() => window.blocked), [], 'nothing breaks the Content-Security-Policy');
    assert.deepEqual(
      page.problems.filter((problem) => !problem.startsWith('Failed to load resource')),
      [],
    );
  } finally {
    await page.context().close();
    await server.close();
  }
}

const STATUSES = ROWS.map(({ status }) => status);

test('it lists the mail, and each row opens to its timeline', () =>
  withList({}, async ({ list, shown, row, asked }) => {
    assert.deepEqual(await shown(), STATUSES);
    assert.equal(asked('GET /deliveries')[0].headers.authorization, 'Bearer token-of-acme');
    await row('failed').locator('summary').click();
    // Values stand between isolating marks, so that their direction does not turn the sentence.
    const text = (await row('failed').locator('.story').innerText()).replace(/[\u2066-\u2069]/g, '');
    for (const part of [
      'Triggered',
      'by event evt_3',
      'Your server',
      'Settings of revision 39c07ef8',
      'Stopped at “Recipient',
      'The server does not accept the recipient person3@example.org.',
      'recipient.rejected',
      '550 5.1.1 No such user here',
      'It was refused for good',
      '3.ee8b19af@yourservice.com',
    ])
      assert.ok(text.includes(part), `${part} in ${text}`);
    await row('deferred').locator('summary').click();
    assert.match(await row('deferred').innerText(), /Next attempt: 30 Nov 2026|Next attempt: Nov 30, 2026/);
    await becomes(() => list.locator('[role=alert]').count(), 0);
  }));

test('the filters narrow the list, also those that the API does not know', () =>
  withList({}, async ({ list, shown, asked }) => {
    await list.getByLabel('Status').selectOption('failed');
    await becomes(shown, ['failed']);
    assert.equal(asked('GET /deliveries').at(-1).query.status, 'failed');
    await list.getByRole('button', { name: 'Clear the filters' }).click();
    await becomes(shown, STATUSES);
    await list.getByLabel('Kind of mail').selectOption('rights-request');
    await becomes(shown, ['held']);
    await list.getByRole('button', { name: 'Clear the filters' }).click();
    await list.getByLabel('From', { exact: true }).fill('2026-11-24');
    await list.getByLabel('To', { exact: true }).fill('2026-11-25');
    await becomes(shown, ['deferred', 'held']);
    const { since, until: end } = asked('GET /deliveries').at(-1).query;
    assert.deepEqual([since, end], ['2026-11-23T23:00:00.000Z', '2026-11-25T23:00:00.000Z'], 'days of the reader');
    await list.getByRole('button', { name: 'Clear the filters' }).click();
    await list.getByLabel('Recipient').fill('nobody@example.org');
    await list.getByText('No event named nobody@example.org').waitFor();
  }));

test('pages follow one another, and short pages of an API without a filter are read on', () => {
  const rows = Array.from({ length: 60 }, (_, at) => ({
    ...ROWS[0],
    id: `dlv_${at}`,
    recipient: `p${at}@example.org`,
  }));
  rows[59].category = 'audit-invitation';
  return withList({ script: ledger(rows, { page: 10 }) }, async ({ list, shown, button }) => {
    await becomes(async () => (await shown()).length, 30);
    await button('more').click();
    await becomes(async () => (await shown()).length, 60);
    await becomes(() => button('more').count(), 0);
    await list.getByLabel('Kind of mail').selectOption('audit-invitation');
    await becomes(async () => (await shown()).length, 1);
  });
});

test('a failed mail is sent again, one whose end is unknown only after a warning', () =>
  withList({}, async ({ page, list, row, asked, shown }) => {
    await row('failed').locator('summary').click();
    await row('failed').getByRole('button', { name: 'Send again' }).click();
    await becomes(() => list.locator('dialog').innerText(), /once more\.\s/);
    await list.locator('dialog').getByRole('button', { name: 'Send again' }).click();
    await until('it is queued', async () => (await shown()).filter((status) => status === 'queued').length === 2);
    assert.equal(asked('POST /deliveries/dlv_3/resend').length, 1);
    await until('the page hears', () => page.evaluate(() => window.heard.includes('smtp-deliveries-change')));
    await row('unknown').locator(':scope > summary').click();
    await row('unknown').getByRole('button', { name: 'Send again' }).click();
    await becomes(() => list.locator('dialog').innerText(), /twice/);
    await page.keyboard.press('Escape');
    await becomes(() => list.locator('dialog').count(), 0);
    assert.deepEqual(asked('POST /deliveries/dlv_2/resend'), []);
  }));

test('many at once: what can be sent again, and what can be stopped', () =>
  withList({}, async ({ list, asked, button }) => {
    await list.getByLabel('Choose all that are shown').check();
    await list.getByText('5 chosen').waitFor();
    await button('resend-many').click();
    await list.locator('dialog').getByRole('button', { name: 'Send 2 again' }).click();
    await until(
      'both',
      async () => asked('POST /deliveries/dlv_2/resend').length + asked('POST /deliveries/dlv_3/resend').length === 2,
    );
    await list.getByText('3 chosen').waitFor();
    await button('cancel-many').click();
    await list.getByRole('button', { name: 'Do not send it' }).click();
    await until('the three', async () =>
      ['4', '5', '6'].every((id) => asked(`POST /deliveries/dlv_${id}/cancel`).length === 1),
    );
  }));

test('all that match the filter are sent again by one call', () =>
  withList(
    { script: { ...ledger(), 'POST /deliveries/resend': { status: 202, json: { resent: null } } } },
    async ({ list, asked, button }) => {
      await list.getByLabel('Status').selectOption('failed');
      await list.getByLabel('From', { exact: true }).fill('2026-11-20');
      await button('resend-all').click();
      await list.locator('dialog').getByRole('button', { name: 'Send all of these again' }).click();
      await until('the call', async () => asked('POST /deliveries/resend').length === 1);
      assert.deepEqual(asked('POST /deliveries/resend')[0].body, {
        status: 'failed',
        since: '2026-11-19T23:00:00.000Z',
      });
    },
  ));

test('what was refused is said, and stays', () => {
  const script = ledger();
  script['POST /deliveries/dlv_3/resend'] = {
    status: 409,
    json: { code: 'delivery.changed', status: 409, title: 'Conflict', detail: 'The row has changed meanwhile.' },
  };
  return withList({ script }, async ({ list, row }) => {
    await row('failed').locator('summary').click();
    await row('failed').getByRole('button', { name: 'Send again' }).click();
    await list.locator('dialog').getByRole('button', { name: 'Send again' }).click();
    await becomes(() => list.locator('[role=alert]').innerText(), /delivery\.changed/);
    await becomes(() => row('failed').count(), 1);
  });
});

test('held mail is released', () =>
  withList(
    { script: { ...ledger(), 'POST /held/release': { status: 202, json: { released: 3 } } } },
    async ({ list, row }) => {
      await row('held').locator('summary').click();
      await row('held').getByRole('button', { name: 'Test the server' }).click();
      await becomes(() => list.locator('[role=status]').innerText(), 'Released: 3');
    },
  ));

test('read-only: nothing can be chosen, sent or stopped', () =>
  withList({ more: 'readonly' }, async ({ list, row, shown }) => {
    assert.deepEqual(await shown(), STATUSES);
    await row('failed').locator('summary').click();
    await becomes(() => row('failed').locator('.story').isVisible(), true);
    assert.deepEqual(
      [await list.locator('input[type=checkbox]').count(), await list.locator('.story button').count()],
      [0, 0],
    );
  }));

test('the end of the session is said, and it goes on after the next sign-in', () => {
  const script = { ...ledger(), 'GET /deliveries': { status: 401, json: { code: 'unauthenticated', status: 401 } } };
  return withList({ script, ready: '[role=alert]' }, async ({ page, list, server, shown }) => {
    await becomes(() => list.locator('[role=alert]').innerText(), /session has ended/);
    await until('the page hears', () => page.evaluate(() => window.heard.includes('smtp-unauthorized')));
    Object.assign(server.script, ledger());
    await list.getByRole('button', { name: 'Sign in again' }).click();
    await becomes(shown, STATUSES);
  });
});

test('a refresh keeps what is open, chosen and focused, and shows what has changed', () =>
  withList({}, async ({ list, server, row }) => {
    await row('deferred').locator('summary').click();
    await list.getByLabel('Choose the mail to person4@example.org').check();
    await row('deferred').locator('summary').focus();
    const rows = structuredClone(ROWS);
    rows[4].status = 'queued';
    Object.assign(server.script, ledger([{ ...ROWS[0], id: 'dlv_8', recipient: 'new@example.org' }, ...rows]));
    await list.evaluate((element) => element.refresh());
    await becomes(() => list.getByText('new@example.org').count(), 1);
    await becomes(() => row('deferred').getAttribute('open'), '');
    await becomes(() => list.getByLabel('Choose the mail to person4@example.org').isChecked(), true);
    const focused = await list.evaluate((element) => element.shadowRoot.activeElement?.textContent ?? '');
    assert.match(focused, /person5@example\.org/);
    await becomes(() => row('failed').count(), 0);
  }));

test('text of a hostile server stays text', () => {
  const evil = '<img src=x onerror="window.owned = true"> {event} \u202e';
  const rows = [
    { ...ROWS[4], event: evil, reason: evil, status: evil, category: evil, type: evil, route: evil, recipient: evil },
  ];
  rows[0].attempts = [
    { ...rows[0].attempts[0], stage: evil, outcome: evil, smtp: { code: 550, enhanced: null, text: evil } },
  ];
  return withList({ script: ledger(rows) }, async ({ page, list }) => {
    await list.locator('summary').click();
    await becomes(() => list.locator('img').count(), 0);
    await becomes(() => page.evaluate(() => window.owned), undefined);
  });
});

for (const [locale, label] of [
  ['fr', 'Destinataire'],
  ['nl', 'Ontvanger'],
  ['de', 'Empfänger'],
  ['es', 'Destinatario'],
]) {
  test(`the list has messages in ${locale}, and says what each failure means`, () => {
    const { failures } = JSON.parse(
      readFileSync(new URL(`../../validator-wasm/locales/${locale}/stages.json`, import.meta.url), 'utf8'),
    );
    const rows = structuredClone(ROWS);
    const codes = Object.keys(failures);
    const held = rows.find(({ status }) => status === 'held');
    held.attempts = codes.map((outcome) => ({ ...held.attempts[0], outcome }));
    return withList({ script: ledger(rows), locale }, async ({ list, row }) => {
      for (const summary of await list.locator('summary').all()) await summary.click();
      await becomes(() => list.getByLabel(label, { exact: true }).isVisible(), true);
      const steps = await row('held').locator('.story > li.bad').allInnerTexts();
      assert.equal(steps.length, codes.length);
      for (const [at, code] of codes.entries()) {
        const { message } = failures[code];
        // A message of a test may name what a row does not know.
        const said = message.replace('{recipient}', 'person4@example.org');
        if (!said.includes('{')) assert.ok(steps[at].includes(said), `${code}: ${steps[at]}`);
        else assert.match(steps[at], /[\p{L}\d)]\.$/mu, code);
        assert.ok(steps[at].includes(code));
      }
      const unknown = await list.evaluate((element) =>
        [...element.shadowRoot.querySelectorAll('*:not(code)')]
          .flatMap((node) => [...node.childNodes])
          .filter(({ nodeType, data }) => nodeType === 3 && /^[a-z-]+(\.[a-zA-Z-]+)+$/.test(data.trim()))
          .map(({ data }) => data),
      );
      assert.deepEqual(unknown, [], 'no key is shown instead of a message');
    });
  });
}
