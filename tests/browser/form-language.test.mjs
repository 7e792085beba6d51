// A change of the language keeps the state of the form: typed text, the result of a test, and the focus of the admin.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { becomes, until } from '../harness/wait.mjs';
import { MISMATCH, PASSED, REFUSED } from './form-samples.mjs';
import { SECRET, withForm } from './form-page.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const german = async ({ form }) => {
  await form.evaluate((element) => element.setAttribute('locale', 'de'));
  await form.locator('.form[lang=de]').waitFor();
};

test('typed text, open sections and the focus', () =>
  withForm(browser, {}, async (at) => {
    const { form, input, fillIn, focused, value } = at;
    await fillIn();
    await form.getByText('Advanced', { exact: true }).click();
    await input('ehloName').fill('mail.yourservice.com');
    await german(at);
    await becomes(focused, 'f-ehloName');
    await becomes(() => input('ehloName').isVisible(), true);
    await becomes(
      async () => [(await value()).ehloName, (await value()).password.set],
      ['mail.yourservice.com', SECRET],
    );
  }));

test('a failed activation; the server’s text keeps its language', () =>
  withForm(
    browser,
    { active: true, script: { 'PUT /smtp': { status: 409, json: { activated: false, report: REFUSED } } } },
    async (at) => {
      const { form, button } = at;
      await button('change').click();
      await button('activate').click();
      const banner = form.locator('.banner.bad');
      await banner.waitFor();
      await form.getByText('Transcript', { exact: true }).click();
      await german(at);
      const text = await banner.innerText();
      for (const part of ['Der Test ist gescheitert: Anmelden', REFUSED.failure.message, '535 5.7.8'])
        assert.match(text, new RegExp(part));
      await becomes(() => banner.getByText(REFUSED.failure.message).getAttribute('lang'), 'en');
      await becomes(() => form.locator('[data-stage=auth]').getAttribute('data-status'), 'failed');
      await becomes(() => form.locator('.transcript').getAttribute('open'), '');
      await becomes(() => form.getByText('AUTH PLAIN <redacted>').isVisible(), true);
    },
  ));

test('a proven fix, which still continues the activation', () =>
  withForm(
    browser,
    { script: { 'PUT /smtp': { status: 409, json: { activated: false, report: MISMATCH } } } },
    async (at) => {
      const { form, server, button, fillIn } = at;
      await fillIn();
      await button('activate').click();
      await form.locator('.proven').waitFor();
      await german(at);
      server.script['PUT /smtp'] = { json: { activated: true, revision: 'r', report: PASSED } };
      await form.locator('.proven button').click();
      await form.locator('.banner.good').waitFor();
      assert.deepEqual(
        server.calls.filter(({ key }) => key === 'PUT /smtp').map(({ headers }) => headers['accept-language']),
        ['en', 'de'],
      );
    },
  ));

test('a test that still runs', () =>
  withForm(browser, {}, async (at) => {
    const { form, server, button, fillIn } = at;
    let go;
    server.script['POST /smtp/test'] = {
      lines: [
        ...PASSED.stages.slice(0, 3),
        new Promise((resolve) => (go = resolve)),
        ...PASSED.stages.slice(3),
        PASSED,
      ],
    };
    await fillIn();
    await button('test').click();
    const status = (stage) => form.locator(`[data-stage=${stage}]`).getAttribute('data-status');
    await until('the third stage', async () => (await status('greeting')) === 'passed');
    await german(at);
    await becomes(
      async () => [await status('greeting'), await status('ehlo'), await status('tls')],
      ['passed', 'running', 'pending'],
    );
    await becomes(() => button('stop').isVisible(), true);
    go();
    await form.locator('.banner.good').waitFor();
    await becomes(() => form.locator('.banner.good').innerText(), /Der Test/);
  }));

test('the message that the platform’s server is in use again', () =>
  withForm(browser, { active: true, script: { 'DELETE /smtp': { status: 204 } } }, async (at) => {
    const { form, button, server } = at;
    delete server.script['GET /smtp'];
    await button('remove').click();
    await form.getByRole('button', { name: 'Use the platform’s server' }).click();
    await form.locator('.banner.good').waitFor();
    await german(at);
    await becomes(() => form.locator('.banner.good').innerText(), /Plattform/);
  }));

/** What the form says of each state that docs/reference/reports.md names, by the language. */
const SAID = {
  en: {
    pass: 'in order',
    fail: 'does not cover this server',
    missing: 'no record',
    invalid: 'not valid',
    unknown: 'not known',
    none: 'only watches (p=none)',
    good: 'SPF, DKIM and DMARC look right.',
    partly: /^What could be looked up looks right\./,
  },
  fr: {
    pass: 'en ordre',
    fail: 'ne couvre pas ce serveur',
    missing: 'aucun enregistrement',
    invalid: 'non valide',
    unknown: 'inconnu',
    none: 'observe seulement (p=none)',
    good: 'SPF, DKIM et DMARC semblent corrects.',
    partly: /^Ce qui a pu être consulté semble correct\./,
  },
  nl: {
    pass: 'in orde',
    fail: 'dekt deze server niet',
    missing: 'geen record',
    invalid: 'niet geldig',
    unknown: 'niet bekend',
    none: 'kijkt alleen toe (p=none)',
    good: 'SPF, DKIM en DMARC zien er goed uit.',
    partly: /^Wat op te vragen was, ziet er goed uit\./,
  },
  de: {
    pass: 'in Ordnung',
    fail: 'deckt diesen Server nicht ab',
    missing: 'kein Eintrag',
    invalid: 'nicht gültig',
    unknown: 'nicht bekannt',
    none: 'beobachtet nur (p=none)',
    good: 'SPF, DKIM und DMARC sehen gut aus.',
    partly: /^Was sich abfragen ließ, sieht gut aus\./,
  },
  es: {
    pass: 'en orden',
    fail: 'no cubre este servidor',
    missing: 'sin registro',
    invalid: 'no válido',
    unknown: 'no se sabe',
    none: 'solo observa (p=none)',
    good: 'SPF, DKIM y DMARC parecen correctos.',
    partly: /^Lo que se pudo consultar parece correcto\./,
  },
};

for (const [locale, said] of Object.entries(SAID)) {
  test(`each state of SPF, DKIM and DMARC, in ${locale}`, () =>
    withForm(browser, { locale }, async ({ form, server, button, fillIn }) => {
      await fillIn();
      const card = form.locator('details.card').filter({ hasText: 'DMARC' });
      const shows = async ([spf, dkim, dmarc], summary) => {
        const finding = (result) => ({ result, record: null });
        const deliverability = { spf: finding(spf), dkim: finding(dkim), dmarc: finding(dmarc), advice: [] };
        server.script['POST /smtp/test'] = { json: { ...PASSED, deliverability } };
        await button('test').click();
        const expected = [spf, dkim, dmarc].map((state) => said[state] ?? state);
        await becomes(
          async () =>
            (await card.locator('dd .chip').allTextContents()).map(
              (text) => /\((p=reject|p=quarantine)\)$/.exec(text)?.[1] ?? text,
            ),
          expected.map((text) => (/^(reject|quarantine)$/.test(text) ? `p=${text}` : text)),
        );
        await becomes(() => card.locator('p').first().textContent(), summary);
      };
      await shows(['pass', 'unknown', 'none'], said.partly);
      await shows(['fail', 'pass', 'quarantine'], said.good);
      await shows(['missing', 'invalid', 'reject'], said.good);
    }));
}
