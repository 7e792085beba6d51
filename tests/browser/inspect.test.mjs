// "Did it come by your server?" in the form and in the list of deliveries: a mail's source is read in the page, by a
// module that is loaded for it, and is sent nowhere.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, newPage } from '../harness/browser.mjs';
import { becomes, until } from '../harness/wait.mjs';
import { ROWS, ledger } from './deliveries-samples.mjs';
import { withForm } from './form-page.mjs';
import { ACTIVE, PASSED, SETTINGS } from './form-samples.mjs';
import { start } from './form-server.mjs';
import { BAD, GOOD, mail } from './inspect-samples.mjs';

const TITLE = 'Did it come by your server?';
const VERDICT = {
  good: 'It came by your server, and it proves who sent it.',
  bad: 'Something is not as it should be.',
};

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Opens the form after a passed test, with the inspector open. */
const withTested = ({ title = TITLE, ...options }, use) =>
  withForm(browser, { script: { 'POST /smtp/test': { json: PASSED } }, ...options }, async (at) => {
    await at.fillIn();
    await at.button('test').click();
    await at.form.locator('.arrival').waitFor();
    const inspector = at.form.locator('.inspector');
    const source = inspector.locator('textarea');
    const result = inspector.locator('.result');
    const open = () => at.form.getByText(title, { exact: true }).click();
    await use({ ...at, inspector, source, result, open });
  });

const codes = (place) => place.locator('.findings > li').evaluateAll((all) => all.map(({ dataset }) => dataset.code));

test('a good mail: verdict, results and way are shown, the module is loaded for it, and nothing is sent', () =>
  withTested({}, async ({ page, form, server, inspector, source, result, open }) => {
    const asked = [];
    page.on('request', (request) => asked.push(request));
    const names = () => asked.map((request) => new URL(request.url()).pathname.split('/').slice(-2).join('/'));
    await open();
    await source.waitFor();
    assert.deepEqual(names().sort(), ['inspect/index.js', 'messages/en.js'], 'there is no mail yet');
    const calls = server.calls.length;
    await source.fill(GOOD);
    await becomes(() => result.locator('h4').innerText(), VERDICT.good);
    assert.deepEqual(names().slice(2), ['objects/inspect.js', 'objects/inspect.wasm']);
    const before = asked.length;
    await source.fill(BAD);
    await becomes(() => result.locator('h4').innerText(), VERDICT.bad);
    await source.fill(GOOD);
    await becomes(() => result.locator('h4').innerText(), VERDICT.good);
    assert.deepEqual(names().slice(before), [], 'what is loaded reads every mail');
    assert.equal(server.calls.length, calls, 'the API hears nothing of it');
    for (const request of asked)
      assert.deepEqual([request.method(), request.postData(), new URL(request.url()).search], ['GET', null, '']);

    const facts = await result.locator('.facts-list').innerText();
    for (const part of [
      'the one that was sent',
      SETTINGS.senderAddress,
      'as in the settings',
      SETTINGS.host,
      'the mail came by it',
      'SPF',
      'DKIM',
      'DMARC',
      'yes (pass)',
      'As mx.google.com found it',
    ])
      assert.ok(facts.includes(part), `${part} in ${facts}`);
    assert.deepEqual(await codes(result), []);
    const hops = await result.locator('.story > li').allInnerTexts();
    assert.equal(hops.length, 2);
    assert.match(hops[0], /smtp\.yourservice\.com\s+shows your server\s+from platform\.example\s+encrypted/);
    assert.match(hops[1], /mx\.google\.com\s+from smtp\.yourservice\.com\s+encrypted · TLS 1\.3\s+ESMTPS/);
    assert.match(hops[1], /16 Nov 2026|Nov 16, 2026/);
    assert.match(hops[1], /after 2 sec/);
    await becomes(() => form.locator('[aria-live]').first().innerText(), VERDICT.good);
    await inspector.getByText('Where to find the source').click();
    const ways = await inspector.locator('.ways').innerText();
    for (const part of ['Gmail', 'Outlook', 'Apple Mail', 'Yahoo', `rfc822msgid:${PASSED.testMessage.messageId}`])
      assert.ok(ways.includes(part), part);
  }));

test('a bad mail: errors come before warnings, each with its remedy, and the way shows where', () =>
  withTested({}, async ({ source, result, open }) => {
    await open();
    await source.fill(BAD);
    await becomes(() => result.locator('h4').innerText(), VERDICT.bad);
    assert.deepEqual(await codes(result), [
      'inspect.other_sender',
      'inspect.other_server',
      'inspect.spf_fail',
      'inspect.dkim_fail',
      'inspect.dmarc_fail',
      'inspect.hop_without_tls',
      'inspect.delay',
    ]);
    const texts = await result.locator('.findings > li').allInnerTexts();
    assert.match(texts[0], /The sender is jan@elsewhere\.example, not noreply@yourservice\.com\.\s+Check the sender/);
    assert.match(texts[2], /40\.107\.22\.101 is not allowed to send for elsewhere\.example/);
    const facts = await result.locator('.facts-list').innerText();
    for (const part of [
      'not the one in the settings',
      'the mail did not come by it',
      'rather not (softfail)',
      'no (fail)',
    ])
      assert.ok(facts.includes(part), `${part} in ${facts}`);
    await becomes(() => result.locator('.story > li.bad').innerText(), /^mail\.elsewhere\.example\s+from platform/);
    const last = result.locator('.story > li.warn');
    assert.match(await last.innerText(), /not encrypted[\s\S]*after 29 min/);
    assert.equal(await last.count(), 1);
    await source.fill(mail({ id: 'another@yourservice.com', taken: '30' }));
    await becomes(() => codes(result), ['inspect.other_mail']);
    await source.fill(GOOD.replace('10:30:01', '10:30:05'));
    await becomes(
      async () => (await result.locator('.story > li').last().innerText()).includes('clocks differ by 2 sec'),
      true,
    );
    await source.fill('');
    await becomes(() => result.locator(':scope > *').count(), 0);
  }));

test('a file is chosen, a file is dropped, a text is dropped', () =>
  withTested({}, async ({ page, inspector, source, result, open }) => {
    await open();
    await source.waitFor();
    const file = { name: 'received.eml', mimeType: 'message/rfc822', buffer: Buffer.from(GOOD) };
    const chooser = page.waitForEvent('filechooser');
    await inspector.getByRole('button', { name: 'Choose a file…' }).click();
    await (await chooser).setFiles(file);
    await becomes(() => result.locator('h4').innerText(), VERDICT.good);
    await inspector.getByText('Read: received.eml').waitFor();
    const drop = (kind, text) =>
      inspector.evaluate(
        (place, [kind, text]) => {
          const dropped = new DataTransfer();
          if (kind === 'file') dropped.items.add(new File([text], 'dropped.eml'));
          else dropped.setData('text/plain', text);
          for (const name of ['dragover', 'drop']) {
            const event = new DragEvent(name, { dataTransfer: dropped, bubbles: true, cancelable: true });
            if (place.querySelector('textarea').dispatchEvent(event)) throw new Error(`${name} leaves the page`);
          }
        },
        [kind, text],
      );
    await drop('file', BAD);
    await becomes(() => result.locator('h4').innerText(), VERDICT.bad);
    await inspector.getByText('Read: dropped.eml').waitFor();
    await drop('text', GOOD);
    await becomes(() => result.locator('h4').innerText(), VERDICT.good);
    await becomes(() => source.inputValue(), GOOD);
    assert.equal(await inspector.getByText('Read: dropped.eml').isVisible(), false);
  }));

test('what is not a mail, and a mail that is too large, are said with a way on', () =>
  withTested({}, async ({ page, inspector, source, result, open }) => {
    await open();
    await source.fill('Dear reader,\nthis is a letter.\n');
    await becomes(() => result.locator('h4').innerText(), 'This is not the source of a mail.');
    assert.match(await result.innerText(), /paste all of it\.\s+Code inspect\.not_a_mail/);
    const large = GOOD + 'x'.repeat(1 << 20);
    await source.fill(large);
    await becomes(() => result.locator('h4').innerText(), 'The mail is larger than 1 MiB.');
    await result.getByRole('button', { name: 'Use its header alone' }).click();
    await becomes(() => result.locator('h4').innerText(), VERDICT.good);
    const chooser = page.waitForEvent('filechooser');
    await inspector.getByRole('button', { name: 'Choose a file…' }).click();
    await (await chooser).setFiles({ name: 'large.eml', mimeType: 'message/rfc822', buffer: Buffer.from(large) });
    await becomes(() => result.locator('h4').innerText(), 'The mail is larger than 1 MiB.');
    await result.getByRole('button', { name: 'Use its header alone' }).click();
    await becomes(() => result.locator('h4').innerText(), VERDICT.good);
    await source.fill('x'.repeat(1 << 21));
    await becomes(() => result.locator('h4').innerText(), 'The mail is larger than 1 MiB.');
    assert.equal(await result.getByRole('button').count(), 0, 'it has no header');
  }));

test('a part that does not load is said, and loads at the next try', () =>
  withTested({}, async ({ page, form, source, result, open }) => {
    await page.route('**/inspect/index.js', (route) => route.abort());
    await open();
    await form.locator('.inspect [role=alert]').getByText('could not be reached').waitFor();
    await page.unroute('**/inspect/index.js');
    await form.locator('.inspect').getByRole('button', { name: 'Try again' }).click();
    await source.waitFor();
    await page.route('**/inspect.wasm', (route) => route.abort());
    await source.fill(GOOD);
    await becomes(() => result.locator('h4').innerText(), 'This check could not be loaded.');
    assert.match(await result.innerText(), /spf=pass/);
    await page.unroute('**/inspect.wasm');
    await result.getByRole('button', { name: 'Try again' }).click();
    await becomes(() => result.locator('h4').innerText(), VERDICT.good);
  }));

test('it is reached and used with the keyboard alone', () =>
  withTested({}, async ({ page, form, result, focused }) => {
    await form.locator('.arrival summary').first().focus();
    await page.keyboard.press('Enter');
    await form.locator('.inspector').waitFor();
    await page.keyboard.press('Tab');
    await becomes(focused, 'Where to find the source');
    await page.keyboard.press('Tab');
    await page.keyboard.insertText(GOOD);
    await becomes(() => result.locator('h4').innerText(), VERDICT.good);
    await page.keyboard.press('Tab');
    await becomes(focused, 'Choose a file…');
  }));

for (const [locale, title, verdict] of [
  ['nl', 'Kwam hij via uw server?', 'Er is iets niet zoals het hoort.'],
  ['fr', 'Est-il passé par votre serveur ?', 'Quelque chose n’est pas comme il faut.'],
  ['de', 'Kam sie über Ihren Server?', 'Etwas ist nicht, wie es sein soll.'],
  ['es', '¿Pasó por su servidor?', 'Algo no es como debe ser.'],
])
  test(`it speaks ${locale}, and a change of the language keeps the mail`, () =>
    withTested({}, async ({ form, source, result, inspector, open }) => {
      await open();
      await source.fill(BAD);
      await becomes(() => result.locator('h4').innerText(), VERDICT.bad);
      await form.evaluate((element, tag) => element.setAttribute('locale', tag), locale);
      await form.getByText(title, { exact: true }).waitFor();
      await becomes(() => result.locator('h4').innerText(), verdict);
      assert.equal(await source.inputValue(), BAD);
      await inspector.locator('.ways > summary').click();
      const keys = await inspector.evaluate((place) =>
        [...place.querySelectorAll('*:not(code)')]
          .flatMap((node) => [...node.childNodes])
          .filter(({ nodeType, data }) => nodeType === 3 && /^[a-z]+(\.[a-z]+)+$|\{\w+\}/.test(data.trim()))
          .filter(({ parentElement }) => parentElement.getAttribute('dir') !== 'ltr')
          .map(({ data }) => data),
      );
      assert.deepEqual(keys, [], 'no key is shown instead of a message');
    }));

test('text in a hostile mail stays text', () =>
  withTested({}, async ({ page, source, result, open }) => {
    await open();
    await source.fill(GOOD.replaceAll('mx.google.com', '<img/src=x/onerror=window.owned=true>.example'));
    await until('a verdict', () => result.locator('h4').count());
    await becomes(() => result.locator('img').count(), 0);
    assert.equal(await page.evaluate(() => window.owned), undefined);
  }));

/** Opens the list, and the inspector of the row with this status. */
async function withRow({ rows = ROWS, status = 'sent', smtp = { json: ACTIVE }, more = '' }, use) {
  const server = await start();
  Object.assign(server.script, ledger(structuredClone(rows)), { 'GET /smtp': smtp });
  const page = await newPage(browser, { reducedMotion: 'reduce' });
  page.setDefaultTimeout(60_000);
  try {
    await page.goto(`${server.origin}/deliveries?more=${more}`);
    const list = page.locator('smtp-deliveries');
    const row = list.locator(`.mail[data-status="${status}"]`);
    await row.locator('summary').first().click();
    const open = () => row.getByText(TITLE, { exact: true }).click();
    await use({ server, page, list, row, open, source: row.locator('textarea'), result: row.locator('.result') });
    assert.deepEqual(await page.evaluate(() => window.blocked), []);
  } finally {
    await page.context().close();
    await server.close();
  }
}

const [SENT] = ROWS;
const received = mail({ id: SENT.messageId, taken: '30' });
const OF_NOW = { ...SENT, revision: ACTIVE.revision };

test('a delivery is compared with the active settings, also where it may only be looked at', () =>
  withRow({ rows: [OF_NOW], more: 'readonly' }, async ({ server, open, source, result, list }) => {
    await open();
    await source.fill(received);
    await becomes(() => result.locator('h4').innerText(), VERDICT.good);
    const calls = server.calls.length;
    await source.fill(mail({ server: 'mail.elsewhere.example', taken: '30' }));
    await becomes(() => codes(result), ['inspect.other_mail', 'inspect.other_server']);
    assert.equal(server.calls.length, calls);
    await list.evaluate((element) => element.refresh());
    assert.deepEqual(await codes(result), ['inspect.other_mail', 'inspect.other_server'], 'a refresh keeps it');
  }));

for (const [name, row, smtp, note] of [
  ['by the platform’s server', { ...SENT, route: 'platform', revision: null }, { json: ACTIVE }, /platform’s server/],
  ['before the settings changed', SENT, { json: ACTIVE }, /settings have changed/],
  ['of settings that are gone', SENT, { json: { status: 'platform', previous: true } }, /settings have changed/],
  ['whose settings do not load', SENT, { status: 500, json: { code: 'internal', status: 500 } }, /could not be loaded/],
])
  test(`a delivery ${name} is read without a comparison, and it says why`, () =>
    withRow({ rows: [row], smtp }, async ({ open, source, result }) => {
      await open();
      await source.fill(received);
      await becomes(() => result.locator('h4').innerText(), 'It proves who sent it.');
      assert.match(await result.innerText(), note);
    }));

test('settings that did not load are asked for once more', () =>
  withRow({ rows: [OF_NOW], smtp: { status: 500, json: { code: 'internal', status: 500 } } }, async (at) => {
    await at.open();
    await at.source.fill(received);
    await at.result.getByText('could not be loaded').waitFor();
    at.server.script['GET /smtp'] = { json: ACTIVE };
    await at.result.getByRole('button', { name: 'Try again' }).click();
    await becomes(() => at.result.locator('h4').innerText(), VERDICT.good);
  }));

test('mail that has not left has no source to look into', () =>
  withRow({ status: 'queued' }, async ({ row }) => {
    await becomes(() => row.locator('.story').isVisible(), true);
    assert.equal(await row.getByText(TITLE, { exact: true }).count(), 0);
  }));
