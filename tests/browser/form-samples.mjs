// Answers of the API as in docs/reference/reports.md and api.md, for the form's tests and pictures.

export const SETTINGS = {
  host: 'smtp.yourservice.com',
  port: 587,
  security: 'starttls',
  authMethod: 'password',
  username: 'mailer',
  password: { isSet: true },
  senderAddress: 'noreply@yourservice.com',
  senderName: 'Your Service',
  replyTo: null,
  ehloName: null,
  contacts: null,
  caPem: null,
  routing: {
    notification: { via: 'relay', onFailure: 'hold' },
    'rights-request': { via: 'relay', onFailure: 'hold' },
    'audit-invitation': { via: 'relay', onFailure: 'platform' },
    'user-invitation': { via: 'platform' },
  },
};

export const ACTIVE = {
  settings: SETTINGS,
  status: 'active',
  previous: true,
  revision: '6f1c2d9a-4b1e-4d31-9a57-0b7c7a5c1f42',
  health: { status: 'healthy', since: '2026-11-24T09:30:00Z', failures: 0, code: null, message: null, probeAt: null },
};

/** Nothing is set up; a mailbox can be connected with two providers. */
export const OFFERED = {
  status: 'platform',
  previous: false,
  connect: [
    { provider: 'microsoft', name: 'Microsoft', host: 'smtp.office365.com' },
    { provider: 'google', name: 'Google', host: 'smtp.gmail.com' },
  ],
};

/** What is active is a mailbox that was connected. */
export const CONNECTED = {
  ...ACTIVE,
  settings: {
    ...SETTINGS,
    host: 'smtp.office365.com',
    authMethod: 'oauth2',
    username: 'noreply@acme.test',
    senderAddress: 'noreply@acme.test',
    password: null,
    oauth2: {
      grant: 'refresh_token',
      provider: 'microsoft',
      tokenUrl: null,
      clientId: null,
      clientSecret: null,
      refreshToken: { isSet: true },
      scope: null,
    },
  },
  connect: OFFERED.connect,
};

/** The answer to `POST /smtp/oauth/start`, and what the window says at its end. */
export const BEGUN = { id: 'cn_1', url: 'https://id.test/authorize?state=s' };
export const BROUGHT = {
  type: 'ownpost-connect',
  id: BEGUN.id,
  granted: 'granted-1',
  provider: 'microsoft',
  username: 'noreply@acme.test',
};
export const NO_CONSENT = {
  type: 'ownpost-connect',
  id: BEGUN.id,
  problem: {
    code: 'consent',
    message: 'Nobody has consented',
    remedy:
      'Sign in again and accept the access. If Microsoft asks for an administrator, ask one of your organisation to consent (AADSTS65001).',
  },
};

const change = (day, action, ended, more) => ({
  at: `2026-11-${day}T09:30:00Z`,
  by: { email: 'admin@acme.test' },
  action,
  ended,
  code: null,
  revision: ACTIVE.revision,
  host: SETTINGS.host,
  changed: [],
  ...more,
});
export const HISTORY = {
  history: [
    change('24', 'save', 'done', { changed: ['password', 'routing', 'senderName'] }),
    change('24', 'save', 'test_failed', { code: 'auth.rejected', changed: ['password'] }),
    change('20', 'rollback', 'done', { by: { sub: 'user-7' }, changed: ['host', 'oauth2'] }),
    change('19', 'remove', 'done', { by: {}, host: null }),
  ],
};

const STAGES = [
  { stage: 'resolve', status: 'passed', ms: 3.1, detail: { addresses: ['203.0.113.25'] } },
  { stage: 'connect', status: 'passed', ms: 11.4, detail: { address: '203.0.113.25:587' } },
  { stage: 'greeting', status: 'passed', ms: 12.2, detail: null },
  { stage: 'ehlo', status: 'passed', ms: 11.8, detail: null },
  { stage: 'tls', status: 'passed', ms: 26.9, detail: { version: 'TLSv1.3' } },
  { stage: 'auth', status: 'passed', ms: 48.3, detail: { mechanism: 'PLAIN' } },
  { stage: 'sender', status: 'passed', ms: 12.5, detail: null },
  { stage: 'recipient', status: 'passed', ms: 12.1, detail: null },
  { stage: 'message', status: 'passed', ms: 61.7, detail: null },
];

const COMMON = {
  tls: {
    version: 'TLSv1.3',
    cipher: 'TLS13_AES_256_GCM_SHA384',
    certificate: {
      subject: 'CN=smtp.yourservice.com',
      issuer: "C=US, O=Let's Encrypt, CN=R11",
      names: ['smtp.yourservice.com', 'mail.yourservice.com'],
      notBefore: '2026-10-02T00:00:00Z',
      notAfter: '2099-12-31T00:00:00Z',
      sha256: '4f:2a:91:c0:55:7e:18:b3:aa:09:6d:f2:31:8c:e4:77:10:5b:9e:d8:c2:46:03:fa:8d:61:b7:2e:94:0c:f5:38',
    },
  },
  capabilities: {
    beforeTls: ['PIPELINING', 'STARTTLS', '8BITMIME'],
    afterTls: ['PIPELINING', 'SIZE 52428800', 'AUTH PLAIN LOGIN', '8BITMIME', 'SMTPUTF8'],
  },
  deliverability: {
    spf: { result: 'pass', record: 'v=spf1 include:_spf.yourservice.com -all' },
    dkim: { result: 'unknown', record: null },
    dmarc: { result: 'quarantine', record: 'v=DMARC1; p=quarantine' },
    advice: [],
  },
};

const line = (ms, from, text) => ({ ms, from, line: text });
const OPENING = [
  line(14.5, 'server', '220 smtp.yourservice.com ESMTP Postfix'),
  line(14.6, 'client', 'EHLO mail.platform.example'),
  line(26.3, 'server', '250-smtp.yourservice.com'),
  line(26.3, 'server', '250-PIPELINING'),
  line(26.3, 'server', '250 STARTTLS'),
  line(26.4, 'client', 'STARTTLS'),
  line(38.1, 'server', '220 2.0.0 Ready to start TLS'),
  line(53.0, 'client', 'EHLO mail.platform.example'),
  line(65.4, 'server', '250-AUTH PLAIN LOGIN'),
  line(65.4, 'server', '250 SMTPUTF8'),
  line(65.5, 'client', 'AUTH PLAIN <redacted>'),
];

export const PASSED = {
  ok: true,
  stages: STAGES,
  failure: null,
  ...COMMON,
  transcript: [
    ...OPENING,
    line(113.6, 'server', '235 2.7.0 Authentication successful'),
    line(113.7, 'client', 'MAIL FROM:<noreply@yourservice.com>'),
    line(126.1, 'server', '250 2.1.0 Ok'),
    line(126.2, 'client', 'RCPT TO:<admin@acme.test>'),
    line(138.3, 'server', '250 2.1.5 Ok'),
    line(138.4, 'client', 'DATA'),
    line(150.2, 'server', '354 End data with <CR><LF>.<CR><LF>'),
    line(200.0, 'server', '250 2.0.0 Ok: queued as 4TzK2b1Xq3'),
  ],
  testMessage: {
    messageId: 'test.6f1c2d9a@yourservice.com',
    recipient: 'admin@acme.test',
    reply: '250 2.0.0 Ok: queued as 4TzK2b1Xq3',
  },
};

export const REFUSED = {
  ok: false,
  stages: [...STAGES.slice(0, 5), { stage: 'auth', status: 'failed', ms: 2044.6, detail: null }],
  ...COMMON,
  deliverability: null,
  failure: {
    stage: 'auth',
    code: 'auth.rejected',
    field: 'password',
    smtp: { code: 535, enhanced: '5.7.8', text: 'Error: authentication failed: authentication failure' },
    message: 'The server refused the username or the password.',
    remedy:
      'Check both with your mail provider. Many providers ask for an app password here, made in the account’s security settings.',
    fix: null,
  },
  transcript: [...OPENING, line(2110.1, 'server', '535 5.7.8 Error: authentication failed: authentication failure')],
  testMessage: null,
};

export const MISMATCH = {
  ok: false,
  stages: [STAGES[0], STAGES[1], { stage: 'tls', status: 'failed', ms: 31.0, detail: null }],
  tls: null,
  capabilities: { beforeTls: [], afterTls: [] },
  deliverability: null,
  transcript: [],
  testMessage: null,
  failure: {
    stage: 'tls',
    code: 'tls.mode_mismatch',
    field: 'security',
    smtp: null,
    message: 'This port does not speak TLS from the first byte.',
    remedy: 'Choose STARTTLS for this port, or port 465 for TLS.',
    fix: { port: 587, security: 'starttls' },
  },
};
