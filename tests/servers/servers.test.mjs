// The whole connectivity test and a hundred mails through each real mail server. The stored mail must be, octet for
// octet, the intended one, after the fields that a server may add on top; and another library must read the same
// content in it. At the end the results are a table; `OWNPOST_WRITE=1` writes it to docs/servers.md.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import PostalMime from 'postal-mime';
import { authority } from '../harness/certificates.mjs';
import { everythingWritten, ownpost, throughPool } from '../harness/ownpost.mjs';
import { PASSWORD, RECIPIENT, SENDER, USERNAME } from '../harness/servers/account.mjs';
import { startAiosmtpd } from '../harness/servers/aiosmtpd.mjs';
import { startExim } from '../harness/servers/exim.mjs';
import { startHaraka } from '../harness/servers/haraka.mjs';
import { startOpenSmtpd } from '../harness/servers/opensmtpd.mjs';
import { startPostfixCyrus, startPostfixDovecot } from '../harness/servers/postfix.mjs';
import { startSendmail } from '../harness/servers/sendmail.mjs';
import { startSmtpServer } from '../harness/servers/smtp_server.mjs';
import { until } from '../harness/wait.mjs';
import { hundredMails, utf8Mail } from './mails.mjs';
import { page, row } from './page.mjs';

const STARTS = {
  'Postfix, Cyrus SASL': startPostfixCyrus,
  'Postfix, Dovecot SASL': startPostfixDovecot,
  Exim: startExim,
  OpenSMTPD: startOpenSmtpd,
  Sendmail: startSendmail,
  Haraka: startHaraka,
  aiosmtpd: startAiosmtpd,
  'smtp-server': startSmtpServer,
};
const WRONG = 'not the password';
/** The fields that a server may add on top of a mail. */
const ON_TOP = ['Received', 'Return-Path', 'Delivered-To', 'X-Original-To', 'Authentication-Results', 'X-Sender-Note'];

const folder = mkdtempSync(join(tmpdir(), 'ownpost-servers-'));
const servers = {};
const rows = [];
before(async () => {
  const ca = authority(folder);
  const files = ca.issue('server', ['DNS:smtp.customer.test', 'DNS:localhost', 'IP:127.0.0.1']);
  const tls = { cert: readFileSync(files.cert), key: readFileSync(files.key) };
  await Promise.all(
    Object.entries(STARTS).map(async ([name, start]) => {
      // A server that does not start fails its own tests.
      servers[name] = await start({ tls }).then(
        (server) => ({ caPem: ca.pem, ...server }),
        (error) => ({ error }),
      );
    }),
  );
});
after(async () => {
  await Promise.all(Object.values(servers).map((server) => server.stop?.()));
  rmSync(folder, { recursive: true });
  const text = page(rows);
  console.log(text.slice(text.indexOf('| ')));
  if (process.env.OWNPOST_WRITE) writeFileSync(join(import.meta.dirname, '../../docs/servers.md'), text);
});

// Some of the servers run in this process: more tests at a time would slow each other down.
describe('real mail servers', { concurrency: 2 }, () => {
  for (const name of Object.keys(STARTS)) describe(name, () => suite(name));
});

function suite(name) {
  let server;
  let env;
  const reports = {};
  let begun = 0;
  let passed = 0;
  const check = (title, body) =>
    test(title, async () => {
      begun += 1;
      await body();
      passed += 1;
    });
  before(() => {
    server = servers[name];
    if (server.error) throw server.error;
    const { starttls, tls } = server.ports;
    env = { OWNPOST_ALLOW_NETWORKS: '127.0.0.0/8', OWNPOST_ALLOW_PORTS: `${starttls},${tls}` };
  });

  /** The settings for the server, as the command line reads them. */
  const settings = (security, changes = {}) => ({
    host: '127.0.0.1',
    port: server.ports[security],
    security,
    username: USERNAME,
    password: { set: PASSWORD },
    senderAddress: SENDER,
    senderName: 'Customer Service',
    caPem: server.caPem,
    ...changes,
  });

  const connectivity = async (draft, to) => {
    const { code, stdout, stderr } = await ownpost(['test', '-', '--json', '--to', to], {
      env,
      input: JSON.stringify(draft),
    });
    const report = stdout === '' ? assert.fail(stderr) : JSON.parse(stdout);
    assert.equal(code, report.ok ? 0 : 1);
    return report;
  };

  /** The arrived mails by Message-ID. All mails are read again only for one that has not arrived yet. */
  const arrived = new Map();
  const stored = (messageId, ...where) =>
    until(`${messageId} ${where}`, () => {
      if (!arrived.has(messageId)) {
        for (const bytes of server.mails().map(unix)) arrived.set(idOf(bytes), bytes);
      }
      return arrived.get(messageId);
    });

  for (const security of ['starttls', 'tls']) {
    check(`the whole test passes, ${security}`, async () => {
      const report = await connectivity(settings(security), RECIPIENT);
      assert.ok(report.ok, `${JSON.stringify(report, null, 1)}\n${server.log()}`);
      assert.ok(report.stages.every(({ status }) => status === 'passed'));
      assert.equal(report.tls.version, 'TLSv1.3');
      reports[security] = report;
      await stored(`<${report.testMessage.messageId.replace(/^<|>$/g, '')}>`);
    });
  }

  check('the wrong kind of TLS is found, with a fix that works', async () => {
    for (const security of ['starttls', 'tls']) {
      const { port } = settings(security);
      const other = security === 'tls' ? 'starttls' : 'tls';
      const { failure } = await connectivity({ ...settings(security), security: other }, RECIPIENT);
      assert.deepEqual([failure?.code, failure?.fix], ['tls.mode_mismatch', { port, security }]);
    }
  });

  check('a wrong password, an unknown recipient and a foreign sender have different codes', async () => {
    const wrong = await connectivity(settings('starttls', { password: { set: WRONG } }), RECIPIENT);
    assert.equal(wrong.failure?.code, 'auth.rejected', JSON.stringify(wrong, null, 1));
    assert.equal(wrong.failure.smtp.code, 535);
    const unknown = await connectivity(settings('starttls'), 'nobody-of-that-name@example.net');
    assert.equal(unknown.failure?.code, 'recipient.rejected', JSON.stringify(unknown, null, 1));
    const sender = await connectivity(settings('starttls', { senderAddress: 'eve@customer.test' }), RECIPIENT);
    assert.equal(sender.failure?.code, 'sender.rejected', JSON.stringify(sender, null, 1));
  });

  check('a hundred mails arrive, octet for octet, with the same content', async () => {
    const mails = hundredMails();
    const outcomes = await throughPool({ settings: settings('starttls'), mails: mails.map(toSend) }, env);
    assert.equal(outcomes.length, mails.length);
    for (const [index, outcome] of outcomes.entries())
      assert.ok(outcome?.accepted, `${mails[index].kind}: ${JSON.stringify(outcome)}`);
    for (const mail of mails) await compare(mail, await stored(mail.messageId, mail.kind));
    const ids = server.mails().map((bytes) => idOf(unix(bytes)));
    for (const { messageId } of mails)
      assert.equal(ids.filter((id) => id === messageId).length, 1, `${messageId} is there once`);
  });

  check('an address in SMTPUTF8 is reached where SMTPUTF8 is offered, and refused elsewhere', async () => {
    const mail = utf8Mail();
    const [outcome] = await throughPool({ settings: settings('tls'), mails: [toSend(mail)] }, env);
    if (reports.tls.capabilities.afterTls.includes('SMTPUTF8')) {
      assert.ok(outcome.accepted, JSON.stringify(outcome));
      await compare(mail, await stored(mail.messageId));
    } else {
      assert.equal(outcome.code, 'recipient.needs_smtputf8');
    }
  });

  check('an event arrives as its mail', async () => {
    const file = join(folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(settings('starttls')), { mode: 0o600 });
    const attachment = Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7) & 0xff));
    const event = {
      id: 'evt_1',
      tenant: 'acme',
      category: 'rights-request',
      type: 'request.received',
      recipients: [{ address: RECIPIENT, name: 'Jan Wiśniewski' }],
      content: { subject: 'Einsicht: Größe', text: 'Grüße\n.\n..dots\nFrom here\n', html: '<p>Grüße</p>' },
      attachments: [
        { filename: 'Übersicht.pdf', contentType: 'application/pdf', base64: attachment.toString('base64') },
      ],
    };
    const { code, stdout, stderr } = await ownpost(['send', '-', '--json', '--settings', file], {
      env,
      input: JSON.stringify(event),
    });
    assert.equal(code, 0, stdout + stderr);
    const [{ messageId }] = JSON.parse(stdout).deliveries;
    const read = await PostalMime.parse(await stored(`<${messageId.replace(/^<|>$/g, '')}>`));
    assert.equal(read.subject, event.content.subject);
    assert.deepEqual([read.from.address, read.to[0].address, read.to[0].name], [SENDER, RECIPIENT, 'Jan Wiśniewski']);
    assert.equal(read.text.trimEnd(), event.content.text.trimEnd());
    // A page is made around the content.
    assert.equal(/<body>\s*(.*?)\s*<\/body>/s.exec(read.html)?.[1], event.content.html);
    assert.deepEqual(
      read.attachments.map(({ filename, content }) => [filename, Buffer.from(content)]),
      [['Übersicht.pdf', attachment]],
    );
  });

  after(() => {
    if (!server.error) rows.push(row(server, reports, passed === begun));
  });
}

test('no password was written anywhere', () => {
  const output = everythingWritten();
  for (const secret of [PASSWORD, WRONG]) {
    const plain = Buffer.from(`\0${USERNAME}\0${secret}`).toString('base64');
    for (const text of [secret, JSON.stringify(secret).slice(1, -1), Buffer.from(secret).toString('base64'), plain]) {
      assert.ok(!output.includes(text), 'a password was written');
    }
  }
});

/** The Message-ID; a mail that is only half written may have none yet. */
const idOf = (bytes) =>
  bytes
    .subarray(0, 16384)
    .toString('latin1')
    .match(/^Message-ID: (.*)$/m)?.[1];

const toSend = ({ to, bytes }) => ({ to, message: bytes.toString('base64') });

/** Replaces CRLF by LF, because servers that store mail in files write the system's line ends. */
function unix(bytes) {
  return Buffer.from(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
}

/**
 * Checks that the stored mail is the intended one, below the fields that a server may add on top, and has the same
 * content.
 */
async function compare({ kind, bytes, means }, stored) {
  const meant = unix(bytes);
  const top = stored.subarray(0, Math.max(0, stored.length - meant.length));
  const below = stored.subarray(top.length);
  if (!below.equals(meant)) {
    assert.equal(below.toString('latin1').slice(0, 4000), meant.toString('latin1').slice(0, 4000), kind);
    assert.fail(`${kind}: differs behind its first 4000 octets`);
  }
  const fields = top
    .toString('latin1')
    .replace(/\n[ \t]/g, ' ')
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(':')[0]);
  assert.deepEqual(
    fields.filter((field) => !ON_TOP.includes(field)),
    [],
    `${kind}: ${top}`,
  );

  const read = await PostalMime.parse(stored);
  const { subject, from, to, text, html, attachments = [] } = means;
  assert.equal(read.subject, subject, kind);
  assert.equal(read.from.address, from, kind);
  assert.deepEqual(
    read.to.map(({ address }) => address),
    [to],
    kind,
  );
  const trimmed = (text) => (text ?? '').trimEnd();
  assert.equal(trimmed(read.text), trimmed(text), kind);
  assert.equal(trimmed(read.html), trimmed(html), kind);
  assert.deepEqual(
    read.attachments.map(({ filename, content }) => [filename, Buffer.from(content)]),
    attachments.map(({ filename, content }) => [filename, content]),
    kind,
  );
}
