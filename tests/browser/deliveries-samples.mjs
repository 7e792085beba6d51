// Rows of the ledger as in docs/reference/api.md, one of each status, for the tests and pictures of <smtp-deliveries>.

const attempt = (outcome, smtp, stage = 'message') => ({ at: '2026-11-29T21:38:45Z', ms: 48, stage, outcome, smtp });

const row = (number, status, more = {}) => ({
  id: `dlv_${number}`,
  event: `evt_${number}`,
  category: 'notification',
  type: 'comment.created',
  recipient: `person${number}@example.org`,
  status,
  route: 'relay',
  reason: 'Sent through your own server, as your settings say for notification mail.',
  revision: '39c07ef8-0702-49c2-bc49-e5d9911c6da3',
  messageId: `${number}.ee8b19af@yourservice.com`,
  queuedAt: `2026-11-${20 + number}T08:00:00Z`,
  updatedAt: `2026-11-${20 + number}T08:00:02Z`,
  nextAttemptAt: null,
  attempts: [],
  ...more,
});

export const ROWS = [
  row(7, 'sent', { attempts: [attempt('accepted', { code: 250, enhanced: '2.0.0', text: 'queued as 4TzK2b1Xq3' })] }),
  row(6, 'queued', { category: 'user-invitation', type: 'user.invited', route: null, revision: null }),
  row(5, 'deferred', {
    nextAttemptAt: '2026-11-30T09:00:00Z',
    attempts: [attempt('smtp.temporary', { code: 451, enhanced: '4.3.0', text: 'Try again later' }, 'recipient')],
  }),
  row(4, 'held', {
    category: 'rights-request',
    attempts: [attempt('auth.rejected', { code: 535, enhanced: '5.7.8', text: 'authentication failed' }, 'auth')],
  }),
  row(3, 'failed', {
    attempts: [attempt('recipient.rejected', { code: 550, enhanced: '5.1.1', text: 'No such user here' }, 'recipient')],
  }),
  row(2, 'unknown', {
    category: 'audit-invitation',
    type: 'audit.invited',
    attempts: [attempt('message.unknown', null)],
  }),
  row(1, 'sending', { route: 'platform', revision: null }),
];

/** The API over these rows: filters as the query says, changes them as it is asked to. */
export function ledger(rows = structuredClone(ROWS), { knows = ['recipient', 'status'], page = 50 } = {}) {
  const list = ({ query }) => {
    const found = rows.filter((row) => knows.every((name) => !query[name] || row[name] === query[name]));
    const from = Number(query.cursor ?? 0);
    const next = from + page < found.length ? String(from + page) : null;
    return { json: { deliveries: found.slice(from, from + page), cursor: next } };
  };
  const script = { 'GET /deliveries': list };
  for (const row of rows) {
    script[`POST /deliveries/${row.id}/resend`] = () => {
      row.status = 'queued';
      return { status: 202, json: row };
    };
    script[`POST /deliveries/${row.id}/cancel`] = () => {
      row.status = 'failed';
      return { status: 202, json: row };
    };
  }
  return script;
}
