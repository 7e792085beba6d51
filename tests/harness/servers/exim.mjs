// Exim from Debian's package: one account, a maildir.
import { debian } from './debian.mjs';
import { HOSTNAME, PASSWORD, RECIPIENTS, SENDER, USERNAME } from './account.mjs';
import { freePort, greets, until } from '../wait.mjs';

export async function startExim({ tls }) {
  const exim = debian('exim', ['Debian-exim']);
  exim.folder('run/exim', 'Debian-exim');
  exim.folder('run/mail', 'Debian-exim');
  exim.write('run/server.pem', tls.cert);
  exim.write('run/server.key', tls.key, { owner: 'Debian-exim', mode: 0o600 });
  const ports = { starttls: await freePort(), tls: await freePort() };
  exim.write('run/exim.conf', configuration(ports));
  exim.start('/usr/sbin/exim4', ['-C', '/run/exim.conf', '-bdf', '-q1h']);
  await until('Exim', () => greets(ports.starttls), exim.check);
  return {
    name: 'Exim',
    version: exim.run('/usr/sbin/exim4', ['-C', '/run/exim.conf', '-bV']).match(/Exim version (\S+)/)[1],
    ports,
    mails: () => exim.files('run/mail/new'),
    log: exim.log,
    stop: exim.stop,
  };
}

const configuration = (ports) =>
  `
primary_hostname = ${HOSTNAME}
spool_directory = /run/exim
log_file_path = /run/exim/%slog
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${ports.starttls} : ${ports.tls}
tls_on_connect_ports = ${ports.tls}
tls_advertise_hosts = *
tls_certificate = /run/server.pem
tls_privatekey = /run/server.key
auth_advertise_hosts = \${if eq{$tls_in_cipher}{}{}{*}}
smtputf8_advertise_hosts = *
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_queue_per_connection = 0
acl_smtp_mail = sender
acl_smtp_rcpt = recipient
acl_smtp_data = accept
never_users =
keep_environment =

begin acl
sender:
  require authenticated = *
  deny !senders = ${SENDER}
       message = Sender address rejected: not owned by user $authenticated_id
  accept
recipient:
  require verify = recipient
  accept

begin routers
inbox:
  driver = accept
  condition = \${if inlist{$local_part@$domain}{${RECIPIENTS.join(':')}}}
  transport = maildir

begin transports
maildir:
  driver = appendfile
  directory = /run/mail
  maildir_format
  user = Debian-exim

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{${USERNAME}}}{eq{$auth3}{${PASSWORD}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = \${if and{{eq{$auth1}{${USERNAME}}}{eq{$auth2}{${PASSWORD}}}}}
  server_set_id = $auth1
`.trimStart();
