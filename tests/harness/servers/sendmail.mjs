// Sendmail from Debian's package, configured by its own m4 macros: one account, each mail in a file.
import { debian } from './debian.mjs';
import { HOSTNAME, PASSWORD, RECIPIENT, SENDER, USERNAME } from './account.mjs';
import { freePort, greets, until } from '../wait.mjs';

const SENDMAIL = '/usr/libexec/sendmail/sendmail';
const MACROS = '/usr/share/sendmail/cf';
const DOMAIN = RECIPIENT.split('@')[1];

export async function startSendmail({ tls }) {
  const sendmail = debian('sendmail', ['smmsp', 'smmta', 'mail', 'keeper']);
  sendmail.folder('run/queue', 'root', 0o700);
  sendmail.folder('run/mail', 'keeper');
  sendmail.write('etc/hosts', `127.0.0.1 ${HOSTNAME} localhost\n`);
  sendmail.write('etc/nsswitch.conf', 'hosts: files\n');
  sendmail.write('etc/mail/service.switch', 'hosts files\naliases files\n');
  sendmail.write('run/server.pem', tls.cert);
  sendmail.write('run/server.key', tls.key, { mode: 0o600 });
  sendmail.write(
    'etc/sasl2/Sendmail.conf',
    [
      'pwcheck_method: auxprop',
      'auxprop_plugin: sasldb',
      'mech_list: PLAIN LOGIN',
      'sasldb_path: /run/sasldb2',
      '',
    ].join('\n'),
  );
  sendmail.run('/usr/sbin/saslpasswd2', ['-p', '-c', '-f', '/run/sasldb2', '-u', HOSTNAME, USERNAME], PASSWORD);
  // A file gets its final name when it is complete, so that readers see no partial mails.
  sendmail.write('run/keep', '#!/bin/sh\ncat > /run/mail/$$.part && mv /run/mail/$$.part /run/mail/$$.eml\n', {
    mode: 0o755,
  });
  sendmail.write('etc/mail/aliases', 'postmaster: root\n');
  const ports = { starttls: await freePort(), tls: await freePort() };
  const configuration = sendmail.run(
    '/usr/bin/m4',
    [`-D_CF_DIR_=${MACROS}/`, `${MACROS}/m4/cf.m4`, '-'],
    macros(ports),
  );
  sendmail.write('etc/mail/sendmail.cf', configuration);
  sendmail.run(
    '/usr/libexec/sendmail/makemap',
    ['hash', '/run/virtual'],
    `${RECIPIENT} keeper\n@${DOMAIN} error:5.1.1:550 No such mailbox\n`,
  );
  sendmail.run(SENDMAIL, ['-bi']);
  sendmail.start(SENDMAIL, ['-bD']);
  await until('Sendmail', () => greets(ports.starttls), sendmail.check);
  return {
    name: 'Sendmail',
    version: sendmail.run(SENDMAIL, ['-d0.1', '-bt']).match(/Version (\S+)/)[1],
    ports,
    mails: () => sendmail.files('run/mail', '.eml'),
    log: sendmail.log,
    stop: sendmail.stop,
  };
}

// m4 does not expand the text between ` and '. The flags of the local mailer omit 9, with which Sendmail would decode
// encoded mails.
const macros = (ports) =>
  `
divert(0)dnl
OSTYPE(\`linux')dnl
define(\`confDOMAIN_NAME', \`${HOSTNAME}')dnl
define(\`QUEUE_DIR', \`/run/queue')dnl
define(\`STATUS_FILE', \`')dnl
define(\`HELP_FILE', \`')dnl
define(\`confPID_FILE', \`/run/sendmail.pid')dnl
define(\`confTO_IDENT', \`0s')dnl
define(\`confDEF_USER_ID', \`keeper:keeper')dnl
define(\`confSERVER_CERT', \`/run/server.pem')dnl
define(\`confSERVER_KEY', \`/run/server.key')dnl
define(\`confCACERT', \`/run/server.pem')dnl
define(\`confCACERT_PATH', \`/run')dnl
define(\`confAUTH_MECHANISMS', \`PLAIN LOGIN')dnl
define(\`confAUTH_OPTIONS', \`A p y')dnl
TRUST_AUTH_MECH(\`PLAIN LOGIN')dnl
define(\`LOCAL_MAILER_PATH', \`/run/keep')dnl
define(\`LOCAL_MAILER_ARGS', \`keep $u')dnl
define(\`LOCAL_MAILER_FLAGS', \`Pmn8')dnl
FEATURE(\`no_default_msa')dnl
FEATURE(\`nocanonify')dnl
FEATURE(\`accept_unresolvable_domains')dnl
FEATURE(\`virtusertable', \`hash /run/virtual')dnl
VIRTUSER_DOMAIN(\`${DOMAIN}')dnl
DAEMON_OPTIONS(\`Name=starttls, Addr=127.0.0.1, Port=${ports.starttls}, Modifiers=Ea')dnl
DAEMON_OPTIONS(\`Name=tls, Addr=127.0.0.1, Port=${ports.tls}, Modifiers=Eas')dnl
MAILER(\`local')dnl
MAILER(\`smtp')dnl
LOCAL_RULESETS
SLocal_check_mail
R<${SENDER}>	$@ ok
R${SENDER}	$@ ok
R$*	$#error $@ 5.7.1 $: "553 Sender address rejected: not owned by user"
`.trimStart();
