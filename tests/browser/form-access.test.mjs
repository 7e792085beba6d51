// The form with the keyboard, with a screen reader, with reduced motion and in forced colours; and as a custom
// element that behaves like any other, as frameworks require.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { becomes, until } from '../harness/wait.mjs';
import { ACTIVE, PASSED, SETTINGS } from './form-samples.mjs';
import { SECRET, withForm } from './form-page.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Presses Tab until the focus is on the element with that id or text. */
async function tabTo({ page, focused }, wanted) {
  const seen = [];
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab');
    const at = await focused();
    if (at === wanted) return;
    seen.push(at);
  }
  assert.fail(`${wanted} is not reached by Tab: ${seen.join(' · ')}`);
}

test('the keyboard is enough to fill in, activate, look for the mail, and go back to the platform’s server', () =>
  withForm(browser, {}, async (at) => {
    const { page, form, server, focused, value } = at;
    server.script['PUT /smtp'] = () => {
      server.script['GET /smtp'] = { json: ACTIVE };
      return { json: { activated: true, revision: ACTIVE.revision, report: PASSED } };
    };
    server.script['DELETE /smtp'] = () => {
      delete server.script['GET /smtp'];
      return { status: 204 };
    };
    const type = async (id, text) => {
      await tabTo(at, id);
      await page.keyboard.press('Control+A');
      await page.keyboard.type(text);
    };
    await type('f-host', SETTINGS.host);
    await type('f-port', '587');
    await type('f-username', 'mailer');
    await type('f-password', SECRET);
    await type('f-senderAddress', SETTINGS.senderAddress);
    await tabTo(at, 'Test and activate');
    await page.keyboard.press('Enter');
    await form.locator('.status.active').waitFor();
    await form.locator('.banner.good').waitFor();
    await becomes(focused, 'status-title', 'the form has become a summary, and the focus goes to its title');
    await becomes(async () => (await value()).password, { keep: true });
    const arrival = await form.locator('.arrival').innerText();
    for (const part of [
      PASSED.testMessage.messageId,
      PASSED.testMessage.recipient,
      SETTINGS.senderAddress,
      PASSED.testMessage.reply,
    ])
      assert.ok(arrival.includes(part), part);
    await tabTo(at, 'Did it come by your server?');
    await page.keyboard.press('Enter');
    await form.locator('.ways').waitFor();
    await tabTo(at, 'Where to find the source');
    await page.keyboard.press(' ');
    await form.getByText(`rfc822msgid:${PASSED.testMessage.messageId}`).waitFor();
    await form.getByText('View message details').waitFor();
    await tabTo(at, 'It has not arrived');
    await page.keyboard.press('Enter');
    await form.getByText('Wait five minutes').waitFor();

    await form.locator('#status-title').focus();
    await tabTo(at, 'Back to the platform’s server');
    await page.keyboard.press('Enter');
    await becomes(focused, 'Cancel', 'what changes nothing is what Enter does at once');
    await page.keyboard.press('Escape');
    await becomes(() => form.locator('dialog').count(), 0, 'Escape closes the question');
    await becomes(focused, 'Back to the platform’s server', 'the focus goes back to where the question came from');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await becomes(focused, 'Use the platform’s server');
    await page.keyboard.press('Enter');
    await form.locator('.status.platform').waitFor();
    await becomes(focused, 'status-title', 'the button has gone, the focus has not');
  }));

test('the announcements of a whole activation, of fixes and of the ways back', () =>
  withForm(browser, {}, async (at) => {
    const { page, form, server, input, field, button, fillIn } = at;
    await page.evaluate(() => {
      window.said = [];
      const live = document.querySelector('smtp-settings-form').shadowRoot.querySelector('[aria-live]');
      new MutationObserver(() => window.said.push(live.textContent)).observe(live, {
        childList: true,
        characterData: true,
        subtree: true,
      });
    });
    const says = (text) =>
      until(`“${text}” is said`, () =>
        page.evaluate((wanted) => window.said.some((said) => said.includes(wanted)), text),
      );
    await button('test').click();
    await says('4 fields need your attention.');
    await fillIn({ host: 'https://smtp.yourservice.com/' });
    await input('port').focus();
    await field('host').locator('.issue button').click();
    await says('Corrected.');
    await form.locator('#provider').selectOption({ label: 'Fastmail' });
    await says('Filled in: smtp.fastmail.com');
    await fillIn();
    await form.getByRole('radio', { name: 'STARTTLS' }).check();
    server.script['POST /smtp/test'] = { lines: [PASSED.stages[0], new Promise(() => {})] };
    await button('test').click();
    await says('Testing smtp.yourservice.com…');
    await says('Look up the name: Passed');
    await button('activate').press('Enter');
    await says('A test is running.');
    await button('stop').click();
    await says('Stopped. Nothing has been changed.');
    server.script['PUT /smtp'] = () => {
      server.script['GET /smtp'] = { json: ACTIVE };
      return { json: { activated: true, revision: ACTIVE.revision, report: PASSED } };
    };
    await button('activate').click();
    await says('Your mail server is active. From now on your notifications leave through smtp.yourservice.com.');
    await form.locator('.arrival').getByRole('button', { name: 'Copy' }).first().click();
    await says('Copied');
    server.script['DELETE /smtp'] = { status: 204 };
    await button('remove').click();
    await form.getByRole('button', { name: 'Use the platform’s server' }).click();
    await says('The platform’s mail server is in use again.');
  }));

test('every control has a name, and its hint and issues belong to it', () =>
  withForm(browser, {}, async ({ page, form, button }) => {
    for (const name of ['Which mail goes through your server', 'Advanced'])
      await form.getByText(name, { exact: true }).click();
    await button('test').click();
    const loose = await form.evaluate((element) => {
      const root = element.shadowRoot;
      return [...root.querySelectorAll('input, select, textarea, [role=radiogroup]')].flatMap((control) => {
        const described = ['aria-describedby', 'aria-labelledby'].flatMap((name) =>
          (control.getAttribute(name) ?? '').split(' ').filter(Boolean),
        );
        return described.filter((id) => !root.getElementById(id)).map((id) => `${control.id} refers to ${id}`);
      });
    });
    assert.deepEqual(loose, []);
    const snapshot = await page.locator('smtp-settings-form').ariaSnapshot();
    assert.doesNotMatch(snapshot, /- (textbox|combobox|radio|button)(:|$)/m, 'no control without a name');
    assert.match(snapshot, /textbox "Server name"/);
  }));

test('nothing moves with reduced motion', async () => {
  const moving = ({ form }) =>
    form.evaluate((element) =>
      element.shadowRoot
        .getAnimations()
        .filter(({ playState }) => playState === 'running')
        .map(({ animationName }) => animationName),
    );
  const script = { 'POST /smtp/test': { lines: [PASSED.stages[0], new Promise(() => {})] } };
  for (const [reducedMotion, expected] of [
    ['no-preference', true],
    ['reduce', false],
  ]) {
    await withForm(browser, { script, context: { reducedMotion } }, async (at) => {
      await at.fillIn();
      await at.button('test').click();
      await at.form.locator('[data-stage=connect][data-status=running]').waitFor();
      await becomes(async () => (await moving(at)).includes('turn'), expected, reducedMotion);
      if (!expected) await becomes(() => moving(at), []);
    });
  }
});

test('forced colours still show the choice, the error and the focus', () =>
  withForm(browser, { context: { forcedColors: 'active' } }, async ({ page, form, field, button }) => {
    const styles = (locator, ...names) =>
      locator.evaluate((element, wanted) => wanted.map((name) => getComputedStyle(element)[name]), names);
    const [chosen, other] = [
      field('security').locator('label').first().locator('span'),
      field('security').locator('label').last().locator('span'),
    ];
    assert.notDeepEqual(
      await styles(chosen, 'outlineStyle', 'outlineWidth'),
      await styles(other, 'outlineStyle', 'outlineWidth'),
    );
    const before = await styles(field('host').locator('input'), 'borderWidth', 'borderStyle');
    await button('test').click();
    assert.notDeepEqual(await styles(field('host').locator('input'), 'borderWidth', 'borderStyle'), before);
    await page.keyboard.press('Tab');
    const [style, width] = await form.evaluate((element) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(element.shadowRoot.activeElement);
      return [outlineStyle, outlineWidth];
    });
    assert.ok(style !== 'none' && width !== '0px', 'the focus is seen');
  }));

test('secrets of OAuth 2 leave the document when they are stored', () =>
  withForm(browser, {}, async ({ page, form, server, input, field, button }) => {
    const oauth2 = {
      grant: 'refresh_token',
      tokenUrl: 'https://login.example.com/token',
      clientId: 'client',
      clientSecret: { isSet: true },
      refreshToken: { isSet: true },
      scope: null,
    };
    server.script['PUT /smtp'] = () => {
      server.script['GET /smtp'] = {
        json: {
          ...ACTIVE,
          settings: { ...SETTINGS, authMethod: 'oauth2', password: null, username: 'noreply@yourservice.com', oauth2 },
        },
      };
      return { json: { activated: true, revision: ACTIVE.revision, report: PASSED } };
    };
    await form.getByRole('radio', { name: 'OAuth 2.0' }).check();
    const values = {
      host: SETTINGS.host,
      port: '587',
      username: 'noreply@yourservice.com',
      'oauth2.tokenUrl': oauth2.tokenUrl,
      'oauth2.clientId': 'client',
      'oauth2.clientSecret': `${SECRET}-1`,
      'oauth2.refreshToken': `${SECRET}-2`,
      senderAddress: SETTINGS.senderAddress,
    };
    for (const [path, text] of Object.entries(values)) await input(path).fill(text);
    await field('oauth2.refreshToken').getByRole('button', { name: /^Show/ }).click();
    await button('activate').click();
    await form.locator('.banner.good').waitFor();
    const everywhere = await page.evaluate(() => {
      const texts = [
        JSON.stringify(document.querySelector('smtp-settings-form').value),
        JSON.stringify(window.heard),
        ...new FormData(document.querySelector('#outer')).values(),
      ];
      const look = (root) => {
        for (const element of root.querySelectorAll('*')) {
          texts.push(
            String(element.value ?? ''),
            ...[...element.attributes].map(({ value }) => value),
            element.textContent,
          );
          if (element.shadowRoot) look(element.shadowRoot);
        }
      };
      look(document);
      return texts.join('\n');
    });
    assert.ok(!everywhere.includes(SECRET));
    const { clientSecret, refreshToken } = await form.evaluate((element) => element.value.oauth2);
    assert.deepEqual([clientSecret, refreshToken], [{ keep: true }, { keep: true }]);
  }));

test('attributes and properties agree, also when set before the element is defined', () =>
  withForm(browser, {}, async ({ page, form }) => {
    const result = await page.evaluate(async () => {
      const element = document.querySelector('smtp-settings-form');
      const seen = {};
      element.api = '/other';
      seen.attribute = element.getAttribute('api');
      element.setAttribute('locale', 'nl-BE');
      seen.property = element.locale;
      element.removeAttribute('locale');
      seen.inherited = element.locale;
      // A copy that is parsed, gets properties and is attached last, as frameworks do.
      const fresh = document.createElement('smtp-settings-form');
      Object.assign(fresh, {
        api: '/api',
        locale: 'de',
        getToken: async () => 'token',
        value: { host: 'smtp.example.org' },
      });
      seen.markup = fresh.outerHTML;
      document.body.append(fresh);
      await new Promise((ready) =>
        setTimeout(function look() {
          fresh.shadowRoot.querySelector('#f-host') ? ready() : setTimeout(look, 10);
        }),
      );
      seen.host = fresh.shadowRoot.querySelector('#f-host').value;
      seen.keys = ['api', 'locale', 'getToken', 'value', 'options', 'form', 'validity'].every(
        (name) => name in element,
      );
      seen.defined =
        customElements.get('smtp-settings-form') === element.constructor && element.constructor.formAssociated;
      return seen;
    });
    assert.deepEqual(result, {
      attribute: '/other',
      property: 'nl-BE',
      inherited: 'en',
      markup: '<smtp-settings-form api="/api" locale="de"></smtp-settings-form>',
      host: 'smtp.example.org',
      keys: true,
      defined: true,
    });
    await becomes(() => form.count(), 2);
  }));

test('its events bubble out of every shadow root, so that a handler on any ancestor gets them', () =>
  withForm(browser, {}, async ({ page, input }) => {
    await page.evaluate(() => {
      window.above = [];
      document.addEventListener('smtp-change', (event) =>
        window.above.push([event.target.localName, event.composed, event.detail.settings.host]),
      );
    });
    await input('host').fill('a');
    await becomes(() => page.evaluate(() => window.above), [['smtp-settings-form', true, 'a']]);
  }));
