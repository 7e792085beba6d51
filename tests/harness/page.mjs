// The settings page as a user works with it: by the visible text.

export const CATEGORIES = ['notification', 'rights-request', 'audit-invitation', 'user-invitation'];

/** The settings for a Postfix of `postfix.mjs`. */
export const draftFor = (postfix, { security, password }) => ({
  host: postfix.host,
  port: security === 'tls' ? postfix.ports.smtps : postfix.ports.submission,
  security,
  username: postfix.username,
  password,
  senderAddress: postfix.sender,
  senderName: 'Customer Service',
  caPem: postfix.caPem,
});

/** Opens the page of `ownpost local` and signs in. */
export async function signIn(page, url, { tenant, email }) {
  await page.goto(url);
  await page.getByRole('textbox', { name: 'Customer', exact: true }).fill(tenant);
  await page.getByRole('textbox', { name: 'Your address' }).fill(email);
  await page.getByRole('button', { name: 'Start' }).click();
  await page.getByRole('button', { name: 'Test and activate' }).waitFor();
}

/** Sends a notification of that category from the panel. */
export async function fire(page, category) {
  const accepted = page.waitForResponse((response) => response.url().endsWith('/api/events'));
  await page.locator(`[data-category="${category}"]`).click();
  const status = (await accepted).status();
  if (status !== 202) throw new Error(`the event was answered with ${status}`);
}

/** Opens the fields where the active settings are shown as a summary. */
export async function change(page) {
  const button = page.locator('smtp-settings-form [part~="change-button"]');
  if (await button.isVisible()) await button.click();
}

/** Enters the settings into the form. */
export async function fill(page, draft) {
  const form = page.locator('smtp-settings-form');
  await change(page);
  await form.getByLabel('Server name').fill(draft.host);
  await form.getByLabel('Port', { exact: true }).fill(String(draft.port));
  await form.getByRole('radio', { name: draft.security === 'tls' ? 'TLS' : 'STARTTLS', exact: true }).check();
  await form.getByLabel('Username').fill(draft.username);
  await enterPassword(page, draft.password);
  await form.getByLabel('Sender address').fill(draft.senderAddress);
  await form.getByLabel('Sender name').fill(draft.senderName);
  const certificate = form.getByLabel('Certificate of your private authority (PEM)');
  if (!(await certificate.isVisible())) await form.getByText('Advanced', { exact: true }).click();
  await certificate.fill(draft.caPem);
}

/** Enters the password, and replaces a stored one. */
export async function enterPassword(page, password) {
  const form = page.locator('smtp-settings-form');
  await change(page);
  const replace = form.getByRole('button', { name: 'Replace Password' });
  if (await replace.isVisible()) await replace.click();
  await form.getByRole('textbox', { name: 'Password' }).fill(password);
}

/** The finished stages of the last test, in order: `[[stage, status], …]`. */
export const stages = (page) =>
  page
    .locator('smtp-settings-form li[data-stage]')
    .evaluateAll((rows) => rows.map((row) => [row.dataset.stage, row.dataset.status]));
