// OpenSMTPD from Debian's package: one account, a maildir. It does not offer pipelining.
import { execFileSync } from 'node:child_process';
import { debian } from './debian.mjs';
import { HOSTNAME, PASSWORD, RECIPIENTS, SENDER, USERNAME } from './account.mjs';
import { freePort, greets, until } from '../wait.mjs';

export async function startOpenSmtpd({ tls }) {
  const smtpd = debian('opensmtpd', ['opensmtpd', 'opensmtpq', 'keeper']);
  smtpd.folder('run/mail', 'keeper');
  smtpd.folder('var/spool/smtpd', 'root', 0o711);
  smtpd.folder('var/run', 'root');
  smtpd.write('etc/ssl/certs/ca-certificates.crt', tls.cert);
  smtpd.write('run/server.pem', tls.cert);
  smtpd.write('run/server.key', tls.key, { mode: 0o600 });
  const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: PASSWORD, encoding: 'utf8' }).trim();
  const table = (lines) => lines.map((line) => `${line}\n`).join('');
  smtpd.write('run/accounts', table([`${USERNAME} ${hash}`]));
  smtpd.write('run/identities', table([`${USERNAME} ${SENDER}`]));
  smtpd.write('run/recipients', table(RECIPIENTS));
  smtpd.write('run/inboxes', table(RECIPIENTS.map((address) => `${address} keeper`)));
  const ports = { starttls: await freePort(), tls: await freePort() };
  smtpd.write('run/smtpd.conf', configuration(ports));
  smtpd.start('/usr/sbin/smtpd', ['-d', '-f', '/run/smtpd.conf']);
  await until('OpenSMTPD', () => greets(ports.starttls), smtpd.check);
  return {
    name: 'OpenSMTPD',
    version: smtpd.run('/usr/sbin/smtpd', ['-h']).match(/OpenSMTPD (\S+)/)[1],
    ports,
    mails: () => smtpd.files('run/mail/new'),
    log: smtpd.log,
    stop: smtpd.stop,
  };
}

const configuration = (ports) =>
  `
pki server cert "/run/server.pem"
pki server key "/run/server.key"
table accounts file:/run/accounts
table identities file:/run/identities
table recipients file:/run/recipients
table inboxes file:/run/inboxes
listen on 127.0.0.1 port ${ports.starttls} hostname ${HOSTNAME} tls-require pki server auth <accounts> senders <identities>
listen on 127.0.0.1 port ${ports.tls} hostname ${HOSTNAME} smtps pki server auth <accounts> senders <identities>
action inbox maildir "/run/mail" virtual <inboxes>
match auth from any for rcpt-to <recipients> action inbox
`.trimStart();
