// The seams between the elements and the inspector of mail, for the type check. Nothing of this is published.

import type { Messages } from './form.js';

/** The source of a mail: pasted, or of a file with this name. */
export interface Source {
  name?: string;
  data: string | Uint8Array;
}

/** What the settings say of the mail; empty where it is not to be compared with them, and then why. */
export interface Expectation {
  sender?: string | null;
  host?: string | null;
  note?: 'platform' | 'changed' | 'unloaded';
}

/** A mail to look into. */
export interface InspectAbout {
  /** The messages of the element. */
  t: Messages;
  announce(text: string): void;
  /** The level of its headings, as the page around has them. */
  level: number;
  /** Without angle brackets. */
  messageId: string;
  /** What the mail is compared with. It is never rejected; `again` asks once more after a new sign-in. */
  expected(again: () => void): Promise<Expectation>;
  /** What stays when the place is drawn again, as in another language. */
  kept: { open?: boolean; source?: Source | null };
}
