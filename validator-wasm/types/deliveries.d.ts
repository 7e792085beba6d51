// The seams between the modules of <smtp-deliveries>, for the type check. Nothing of this is published.

import type { Reply } from '../js/index.js';
import type { Expectation, InspectAbout } from './inspect.js';

/** A row of the ledger, as the API gives it. */
export interface Delivery {
  id: string;
  event: string;
  category: string;
  type: string;
  recipient: string;
  status: string;
  route: string | null;
  reason: string;
  revision: string | null;
  messageId: string;
  queuedAt: string;
  updatedAt: string;
  nextAttemptAt: string | null;
  attempts: { at: string; ms: number; stage: string; outcome: string; smtp: Reply | null }[];
}

/** What a person may do with rows. */
export interface RowActs {
  resend(rows: Delivery[]): void;
  cancel(rows: Delivery[]): void;
  release(): void;
}

/** What a row needs for a look into the received mail. */
export interface Looks {
  announce(text: string): void;
  kept(row: Delivery): InspectAbout['kept'];
  expected(row: Delivery, again: () => void): Promise<Expectation>;
}

/** What the list is narrowed to; an empty text is no filter. The times are days, as a date field gives them. */
export interface Filters {
  recipient: string;
  status: string;
  category: string;
  since: string;
  until: string;
}
