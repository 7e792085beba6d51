/** What the list is narrowed to; an empty text is no filter. `since` and `until` are days, as `2026-11-30`. */
export interface DeliveryFilters {
  recipient: string;
  status: string;
  category: string;
  since: string;
  until: string;
}

/** The detail of `smtp-unauthorized`. */
export interface UnauthorizedDetail {
  /** Goes on with what was interrupted; call it after a new sign-in. */
  retry(): Promise<void>;
}

export interface SmtpDeliveriesEventMap extends HTMLElementEventMap {
  'smtp-unauthorized': CustomEvent<UnauthorizedDetail>;
  'smtp-deliveries-change': CustomEvent<null>;
}

/** `<smtp-deliveries api="/api" locale="nl" readonly>`. */
export class SmtpDeliveries extends HTMLElement {
  /** Base address of the HTTP API. */
  api: string;
  /** BCP 47 tag; without one, the language of the page. */
  locale: string;
  /** Whether the mail may only be looked at. */
  readonly: boolean;
  /** Gives the bearer token for each call. */
  getToken: (() => Promise<string | null | undefined>) | null;
  get filters(): DeliveryFilters;
  set filters(filters: Partial<DeliveryFilters>);
  /** Loads the rows that are shown again. */
  refresh(): Promise<void>;
  addEventListener<K extends keyof SmtpDeliveriesEventMap>(
    type: K,
    listener: (this: SmtpDeliveries, event: SmtpDeliveriesEventMap[K]) => unknown,
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
    'smtp-deliveries': SmtpDeliveries;
  }
}
