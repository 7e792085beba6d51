// A real Postfix of the tests: configuration, queue, certificates, passwords and mail in a temporary folder, ports of
// the system's choice on loopback; the system's own instance and /etc/postfix are not changed. It accepts any
// recipient and delivers everything into one maildir.
//
// Also a program: `node postfix.mjs` prints the data for a client as one line of JSON and runs until its standard
// input closes.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { authority } from './certificates.mjs';
import { freePort, greets, until } from './wait.mjs';

const HOSTNAME = 'smtp.customer.test';
/** The user id of `nobody`: the virtual delivery agent refuses to write as root. */
const MAIL_OWNER = 65534;
/** Not every user's path has the folders of daemons and their tools. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

/**
 * @param {{username?: string, password: string, sender: string, recipients?: string[], dovecot?: number}} options
 *   the account, the only address that it may send from, the only recipients (all by default), and the port
 *   of a Dovecot that checks passwords (Cyrus SASL does).
 */
export async function startPostfix({ username = 'mailer', password, sender, recipients, dovecot }) {
  if (process.getuid() !== 0) throw new Error('Postfix starts as root only: run the tests as root');
  const folder = mkdtempSync(join(tmpdir(), 'ownpost-postfix-'));
  // Postfix' unprivileged processes must be able to enter this folder.
  chmodSync(folder, 0o755);
  const at = (name) => join(folder, name);
  for (const name of ['config', 'config/sasl', 'queue', 'data', 'tls', 'mail']) mkdirSync(at(name));
  execFileSync('chown', ['postfix', at('data')]);
  chownSync(at('mail'), MAIL_OWNER, MAIL_OWNER);

  const ca = authority(at('tls'));
  const tls = ca.issue('server', [`DNS:${HOSTNAME}`, 'DNS:localhost', 'IP:127.0.0.1']);
  const setPassword = (secret) => {
    execFileSync('saslpasswd2', ['-p', '-c', '-f', at('sasldb2'), '-u', HOSTNAME, username], { input: secret, env });
    execFileSync('chown', ['postfix', at('sasldb2')]);
  };
  setPassword(password);

  const ports = { submission: await freePort(), smtps: await freePort() };
  const login = dovecot ? username : `${username}@${HOSTNAME}`;
  const inboxes = recipients
    ? `inline:{ ${recipients.map((address) => `{ ${address} = inbox/ }`).join(', ')} }`
    : 'static:inbox/';
  const sasl = dovecot ? `smtpd_sasl_type = dovecot\nsmtpd_sasl_path = inet:127.0.0.1:${dovecot}` : CYRUS;
  writeFileSync(at('config/main.cf'), mainCf({ folder, tls, sender, login, inboxes, sasl }));
  writeFileSync(at('config/master.cf'), masterCf(ports));
  writeFileSync(
    at('config/sasl/smtpd.conf'),
    [
      'pwcheck_method: auxprop',
      'auxprop_plugin: sasldb',
      'mech_list: PLAIN LOGIN',
      `sasldb_path: ${at('sasldb2')}`,
      '',
    ].join('\n'),
  );

  const log = () => (existsSync(at('mail.log')) ? readFileSync(at('mail.log'), 'utf8') : '');
  const daemon = spawn('postfix', ['-c', at('config'), 'start-fg'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  daemon.stdout.on('data', (bytes) => (said += bytes));
  daemon.stderr.on('data', (bytes) => (said += bytes));
  const ended = once(daemon, 'exit');
  // A test that dies leaves no daemon behind. `postfix start-fg` is a script that waits for the master process, so
  // the signal goes to the master.
  const end = () => {
    if (existsSync(at('queue/pid/master.pid'))) process.kill(Number(readFileSync(at('queue/pid/master.pid'), 'utf8')));
    else daemon.kill();
  };
  process.on('exit', end);
  for (const port of Object.values(ports)) {
    await until(
      `Postfix on port ${port}`,
      () => greets(port, { silent: port === ports.smtps }),
      () => {
        if (daemon.exitCode !== null) throw new Error(`postfix ended: ${said}${log()}`);
      },
    );
  }

  const inbox = at('mail/inbox/new');
  return {
    host: '127.0.0.1',
    ports,
    username,
    sender,
    caPem: ca.pem,
    caFile: ca.file,
    setPassword,
    log,
    /** The raw mails that have arrived, in any order. */
    mails: () => (existsSync(inbox) ? readdirSync(inbox).map((name) => readFileSync(join(inbox, name), 'utf8')) : []),
    /** The mails that have arrived as octets, in any order. */
    octets: () => (existsSync(inbox) ? readdirSync(inbox).map((name) => readFileSync(join(inbox, name))) : []),
    async stop() {
      end();
      await ended;
      process.off('exit', end);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const CYRUS = `smtpd_sasl_type = cyrus\nsmtpd_sasl_path = smtpd\nsmtpd_sasl_local_domain = ${HOSTNAME}`;

const mainCf = ({ folder, tls, sender, login, inboxes, sasl }) =>
  `
compatibility_level = 3.6
config_directory = ${folder}/config
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file = ${folder}/mail.log
maillog_file_prefixes = ${folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = ${HOSTNAME}
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = static:all
virtual_mailbox_maps = ${inboxes}
virtual_mailbox_base = ${folder}/mail
virtual_uid_maps = static:${MAIL_OWNER}
virtual_gid_maps = static:${MAIL_OWNER}
smtpd_tls_cert_file = ${tls.cert}
smtpd_tls_key_file = ${tls.key}
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
${sasl}
cyrus_sasl_config_path = ${folder}/config/sasl
smtpd_sender_login_maps = inline:{ ${sender}=${login} }
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_error_sleep_time = 0
`.trimStart();

const masterCf = ({ submission, smtps }) =>
  `
127.0.0.1:${submission} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
127.0.0.1:${smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`.trimStart();

if (process.argv[1] === import.meta.filename) {
  const password = process.argv[2] ?? 'a password for trying out';
  const postfix = await startPostfix({ password, sender: 'noreply@customer.test' });
  const { host, ports, username, sender, caPem, caFile } = postfix;
  console.log(JSON.stringify({ host, ports, username, password, sender, caPem, caFile }));
  process.stdin.resume();
  await once(process.stdin, 'end');
  await postfix.stop();
}
