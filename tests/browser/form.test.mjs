// <smtp-settings-form> in a real browser, against a scripted API: the actions of an admin, and the form's view of
// every answer of the API. Every page has a Content-Security-Policy without inline styles and with Trusted Types, and
// each test ends with a check that nothing was blocked.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { launch, newPage } from '../harness/browser.mjs';
import { becomes, until } from '../harness/wait.mjs';
import { ACTIVE, MISMATCH, PASSED, REFUSED, SETTINGS } from './form-samples.mjs';
import { start } from './form-server.mjs';

const SECRET = 'correct-horse-7Q';
let browser, server, page, form;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());
beforeEach(async () => {
  server = await start();
  page = await newPage(browser, { reducedMotion: 'reduce' });
  page.setDefaultTimeout(60_000);
  form = page.locator('smtp-settings-form');
});
afterEach(async () => {
  const blocked = await page.evaluate(() => window.blocked);
  await page.context().close();
  await server.close();
  assert.deepEqual(blocked, [], 'nothing breaks the page’s Content-Security-Policy');
  const unexpected = page.problems.filter((problem) => !problem.startsWith('Failed to load resource'));
  assert.deepEqual(unexpected, [], 'no error on the console');
});

const button = (part) => form.locator(`[part~="${part}-button"]`);
const field = (path) => form.locator(`[data-path="${path}"]`);
const input = (path) => form.locator(`#f-${path.replaceAll('.', '-')}`);
const codes = (path) =>
  field(path)
    .locator('.issue')
    .evaluateAll((issues) => issues.map((issue) => issue.dataset.code));
const stages = () => form.locator('li[data-stage]').evaluateAll((rows) => rows.map((row) => row.dataset.status));
const value = () => form.evaluate((element) => element.value);
const heard = (name) =>
  page.evaluate((wanted) => window.heard.filter(([event]) => event === wanted).map(([, detail]) => detail), name);
const asked = (key) => server.calls.filter((call) => call.key === key);
const focused = () => form.evaluate((element) => element.shadowRoot.activeElement?.id);

/** Opens the page: with `active` settings as a summary, with `change` as an open form. */
async function open({ change = false, active = change, locale = 'en' } = {}) {
  if (active) server.script['GET /smtp'] = { json: ACTIVE };
  await page.goto(`${server.origin}/?locale=${locale}`);
  await form.locator('.status').waitFor();
  if (change) await button('change').click();
}

async function fillIn(settings = {}) {
  const values = {
    host: 'smtp.yourservice.com',
    port: '587',
    username: 'mailer',
    password: SECRET,
    senderAddress: 'noreply@yourservice.com',
    ...settings,
  };
  for (const [path, text] of Object.entries(values)) await input(path).fill(text);
}

test('an error is not shown while the admin types, but after leaving the field, and disappears when it is cured', async () => {
  await open();
  await input('host').pressSequentially('https://smtp.yourservice.com/');
  await becomes(() => codes('host'), []);
  await input('port').focus();
  await becomes(() => codes('host'), ['host.url']);
  await becomes(() => input('host').getAttribute('aria-invalid'), 'true');
  const described = (await input('host').getAttribute('aria-describedby')).split(' ');
  assert.ok(described.includes('f-host-issues'));
  await input('host').fill('smtp.yourservice.com');
  await becomes(() => codes('host'), []);
  await becomes(() => input('host').getAttribute('aria-invalid'), null);
});

test('an empty field is no error before a test, which then names all errors and focuses the first', async () => {
  await open();
  await input('host').focus();
  await input('username').focus();
  await becomes(() => form.locator('.issue.error').count(), 0);
  await button('activate').click();
  for (const path of ['host', 'username', 'password', 'senderAddress'])
    await becomes(() => codes(path), [`${path}.required`]);
  await becomes(focused, 'f-host');
  assert.deepEqual(asked('PUT /smtp'), []);
});

test('one click applies a fix, cures the issue and leaves the focus in the field', async () => {
  await open();
  await input('host').fill('https://smtp.yourservice.com/');
  for (const name of ['TLS', 'STARTTLS']) await form.getByRole('radio', { name, exact: true }).check();
  await input('port').fill('465');
  await input('username').focus();
  await field('host').getByRole('button').click();
  await becomes(() => input('host').inputValue(), 'smtp.yourservice.com');
  await becomes(() => codes('host'), []);
  await becomes(focused, 'f-host');
  await becomes(() => codes('security'), ['security.port_mismatch']);
  await field('security').getByRole('button').click();
  await becomes(async () => (await value()).security, 'tls');
  await becomes(() => codes('security'), []);
});

test('spaces around the typed text are reported and removed by one click', async () => {
  await open();
  for (const [path, text] of [
    ['host', 'smtp.yourservice.com'],
    ['username', 'mailer'],
    ['password', SECRET],
  ]) {
    await input(path).fill(` ${text} `);
    await input('senderName').focus();
    await becomes(() => codes(path), [`${path}.whitespace`]);
    await field(path).getByRole('button', { name: 'Remove the spaces at the ends' }).click();
    await becomes(() => input(path).inputValue(), text);
    await becomes(() => codes(path), []);
  }
});

test('the fix for white space in a password cures it, for all white space of the rules', async () => {
  await open();
  // JavaScript's own trim() removes only the first: U+0085 is white space only in the rules.
  for (const space of ['\ufeff', '\u0085']) {
    await input('password').fill(`${space}${SECRET}${space}`);
    await input('senderName').focus();
    await becomes(async () => (await codes('password')).includes('password.whitespace'), true);
    await field('password').getByRole('button', { name: 'Remove the spaces at the ends' }).click();
    await becomes(() => codes('password'), []);
    await becomes(async () => (await value()).password, { set: SECRET });
  }
});

test('a stored password stays while the server is the same, in any case of its name', async () => {
  await open({ change: true });
  for (const [host, kept] of [
    [SETTINGS.host.toUpperCase(), true],
    ['mail.yourservice.com', false],
    [`${SETTINGS.host}.`, true],
    [`x${SETTINGS.host}`, false],
  ]) {
    await input('host').fill(host);
    await becomes(async () => (await value()).password?.keep === true, kept, `the password at ${host}`);
  }
});

test('the address of a known provider brings its settings, and so does the list', async () => {
  await open();
  await input('senderAddress').fill('jan@gmail.com');
  await input('senderName').focus();
  await form.locator('.preset button').click();
  const { host, port, security } = await value();
  assert.deepEqual({ host, security }, { host: 'smtp.gmail.com', security: port === 465 ? 'tls' : 'starttls' });
  await form.locator('#provider').selectOption({ label: 'Microsoft 365' });
  await becomes(async () => (await value()).host, 'smtp.office365.com');
  await input('host').fill('smtp.yourservice.com');
  await becomes(() => form.locator('#provider').inputValue(), '');
});

test('stages pass one after another as they are streamed', async () => {
  await open();
  const gates = [];
  const gate = (line) => new Promise((resolve) => gates.push(() => resolve(line)));
  server.script['POST /smtp/test'] = { lines: [...PASSED.stages.map(gate), gate(PASSED)] };
  await fillIn();
  await button('test').click();
  await until('the test has begun', async () => (await stages())[0] === 'running');
  for (let passed = 1; passed < PASSED.stages.length; passed += 1) {
    gates[passed - 1]();
    await until(`stage ${passed} has passed`, async () => (await stages())[passed] === 'running');
    await becomes(async () => (await stages()).slice(0, passed), Array(passed).fill('passed'));
  }
  await becomes(() => button('activate').getAttribute('aria-disabled'), 'true');
  for (const open of gates.slice(PASSED.stages.length - 1)) open();
  await form.locator('.banner.good').waitFor();
  await becomes(stages, Array(9).fill('passed'));
  await becomes(() => button('activate').getAttribute('aria-disabled'), 'false');
  const [{ body, headers }] = asked('POST /smtp/test');
  assert.match(headers.accept, /application\/x-ndjson/);
  assert.equal(headers.authorization, 'Bearer token-of-acme');
  assert.deepEqual(body.password, { set: SECRET });
  assert.equal(body.port, 587);
  await becomes(() => form.locator('.arrival').innerText(), /test\.6f1c2d9a@yourservice\.com/);
  await becomes(async () => (await heard('smtp-tested'))[0].report.ok, true);
  await becomes(async () => (await value()).password.set, SECRET, 'a test stores nothing, so the password stays');
});

test('a test is stopped by a button, and the next one starts from the beginning', async () => {
  await open();
  server.script['POST /smtp/test'] = { lines: [PASSED.stages[0], new Promise(() => {})] };
  await fillIn();
  await button('test').click();
  await until('the first stage', async () => (await stages())[0] === 'passed');
  await button('stop').click();
  await form.getByText('Stopped.').first().waitFor();
  await becomes(async () => (await stages()).includes('running'), false);
  server.script['POST /smtp/test'] = { json: PASSED };
  await button('test').click();
  await form.locator('.banner.good').waitFor();
});

test('activated settings leave no secret in the document, and the stored one is kept from then on', async () => {
  await open();
  server.script['PUT /smtp'] = () => {
    server.script['GET /smtp'] = { json: ACTIVE };
    return { json: { activated: true, revision: ACTIVE.revision, report: PASSED } };
  };
  await fillIn();
  await field('password').getByRole('button', { name: 'Show Password' }).click();
  await becomes(() => input('password').getAttribute('type'), 'text');
  await button('activate').click();
  await form.locator('.banner.good').waitFor();
  await becomes(() => form.locator('.status').innerText(), /Your mail server is active/);
  const anywhere = await page.evaluate((secret) => {
    const found = [];
    const look = (root) => {
      for (const element of root.querySelectorAll('*')) {
        const texts = [
          element.value,
          ...[...element.attributes].map(({ value }) => value),
          ...[...element.childNodes].filter(({ nodeType }) => nodeType === 3).map(({ data }) => data),
        ];
        if (texts.some((text) => typeof text === 'string' && text.includes(secret))) found.push(element.outerHTML);
        if (element.shadowRoot) look(element.shadowRoot);
      }
    };
    look(document);
    const form = document.querySelector('smtp-settings-form');
    found.push(
      ...[
        JSON.stringify(form.value),
        new FormData(document.querySelector('#outer')).get('smtp'),
        JSON.stringify(window.heard),
      ].filter((text) => text.includes(secret)),
    );
    return found;
  }, SECRET);
  assert.deepEqual(anywhere, []);
  await becomes(async () => (await value()).password, { keep: true });
  await becomes(async () => (await heard('smtp-activated'))[0].revision, ACTIVE.revision);
});

test('a failed activation shows stage, reply, remedy and that the earlier settings are still active', async () => {
  await open({ change: true });
  server.script['PUT /smtp'] = { status: 409, json: { activated: false, report: REFUSED } };
  await field('password').getByRole('button', { name: 'Replace Password' }).click();
  await input('password').fill(SECRET);
  await button('activate').click();
  const banner = form.locator('.banner.bad');
  await banner.waitFor();
  const text = await banner.innerText();
  for (const part of [
    '535 5.7.8 Error: authentication failed',
    REFUSED.failure.message,
    REFUSED.failure.remedy,
    'auth.rejected',
    'The earlier settings are still active',
  ])
    assert.ok(text.includes(part), part);
  await becomes(stages, ['passed', 'passed', 'passed', 'passed', 'passed', 'failed', 'skipped', 'skipped', 'skipped']);
  await banner.getByRole('button', { name: /Password/ }).click();
  await becomes(focused, 'f-password');
  await becomes(() => heard('smtp-activated'), []);
  await becomes(async () => (await value()).password.set, SECRET, 'nothing was stored, so it need not be typed again');
});

test('a fix that the server has proven is applied and tested by one click', async () => {
  await open();
  server.script['POST /smtp/test'] = { json: MISMATCH };
  await fillIn({ port: '465' });
  await form.getByRole('radio', { name: 'TLS', exact: true }).check();
  await button('test').click();
  await form.locator('.proven').waitFor();
  server.script['POST /smtp/test'] = { json: PASSED };
  await form.locator('.proven button').click();
  await form.locator('.banner.good').waitFor();
  const [, { body }] = asked('POST /smtp/test');
  assert.deepEqual([body.port, body.security, body.password], [587, 'starttls', { set: SECRET }]);
});

test('a stored password is kept explicitly, and asked for again when it would go to another server', async () => {
  await open({ change: true });
  server.script['POST /smtp/test'] = { json: PASSED };
  await button('test').click();
  await form.locator('.banner.good').waitFor();
  assert.deepEqual(asked('POST /smtp/test')[0].body.password, { keep: true });
  await input('host').fill('smtp.elsewhere.com');
  await becomes(async () => (await value()).password, undefined);
  await becomes(() => input('password').isVisible(), true);
  await button('test').click();
  await becomes(() => codes('password'), ['password.required']);
  assert.equal(asked('POST /smtp/test').length, 1);
  await input('host').fill(SETTINGS.host);
  await becomes(async () => (await value()).password, { keep: true });
});

test('an issue that only the server finds appears at its field', async () => {
  await open();
  const issue = {
    field: 'password',
    code: 'password.reentry_required',
    severity: 'error',
    params: {},
    message: 'Please enter the password again.',
    fix: null,
  };
  server.script['PUT /smtp'] = { status: 422, json: { valid: false, issues: [issue] } };
  await fillIn();
  await button('activate').click();
  await field('password').locator('.issue').waitFor();
  await becomes(() => codes('password'), ['password.reentry_required']);
  await becomes(focused, 'f-password');
  await becomes(() => form.locator('.test').count(), 0);
});

const problems = [
  [401, { code: 'unauthenticated', title: 'Unauthorized' }, {}, /session has ended.*Sign in again/s],
  [403, { code: 'forbidden', title: 'Forbidden' }, {}, /may not change/],
  [
    409,
    { code: 'settings.conflict', title: 'Conflict', detail: 'Theirs are active.' },
    {},
    /Somebody else has changed/,
  ],
  [409, { code: 'rollback.nothing_before', title: 'Conflict' }, {}, /no earlier settings/],
  [
    503,
    { code: 'store.unavailable', title: 'Service Unavailable', detail: 'The store cannot be reached just now.' },
    { 'Retry-After': '5' },
    /cannot be reached just now/,
  ],
  [429, { code: 'rate_limited', title: 'Too many' }, { 'Retry-After': '40' }, /Wait 40 seconds/],
  [429, { code: 'rate_limited', title: 'Too many' }, {}, /Wait a minute/],
  [
    500,
    { code: 'internal', title: 'Internal error', detail: 'The store is not there.' },
    {},
    /service has a problem.*The store is not there/s,
  ],
  [502, undefined, {}, /service has a problem/],
];
for (const [status, json, headers, expected] of problems) {
  test(`an answer ${status} ${json?.code ?? 'without a body'} ${headers['Retry-After'] ?? ''} shows its meaning and the remedy`, async () => {
    await open();
    server.script['PUT /smtp'] = { status, json: json && { type: 'about:blank', status, ...json }, headers };
    await fillIn();
    await button('activate').click();
    const alert = form.locator('[role=alert]');
    await alert.waitFor();
    const text = await alert.innerText();
    assert.match(text, expected);
    if (json) assert.ok(text.includes(json.code));
    await becomes(async () => (await value()).password.set, SECRET, 'the typed text stays');
    await becomes(() => button('activate').getAttribute('aria-disabled'), 'false');
  });
}

test('no answer, a broken stream and a stream that is no JSON have their own messages', async () => {
  await open();
  await fillIn();
  const [stage] = PASSED.stages;
  for (const answer of [
    { lines: [stage] },
    { lines: [stage], drop: true },
    { lines: [stage, '{"ok": tr'] },
    { lines: [stage, '<html>\n'] },
    { drop: true },
  ]) {
    server.script['POST /smtp/test'] = answer;
    await button('test').click();
    await form.locator('[role=alert]').waitFor();
    await becomes(() => form.locator('[role=alert]').innerText(), /could not be reached/);
    server.script['POST /smtp/test'] = { json: PASSED };
    await button('test').click();
    await form.locator('.banner.good').waitFor();
  }
});

test('settings that cannot be loaded are loaded again by a button', async () => {
  server.script['GET /smtp'] = { status: 500, json: { code: 'internal', title: 'Internal error' } };
  await page.goto(server.origin);
  await form.locator('[role=alert]').waitFor();
  server.script['GET /smtp'] = { json: ACTIVE };
  await form.getByRole('button', { name: 'Try again' }).click();
  await form.locator('.status.active').waitFor();
  await becomes(() => input('host').inputValue(), SETTINGS.host);
});

test('text of a hostile server stays text', async () => {
  await open();
  const evil = '<img src=x onerror="window.owned = true"> {host} \u202e';
  const report = structuredClone(REFUSED);
  report.failure.smtp.text = evil;
  report.failure.message = evil;
  report.transcript.push({ ms: 1, from: 'server', line: evil });
  report.tls.certificate.names = [evil];
  server.script['POST /smtp/test'] = { json: report };
  await fillIn();
  await button('test').click();
  await form.locator('.banner.bad').waitFor();
  await becomes(() => form.locator('img').count(), 0);
  await becomes(async () => (await form.locator('.reply').innerText()).includes('<img src=x'), true);
  await becomes(() => page.evaluate(() => window.owned), undefined);
});

test('back to the earlier settings, after a confirmation', async () => {
  await open({ active: true });
  server.script['POST /smtp/rollback'] = { json: { activated: true, revision: 'earlier-revision', report: PASSED } };
  await button('rollback').click();
  // The question's code comes late: a key before it would close nothing.
  await form.locator('dialog').waitFor();
  await page.keyboard.press('Escape');
  await becomes(() => form.locator('dialog').count(), 0, 'Escape closes the question');
  assert.deepEqual(asked('POST /smtp/rollback'), []);
  await button('rollback').click();
  await form.getByRole('button', { name: 'Test and go back' }).click();
  await form.locator('.banner.good').waitFor();
  await becomes(() => form.locator('.banner.good').innerText(), /earlier settings are active again/);
  assert.equal(asked('POST /smtp/rollback').length, 1);
});

test('the earlier settings may be none: then the platform’s server is in use again', async () => {
  await open({ active: true });
  server.script['POST /smtp/rollback'] = () => {
    delete server.script['GET /smtp'];
    return { json: { activated: true, revision: 'earlier-revision', report: null } };
  };
  await button('rollback').click();
  await form.getByRole('button', { name: 'Test and go back' }).click();
  await form.locator('.banner.good').waitFor();
  await becomes(() => form.locator('.banner.good').innerText(), /platform’s mail server is in use again/);
  await becomes(() => form.locator('.status.platform').isVisible(), true);
  await becomes(() => input('host').inputValue(), '');
});

test('a rollback whose test fails changes nothing', async () => {
  await open({ active: true });
  server.script['POST /smtp/rollback'] = { status: 409, json: { activated: false, report: REFUSED } };
  await button('rollback').click();
  await form.getByRole('button', { name: 'Test and go back' }).click();
  await form.locator('.banner.bad').waitFor();
  await becomes(() => form.locator('.banner.bad').innerText(), /earlier settings are still active/);
});

test('back to the platform’s server, after a confirmation', async () => {
  await open({ active: true });
  server.script['DELETE /smtp'] = () => {
    delete server.script['GET /smtp'];
    return { status: 204 };
  };
  await button('remove').click();
  await form.getByRole('button', { name: 'Cancel' }).click();
  await becomes(() => form.locator('dialog').count(), 0, 'Cancel closes the question');
  assert.deepEqual(asked('DELETE /smtp'), []);
  await button('remove').click();
  await form.getByRole('button', { name: 'Use the platform’s server' }).click();
  await form.locator('.status.platform').waitFor();
  assert.equal(asked('DELETE /smtp').length, 1);
  await becomes(() => input('host').inputValue(), '');
});

test('the keyboard is enough to fill in, test and open everything', async () => {
  await open();
  server.script['POST /smtp/test'] = { json: REFUSED };
  await input('host').focus();
  const type = async (text) => {
    await page.keyboard.press('Tab');
    if (text) await page.keyboard.type(text);
  };
  await page.keyboard.type('smtp.yourservice.com');
  await type('587');
  await type();
  await page.keyboard.press('ArrowRight');
  await becomes(async () => (await value()).security, 'tls');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.type('465');
  await type();
  await type();
  await type('mailer');
  await type(SECRET);
  await type(); // the button that shows the password
  await type('noreply@yourservice.com');
  await type('Your Service');
  await page.keyboard.press('Enter');
  await form.locator('.banner.bad').waitFor();
  assert.equal(asked('POST /smtp/test').length, 1);
  await becomes(focused, 'f-senderName', 'the focus stays where it was');
  const [{ body }] = asked('POST /smtp/test');
  assert.deepEqual(
    [body.host, body.port, body.username, body.password.set, body.senderName],
    ['smtp.yourservice.com', 465, 'mailer', SECRET, 'Your Service'],
  );
  const reached = new Set();
  await form.evaluate((element) => element.shadowRoot.querySelector('#f-replyTo').focus());
  for (let presses = 0; presses < 40 && !reached.has('Transcript'); presses += 1) {
    await page.keyboard.press('Tab');
    reached.add(await form.evaluate((element) => element.shadowRoot.activeElement?.textContent ?? ''));
  }
  for (const name of [
    'Which mail goes through your server',
    'Advanced',
    'Test and activate',
    'Test only',
    'Go to “Password”',
    'Encryption and certificate',
    'Transcript',
  ])
    assert.ok(reached.has(name), name);
  await page.keyboard.press('Enter');
  await form.getByText('AUTH PLAIN <redacted>').waitFor();
});

test('each result is announced to screen readers', async () => {
  await open();
  await page.evaluate(() => {
    window.said = [];
    const live = document.querySelector('smtp-settings-form').shadowRoot.querySelector('[aria-live]');
    new MutationObserver(() => window.said.push(live.textContent)).observe(live, {
      childList: true,
      characterData: true,
      subtree: true,
    });
  });
  const gates = [];
  const gate = (line) => new Promise((resolve) => gates.push(() => resolve(line)));
  server.script['POST /smtp/test'] = { lines: [...REFUSED.stages.map(gate), gate(REFUSED)] };
  await fillIn();
  await button('test').click();
  for (const [at, open] of [...gates.entries()]) {
    open();
    await until('announced', () => page.evaluate((count) => window.said.length >= count, at + 2));
  }
  const said = await page.evaluate(() => window.said);
  assert.match(said[0], /Testing smtp\.yourservice\.com/);
  assert.ok(said.some((text) => /: Passed/.test(text)));
  assert.ok(said.some((text) => /: Failed/.test(text)));
  await until('the end', () =>
    page.evaluate((message) => window.said.at(-1).includes(message), REFUSED.failure.message),
  );
});

/** What the page's own form has of the element, and whether that form may be sent. */
const outer = () =>
  page.evaluate(() => {
    const form = document.querySelector('#outer');
    return [JSON.parse(new FormData(form).get('smtp')), form.checkValidity()];
  });

test('by its name the element is a part of the form around it, and gives it no secret', async () => {
  await open({ change: true });
  await becomes(outer, [await value(), true]);
  await field('password').getByRole('button', { name: 'Replace Password' }).click();
  await input('password').fill(SECRET);
  await becomes(async () => JSON.stringify(await outer()).includes(SECRET), false);
  await becomes(async () => (await value()).password.set, SECRET);
  await input('senderAddress').fill('nobody');
  await becomes(async () => (await outer())[0].senderAddress, 'nobody');
  await becomes(async () => (await outer())[1], false);
  await page.evaluate(() => document.querySelector('#outer').reset());
  await becomes(() => input('senderAddress').inputValue(), SETTINGS.senderAddress);
  await page.evaluate(() =>
    document.querySelector('#outer').append(Object.assign(document.createElement('fieldset'), { disabled: true })),
  );
  await page.evaluate(() => document.querySelector('fieldset').append(document.querySelector('smtp-settings-form')));
  await becomes(() => input('host').isDisabled(), true);
});

test('the form around it is held up only where it asks for settings', async () => {
  await open();
  await becomes(async () => (await outer())[1], true, 'nothing was filled in');
  await form.evaluate((element) => element.setAttribute('required', ''));
  await becomes(async () => (await outer())[1], false, 'required');
  await form.evaluate((element) => element.removeAttribute('required'));
  await becomes(async () => (await outer())[1], true);
  await input('host').fill('no host');
  await becomes(async () => (await outer())[1], false, 'filled in, with a name');
  await form.evaluate((element) => element.removeAttribute('name'));
  await becomes(
    () =>
      page.evaluate(() => [
        [...new FormData(document.querySelector('#outer'))],
        document.querySelector('#outer').checkValidity(),
      ]),
    [[], true],
    'without a name it is no part of that form',
  );
});

test('where two fixes compete, the right one comes first', async () => {
  await open();
  await input('host').fill('smtp.gmial.com:465');
  await input('senderName').focus();
  await becomes(() => codes('host'), ['host.typo', 'host.has_port']);
  await field('host').locator('.issue button').first().click();
  await becomes(async () => {
    const { host, port, security } = await value();
    return [host, port, security];
  }, ['smtp.gmail.com', 465, 'tls']);
  await becomes(() => field('host').locator('[data-code]').count(), 0);
});

test('port and encryption follow each other while one of them is untouched', async () => {
  await open();
  const pair = async () => [(await value()).port, (await value()).security];
  await input('port').fill('465');
  await becomes(pair, [465, 'tls']);
  await input('port').fill('587');
  await becomes(pair, [587, 'starttls']);
  await form.getByRole('radio', { name: 'TLS', exact: true }).check();
  await becomes(pair, [587, 'tls'], 'both were chosen by the admin');
  await becomes(() => codes('security'), ['security.port_mismatch'], 'so the note comes, with its fix');
  await page.reload();
  await form.locator('.status').waitFor();
  await form.getByRole('radio', { name: 'TLS', exact: true }).check();
  await becomes(pair, [465, 'tls']);
  await form.getByRole('radio', { name: 'STARTTLS' }).check();
  await becomes(pair, [587, 'starttls']);
  await form.evaluate((element) => (element.options = { allowPorts: [3535] }));
  await input('port').fill('3535');
  await becomes(pair, [3535, 'starttls'], 'a port of the operator has no usual encryption');
});

test('settings that are active are a summary until they are to be changed', async () => {
  await open({ active: true });
  await becomes(() => input('host').isVisible(), false);
  const text = await form.locator('.status').innerText();
  for (const part of [
    'smtp.yourservice.com:587 · STARTTLS',
    'mailer',
    'Your Service <noreply@yourservice.com>',
    'Healthy',
  ])
    assert.ok(text.includes(part), part);
  assert.match(text, /User invitations\s+The platform’s server/);
  assert.match(text, /Audit invitations\s+Your server · through the platform if it fails/);
  await button('change').click();
  await becomes(focused, 'f-host');
  await input('host').fill('smtp.elsewhere.com');
  await button('discard').click();
  await becomes(() => input('host').isVisible(), false);
  await becomes(async () => (await value()).host, SETTINGS.host);
  server.script['POST /smtp/test'] = { json: PASSED };
  await button('retest').click();
  await form.locator('.banner.good').waitFor();
  assert.deepEqual(asked('POST /smtp/test')[0].body.password, { keep: true });
  await becomes(() => input('host').isVisible(), false, 'the result stands below the summary');
});

test('the way back is offered only where there is one', async () => {
  for (const [json, count] of [
    [{ ...ACTIVE, previous: false }, 0],
    [ACTIVE, 1],
    [{ status: 'platform', previous: true }, 1],
    [{ status: 'platform', previous: false }, 0],
  ]) {
    server.script['GET /smtp'] = { json };
    await page.goto(server.origin);
    await form.locator('.status').waitFor();
    await becomes(() => button('rollback').count(), count, JSON.stringify(json));
  }
});

test('an API that knows no `default` answers 404 for the platform’s server', async () => {
  server.script['GET /smtp'] = { status: 404, json: { code: 'not_configured', status: 404 } };
  await page.goto(server.origin);
  await form.locator('.status.platform').waitFor();
});

test('password managers have nothing to offer and nothing to keep', async () => {
  await open();
  const inputs = await form.evaluate((element) =>
    ['f-username', 'f-password'].map((id) => {
      const { autocomplete, name, dataset } = element.shadowRoot.getElementById(id);
      return [autocomplete, name, dataset.lpignore, dataset.formType, '1pIgnore' in dataset, 'bwignore' in dataset];
    }),
  );
  assert.deepEqual(inputs, [
    ['off', '', 'true', 'other', true, true],
    ['one-time-code', '', 'true', 'other', true, true],
  ]);
});

test('a value that the page sets before the active settings have come stays, until something is activated', async () => {
  let answer;
  server.script['GET /smtp'] = { json: ACTIVE, wait: new Promise((resolve) => (answer = resolve)) };
  await page.goto(server.origin);
  await form.locator('.form').waitFor();
  await form.evaluate((element) => (element.value = { host: 'smtp.set-by-the-page.com' }));
  answer();
  await form.locator('.status.active').waitFor();
  await becomes(() => input('host').inputValue(), 'smtp.set-by-the-page.com');
  await form.evaluate((element) => element.reload());
  await becomes(() => input('host').inputValue(), SETTINGS.host);
});

test('an element that is moved stays as it is, and another API is asked for its settings', async () => {
  await open({ change: true });
  server.script['POST /smtp/test'] = { json: PASSED };
  await button('test').click();
  await form.locator('.banner.good').waitFor();
  await page.evaluate(() => document.querySelector('main').append(document.querySelector('smtp-settings-form')));
  await becomes(() => form.locator('.banner.good').count(), 1);
  server.script['GET /other/smtp'] = { json: { ...ACTIVE, settings: { ...SETTINGS, host: 'smtp.other.com' } } };
  await form.evaluate((element) => (element.api = '/api/other'));
  await until('the other settings', async () => (await value()).host === 'smtp.other.com');
});

test('properties set before the element is there count, and the value takes and gives settings', async () => {
  await open();
  const result = await page.evaluate(
    (settings) => {
      const element = document.querySelector('smtp-settings-form');
      element.value = settings;
      return element.value;
    },
    { ...SETTINGS, password: { set: SECRET }, authMethod: 'password' },
  );
  assert.deepEqual(result, { ...SETTINGS, password: { set: SECRET } });
  await becomes(() => input('host').inputValue(), SETTINGS.host);
  assert.equal(asked('GET /smtp')[0].headers.authorization, 'Bearer token-of-acme');
});

test('OAuth 2 and no sign-in show only the fields that they need', async () => {
  await open();
  await form.getByRole('radio', { name: 'OAuth 2.0' }).check();
  await becomes(() => input('password').count(), 0, 'the password field leaves the document');
  await input('oauth2.tokenUrl').fill('https://login.example.com/token');
  await input('oauth2.clientId').fill('client');
  await input('oauth2.refreshToken').fill(SECRET);
  await input('username').fill('noreply@yourservice.com');
  const { oauth2, password, username } = await value();
  assert.deepEqual(oauth2, {
    grant: 'refresh_token',
    tokenUrl: 'https://login.example.com/token',
    clientId: 'client',
    refreshToken: { set: SECRET },
  });
  assert.equal(password, undefined);
  assert.equal(username, 'noreply@yourservice.com');
  await form.getByRole('radio', { name: 'Client credentials of an application' }).check();
  await becomes(() => input('oauth2.refreshToken').isVisible(), false);
  await becomes(async () => (await value()).oauth2.refreshToken, undefined);
  await form.getByRole('radio', { name: 'Nothing' }).check();
  await becomes(async () => [(await value()).username, (await value()).oauth2], [undefined, undefined]);
});

test('each kind of mail has its own route', async () => {
  await open();
  await form.getByText('Which mail goes through your server').click();
  await form.getByLabel('User invitations: Goes through').selectOption('platform');
  await form.getByLabel('Audit invitations: If your server fails').selectOption('platform');
  const { routing } = await value();
  assert.deepEqual(routing['user-invitation'], { via: 'platform' });
  assert.deepEqual(routing['audit-invitation'], { via: 'relay', onFailure: 'platform' });
  await becomes(() => form.getByLabel('User invitations: If your server fails').isVisible(), false);
});

for (const [locale, label] of [
  ['en', 'Server name'],
  ['fr-CA', 'Nom du serveur'],
  ['NL_be', 'Servernaam'],
  ['de', 'Servername'],
  ['es', 'Nombre del servidor'],
  ['pt', 'Server name'],
]) {
  test(`the form has messages in ${locale}`, async () => {
    await open({ locale });
    await becomes(() => form.getByLabel(label).isVisible(), true);
    const [{ headers }] = asked('GET /smtp');
    assert.equal(headers['accept-language'], locale === 'pt' ? 'en' : locale.slice(0, 2).toLowerCase());
    const unknown = await form.evaluate((element) =>
      [...element.shadowRoot.querySelectorAll('*')]
        .flatMap((node) => [...node.childNodes])
        .filter(({ nodeType, data }) => nodeType === 3 && /^[a-zA-Z0-9-]+(\.[a-zA-Z-]+)+$/.test(data.trim()))
        .map(({ data }) => data),
    );
    assert.deepEqual(unknown, [], 'no key is shown instead of a message');
  });
}

test('another language keeps the typed text', async () => {
  await open();
  await fillIn();
  await form.evaluate((element) => element.setAttribute('locale', 'de'));
  await form.getByLabel('Servername').waitFor();
  await becomes(() => input('host').inputValue(), 'smtp.yourservice.com');
  await becomes(async () => (await value()).password.set, SECRET);
});

test('contacts are a list between commas or lines, whose issues and fixes are at the field', async () => {
  await open();
  await fillIn();
  await form.getByText('Which mail goes through your server').click();
  await input('contacts').fill('ops@example.org,\n"a, b"@example.org; oncall@gmial.com\n');
  await page.keyboard.press('Tab');
  await becomes(() => codes('contacts'), ['contacts.typo']);
  await field('contacts').locator('.issue button').click();
  const list = ['ops@example.org', '"a, b"@example.org', 'oncall@gmail.com'];
  await becomes(async () => (await value()).contacts, list);
  assert.equal(await input('contacts').inputValue(), list.join(', '));
  await input('contacts').fill(' ');
  await page.keyboard.press('Tab');
  await becomes(async () => (await value()).contacts, null);
});

test('the status says who hears of a broken server, and stored contacts are shown', async () => {
  const alerted = { addresses: ['ops@example.org'], savedLast: false };
  server.script['GET /smtp'] = {
    json: { ...ACTIVE, settings: { ...ACTIVE.settings, contacts: alerted.addresses }, alerted },
  };
  await page.goto(`${server.origin}/`);
  await form.locator('.status-facts').getByText('ops@example.org').waitFor();
  await button('change').click();
  await becomes(() => input('contacts').isVisible(), true);
  assert.equal(await input('contacts').inputValue(), 'ops@example.org');
});
