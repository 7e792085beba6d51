// Postfix as installed on the system. Cyrus SASL in its own process or a separate Dovecot checks the passwords.
import { execFileSync } from 'node:child_process';
import { PASSWORD, RECIPIENTS, SENDER, USERNAME } from './account.mjs';
import { startDovecot } from './dovecot.mjs';
import { startPostfix } from '../postfix.mjs';

const account = { username: USERNAME, password: PASSWORD, sender: SENDER, recipients: RECIPIENTS };

const version = () =>
  execFileSync('postconf', ['-d', '-h', 'mail_version'], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  }).trim();

const served = (postfix, name, version) => ({
  name,
  version,
  ports: { starttls: postfix.ports.submission, tls: postfix.ports.smtps },
  caPem: postfix.caPem,
  mails: postfix.octets,
  log: postfix.log,
});

export async function startPostfixCyrus() {
  const postfix = await startPostfix(account);
  return { ...served(postfix, 'Postfix, Cyrus SASL', version()), stop: postfix.stop };
}

export async function startPostfixDovecot() {
  const dovecot = await startDovecot();
  const postfix = await startPostfix({ ...account, dovecot: dovecot.port });
  return {
    ...served(postfix, 'Postfix, Dovecot SASL', `${version()}, ${dovecot.version}`),
    log: () => postfix.log() + dovecot.log(),
    stop: () => Promise.all([postfix.stop(), dovecot.stop()]),
  };
}
