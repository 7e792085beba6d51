// Port and encryption go together: what one of them was changed to brings the other.

/**
 * @import { Issue } from '../index.js'
 * @import { Draft } from '../../types/form.js'
 */

const MISMATCH = 'security.port_mismatch';

/** The usual port of each kind of encryption (RFC 8314). */
const PORTS = { tls: 465, starttls: 587 };

/**
 * The value that the other of the two takes, because the rules find that it does not go with the changed one; null when
 * it stays.
 * @param {Draft} draft
 * @param {'port' | 'security'} changed
 * @param {Issue[]} issues
 * @returns {string | number | null}
 */
export function coupled(draft, changed, issues) {
  const mismatch = issues.find(({ code }) => code === MISMATCH);
  if (changed === 'port') return /** @type {string | undefined} */ (mismatch?.fix?.security) ?? null;
  return mismatch ? PORTS[draft.security] : null;
}
