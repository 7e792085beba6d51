import type { Issue, Options, SmtpSettings, TestReport } from '../index.js';

/**
 * The detail of `smtp-change`. It never holds a typed secret. The event comes with each change of the admin's, and then also
 * when options, a language or an action make the last one untrue.
 */
export interface ChangeDetail {
  valid: boolean;
  issues: Issue[];
  settings: SmtpSettings;
}

/** The detail of `smtp-tested`. */
export interface TestedDetail {
  /** The report of the test; null when there was nothing to test. */
  report: TestReport | null;
}

/** The detail of `smtp-activated`; `revision` is null once the platform's server is in use again. */
export interface ActivatedDetail extends TestedDetail {
  revision: string | null;
}

/** The detail of `smtp-unauthorized`: the session has ended, or `getToken` was rejected. */
export interface UnauthorizedDetail {
  /** Goes on with what was interrupted; call it after a new sign-in. */
  retry(): Promise<void>;
}

export interface SmtpSettingsFormEventMap extends HTMLElementEventMap {
  'smtp-change': CustomEvent<ChangeDetail>;
  'smtp-tested': CustomEvent<TestedDetail>;
  'smtp-activated': CustomEvent<ActivatedDetail>;
  'smtp-unauthorized': CustomEvent<UnauthorizedDetail>;
}

/** `<smtp-settings-form api="/api" locale="nl">`. */
export class SmtpSettingsForm extends HTMLElement {
  /** Base address of the HTTP API. */
  api: string;
  /** BCP 47 tag; without one, the language of the page. */
  locale: string;
  /** Gives the bearer token for each call. */
  getToken: (() => Promise<string | null | undefined>) | null;
  /**
   * The settings in the form, with typed secrets until they are saved. It also takes the answer of `GET /smtp`, in which
   * each secret is `{ isSet: true }`.
   */
  get value(): SmtpSettings;
  set value(settings: Partial<SmtpSettings> | Record<string, unknown>);
  /** The operator's options, as the server has them. */
  options: Pick<Options, 'allowPorts' | 'allowNetworks'>;
  readonly form: HTMLFormElement | null;
  /** Makes the settings, without secrets, a part of the surrounding `<form>`. */
  name: string | null;
  /** Holds up the surrounding `<form>` until the settings are valid. */
  required: boolean;
  readonly validity: ValidityState;
  readonly validationMessage: string;
  readonly willValidate: boolean;
  checkValidity(): boolean;
  reportValidity(): boolean;
  /** Loads the active settings again, and drops the changes in the form. */
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
