// The seams between the form's modules, for the type check. Nothing of this is published.

import type {
  AuthMethod,
  Category,
  Grant,
  Issue,
  OnFailure,
  Security,
  SmtpSettings,
  Spaces,
  StageResult,
  Via,
} from '../js/index.js';

/** The messages of a language: a function from key and parameters to text, with formats beside it. */
export interface Messages {
  (key: string, params?: Record<string, unknown>): string;
  locale: string;
  has(key: string): boolean;
  /** Adds the messages of a part that is loaded later. */
  add(more: Record<string, string>): void;
  date(value: string | null | undefined): string;
  dateTime(value: string | null | undefined): string;
  duration(ms: number): string;
}

/** A JSON merge patch (RFC 7396) of settings: a fix, or what is known of a provider. */
export type Patch = Record<string, unknown>;

/** A secret as it stands in the form. */
export type DraftSecret =
  | { keep: true; set?: undefined; spaces?: undefined; granted?: undefined }
  | { set: string; spaces?: Spaces; keep?: undefined; granted?: undefined }
  | { granted: string; set?: undefined; spaces?: undefined; keep?: undefined }
  | null;

/** The settings as they stand in the form: every field is there, and what was typed may be wrong. */
export interface Draft {
  host: string;
  /** What was typed where that is no number. */
  port: number | string | null;
  security: Security;
  authMethod: AuthMethod;
  username: string;
  password: DraftSecret;
  oauth2: {
    grant: Grant;
    /** The operator's provider that the mailbox is connected with. */
    provider: string;
    tokenUrl: string;
    clientId: string;
    clientSecret: DraftSecret;
    clientSecretExpires: string;
    refreshToken: DraftSecret;
    scope: string;
  };
  senderAddress: string;
  senderName: string;
  replyTo: string;
  ehloName: string;
  caPem: string;
  routing: Record<Category, { via: Via; onFailure: OnFailure }>;
  contacts: string[];
}

/** The settings as `GET /smtp` gives them: instead of a secret it says that there is one. */
export type StoredSettings = Omit<SmtpSettings, 'password' | 'oauth2'> & {
  password?: { isSet: boolean } | null;
  oauth2?: Record<string, unknown> | null;
};

/** What is active: the settings, and how the relay does. */
export interface Active {
  /** Null while the platform's server is in use. */
  settings: StoredSettings | null;
  /** Whether there is something to go back to. */
  previous: boolean;
  revision: string | null;
  health: 'healthy' | 'unhealthy' | 'unknown';
  since: string | null;
  message: string | null;
  /** The addresses that hear of a broken relay. */
  alerted: string[];
  /** The providers that a mailbox can be connected with. */
  offers: Offer[];
}

/** A provider that a mailbox can be connected with, and its SMTP server where it is known. */
export interface Offer {
  provider: string;
  name: string;
  host?: string | null;
}

/** An element with a `disabled` of its own. */
export type Control = HTMLElement & { disabled: boolean };

/** A control of the form, at a path of the settings. */
export interface Field {
  path: string;
  label: string;
  root: HTMLElement;
  /** Where its issues are shown. */
  issues: HTMLElement;
  /** The elements that its issues are tied to. */
  targets(): HTMLElement[];
  focus(): void;
  get(): unknown;
  set(value: unknown): void;
  disable(disabled: boolean): void;
}

/** The control of a secret. */
export interface SecretField extends Field {
  get(): DraftSecret;
  set(value: DraftSecret): void;
  /** Whether a secret is stored for this destination, and whether one is stored for another. */
  offer(isStored: boolean, elsewhere: boolean): void;
  /** Takes the secret out of the document. */
  forget(): void;
}

/** What a field is made of. */
export interface FieldSpec {
  path: string;
  label: string;
  hint?: string | null;
  optional?: boolean;
  required?: boolean;
  /** Several controls under one label. */
  group?: boolean;
  type?: string;
  multiline?: boolean;
  code?: boolean;
  inputmode?: string;
  ltr?: boolean;
  beside?: Child;
  /** Makes a value of the text. */
  read?(text: string): unknown;
}

/** One of the values to choose from. */
export interface Choice {
  value: string;
  label: string;
  hint?: string;
}

/** What may stand in an element, however nested; what is empty is left out. */
export type Child = Node | string | null | undefined | false | Child[];

/** The attributes of an element; `on` holds its listeners, `text` its text. */
export interface Props {
  on?: Record<string, ((event: Event) => unknown) | undefined>;
  text?: string;
  [attribute: string]: unknown;
}

/** A button's looks and what it does; the rest are attributes. */
export interface ButtonProps extends Props {
  look?: string;
  part?: string;
  click?(event: Event): unknown;
}

/** A question with two answers. */
export interface Question {
  title: string;
  text: string;
  yes: string;
  no: string;
  danger?: boolean;
}

/** A part of the form that only some ways to sign in use. */
export interface Part {
  showIf(method: AuthMethod): void;
}

/** What the modules need of the form. */
export interface FormContext {
  t: Messages;
  controls: import('../js/form/controls.js').Controls;
  changed(path: string): void;
  suggest(text: string): Partial<SmtpSettings> | null;
  applyPreset(fragment: Partial<SmtpSettings>): void;
  applyFix(issue: Issue): void;
  applyProven(patch: Patch): void;
  labelOf(path: string): string | null;
  focusField(path: string): void;
  setValue(path: string, value: unknown): void;
  announce(text: string): void;
  /** Calls the API; `again` does it after the session had ended. */
  call(method: string, path: string, again: () => unknown, more?: CallOptions): Promise<Answer>;
  /** Changes the settings in the form. */
  patch(patch: Patch): void;
  /** The settings as they stand in the form. */
  draft(): Draft;
  /** Puts other settings into the form. */
  replace(settings: unknown): void;
  /** The providers that a mailbox can be connected with. */
  offers(): Offer[];
  /** Connects a mailbox. */
  connect(offer: Offer): void;
  /** Loads what comes after the status. */
  results(): Promise<typeof import('../js/results/index.js')>;
  /** Goes on with what the end of the session has interrupted. */
  goOn(): void;
  change(): void;
  test(): void;
  rollback(): void;
  remove(): void;
}

/** What the layout's buttons do. */
export interface Acts {
  test(): void;
  activate(): void;
  stop(): void;
  discard(): void;
  load(): void;
}

/** The parts of the form that change. */
export interface Layout {
  root: HTMLElement;
  status: HTMLElement;
  general: HTMLElement;
  preset: HTMLElement;
  summary: HTMLElement;
  editor: HTMLElement;
  outcome: HTMLElement;
  discard: HTMLButtonElement;
  test: HTMLButtonElement;
  activate: HTMLButtonElement;
  stop: HTMLButtonElement;
}

/** The form as it is built, and what its modules need of it. */
export interface View extends Layout {
  context: FormContext;
}

/** The element, as the modules use it that have its state: its parts, how it stands at the moment, what it can do. */
export interface Hooks {
  readonly root: ShadowRoot;
  readonly session: import('../js/form/session.js').Session;
  readonly membership: import('../js/form/membership.js').Membership;
  readonly editing: import('../js/form/editing.js').Editing;
  readonly current: import('../js/form/current.js').Current;
  readonly later: import('../js/form/later.js').Later;
  /** Whether the form is there: without, it has neither `t` nor `view`. */
  readonly built: boolean;
  readonly t: Messages;
  readonly view: View;
  readonly options: import('../js/form/index.js').SmtpSettingsForm['options'];
  call(method: string, path: string, more: CallOptions, again: () => unknown): Promise<Answer>;
  replace(settings: unknown): void;
  activated(): Promise<void>;
  enable(): void;
  announce(text: string): void;
  emit(name: string, detail: object): void;
}

/** What a call of the API may have. */
export interface CallOptions {
  body?: unknown;
  /** Asks for the answer as a stream, and gets each stage. */
  onStage?(stage: StageResult): void;
  signal?: AbortSignal;
}

/** The answer to a call. */
export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the document may be any of the API's.
  body: any;
}

/** What a call has thrown: an `ApiError`, or an error of the page's own `getToken`. */
export interface Problem {
  status?: number;
  body?: { code?: string; title?: string; detail?: string };
  retryAfter?: number | null;
}

/** What is done in a run: with which host, and in which locale the server answers. */
export interface RunAbout {
  what: 'test' | 'activate' | 'rollback';
  host: string;
  security: Security;
  sender?: string;
  locale: string;
}
