// Type-checked against the published package: code that a TypeScript project may write, and code that must be an
// error.
import init, { codes, sameDestination, secretText, suggest, validate, validateField } from '@ownpost/validator';
import type {
  Category,
  Delivery,
  EmittedEvent,
  Event,
  EventReport,
  InspectReport,
  Issue,
  IssueCode,
  SecretInput,
  SettingsReport,
  SmtpSettings,
  StoredSettings,
  TestReport,
  ValidationReport,
} from '@ownpost/validator';
import '@ownpost/validator/deliveries';
import type { SmtpSettingsForm } from '@ownpost/validator/form';
import initObjects, { inspect, readEvent, readSettings } from '@ownpost/validator/objects';

await init();
await init({ wasm: new URL('./validator.wasm', import.meta.url), locales: ['nl'] });

const settings: SmtpSettings = {
  host: 'smtp.example.org',
  port: 587,
  security: 'starttls',
  username: 'jan',
  password: { set: 'secret', spaces: 'trim' },
  senderAddress: 'jan@example.org',
  routing: { 'rights-request': { via: 'relay', onFailure: 'hold' }, 'user-invitation': { via: 'platform' } },
};
const kept: SecretInput = { keep: true };
const report: ValidationReport = validate({ ...settings, password: kept }, { locale: 'nl', allowPorts: [2526] });
const issues: Issue[] = validateField(settings, 'oauth2.tokenUrl', 'de');
const fixed: Partial<SmtpSettings> | null = suggest('jan@gmail.com');
const mayKeep: boolean = sameDestination(settings, { ...settings, password: { isSet: true } });
const text: string = secretText({ set: ' secret', spaces: 'trim' });
const all: IssueCode[] = codes();
const category: Category = 'audit-invitation';

// A union is checked for completeness, without an enum that would exist at run time.
function sentence(severity: Issue['severity']): string {
  switch (severity) {
    case 'error':
      return 'cannot be used';
    case 'warning':
      return 'look at it';
  }
}
const hint = report.issues
  .filter(({ code }) => code === 'host.typo')
  .map(({ fix, params, message }) => [fix?.['host'], params['suggestion'], message, sentence('error')]);

function remedy(test: TestReport): string {
  if (test.failure === null) return test.testMessage?.messageId ?? '';
  const { stage, code, smtp } = test.failure;
  return `${stage} ${code} ${smtp === null ? 'silent' : `${smtp.code} ${smtp.enhanced ?? ''} ${smtp.text}`}`;
}

await initObjects({ inspect: false, locales: ['nl'] });
await initObjects({ wasm: new URL('./documents.wasm', import.meta.url), inspect: fetch('/inspect.wasm') });
const event: Event = { id: '1', tenant: 'acme', category, type: 'x', recipients: [{ address: 'jan@example.org' }] };
const read: EventReport = readEvent(event);
const sent: string | undefined = read.event?.recipients[0]?.address;
const stored: SettingsReport = readSettings(settings, { locale: 'nl' });
const active: StoredSettings | null = stored.settings;
const way: InspectReport = inspect('Received: …', {
  sender: active?.senderAddress ?? null,
  host: active?.host ?? null,
});
const lines = (delivery: Delivery): string => `${delivery.recipient} ${delivery.status} ${sent} ${way.viaRelay}`;

// The detail's type follows the event's.
function heard(emitted: EmittedEvent): string | null {
  switch (emitted['detail-type']) {
    case 'Delivery Failed':
      return lines(emitted.detail.delivery);
    case 'Relay Unhealthy':
      return emitted.detail.message;
    case 'Settings Removed':
      return String(emitted.detail.forgotten);
    default:
      return emitted.source;
  }
}

const form: SmtpSettingsForm = document.createElement('smtp-settings-form');
form.getToken = async () => 'token';
form.value = settings;
form.options = { allowNetworks: ['10.0.0.0/8'] };
form.addEventListener('smtp-change', ({ detail }) =>
  console.log(detail.valid, detail.issues.length, detail.settings.host),
);
form.addEventListener('smtp-tested', ({ detail }) => detail.report && remedy(detail.report));
form.addEventListener('smtp-activated', function ({ detail: { revision } }) {
  this.dataset['revision'] = revision ?? '';
});

// The answer of the API is a value of the form, and the events have types.
const element = document.querySelector('smtp-settings-form');
const ledger = document.querySelector('smtp-deliveries');
if (element && ledger) {
  element.value = await (await fetch('/smtp')).json();
  element.value = { host: 'smtp.example.org', password: { isSet: true } };
  const host: string = element.value.host;
  element.addEventListener('smtp-unauthorized', ({ detail }) => detail.retry());
  ledger.filters = { status: 'failed', since: host };
  ledger.addEventListener('smtp-deliveries-change', () => ledger.refresh());
  ledger.addEventListener('smtp-unauthorized', ({ detail }) => detail.retry());
}

// @ts-expect-error: there is no unencrypted mode.
const plain: SmtpSettings = { ...settings, security: 'none' };
// @ts-expect-error: a secret is set or kept, never both.
const both: SecretInput = { set: 'secret', keep: true };
// @ts-expect-error: not a code of the catalogue.
const unknown: IssueCode = 'host.misspelt';
// @ts-expect-error: required fields stay required.
const incomplete: SmtpSettings = { host: 'smtp.example.org' };
// @ts-expect-error: a recipient is not a text.
const misread: Event = { ...event, recipients: ['jan@example.org'] };
// @ts-expect-error: there are only four kinds of mail.
const other: Category = 'newsletter';

export { all, both, category, fixed, heard, hint, incomplete, issues, mayKeep, misread, other, plain, text, unknown };
