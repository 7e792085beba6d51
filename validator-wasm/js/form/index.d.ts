import type { Issue, Options, SmtpSettings, TestReport } from '../index.js';

/** What `smtp-change` tells: never what was typed into a secret. */
export interface ChangeDetail {
  valid: boolean;
  issues: Issue[];
  settings: SmtpSettings;
}

/** What `smtp-tested` tells. */
export interface TestedDetail {
  /** What the test found; null when there was nothing to test. */
  report: TestReport | null;
}

/** What `smtp-activated` tells; `revision` is null once the platform's server is in use again. */
export interface ActivatedDetail extends TestedDetail {
  revision: string | null;
}

export interface SmtpSettingsFormEventMap extends HTMLElementEventMap {
  'smtp-change': CustomEvent<ChangeDetail>;
  'smtp-tested': CustomEvent<TestedDetail>;
  'smtp-activated': CustomEvent<ActivatedDetail>;
}

/** `<smtp-settings-form api="/api" locale="nl">`. */
export class SmtpSettingsForm extends HTMLElement {
  /** Base address of the HTTP API. */
  api: string;
  /** BCP 47 tag; without one, the language of the page. */
  locale: string;
  /** Gives the bearer token for each call. */
  getToken: (() => Promise<string | null | undefined>) | null;
  /** The settings as they stand in the form; what was typed into a secret included, until it is saved. */
  value: SmtpSettings;
  /** The operator's options, as the server has them. */
  options: Pick<Options, 'allowPorts' | 'allowNetworks'>;
  readonly form: HTMLFormElement | null;
  readonly name: string | null;
  readonly validity: ValidityState;
  readonly validationMessage: string;
  readonly willValidate: boolean;
  checkValidity(): boolean;
  reportValidity(): boolean;
  /** Loads the active settings anew, and forgets what was typed. */
  reload(): Promise<void>;
  addEventListener<K extends keyof SmtpSettingsFormEventMap>(
    type: K,
    listener: (this: SmtpSettingsForm, event: SmtpSettingsFormEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    'smtp-settings-form': SmtpSettingsForm;
  }
}
