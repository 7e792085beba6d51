// The settings page as its user works it: by the words on it.
import { until } from './wait.mjs';

export const CATEGORIES = ['notification', 'rights-request', 'audit-invitation', 'user-invitation'];

/** What the form needs to know of a Postfix of `postfix.mjs`. */
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

/** Types a draft into the form. */
export async function fill(page, draft) {
  const form = page.locator('smtp-settings-form');
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

/** Types the password, instead of a stored one if there is one. */
export async function enterPassword(page, password) {
  const form = page.locator('smtp-settings-form');
  const replace = form.getByRole('button', { name: 'Replace Password' });
  if (await replace.isVisible()) await replace.click();
  await form.getByRole('textbox', { name: 'Password' }).fill(password);
}

/** The stages of the last test that have come to an end, in their order: `[[stage, status], …]`. */
export const stages = (page) =>
  page.locator('smtp-settings-form li[data-stage]').evaluateAll((rows) =>
    rows.map((row) => [row.dataset.stage, row.dataset.status]));
