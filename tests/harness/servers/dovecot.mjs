// Dovecot from Debian's package. It checks passwords for another server: it knows one account and has no mail.
import { debian } from './debian.mjs';
import { PASSWORD, USERNAME } from './account.mjs';
import { freePort, greets, until } from '../wait.mjs';

export async function startDovecot() {
  const dovecot = debian('dovecot', ['dovecot', 'dovenull']);
  dovecot.write('run/accounts', `${USERNAME}:{PLAIN}${PASSWORD}\n`, { owner: 'dovecot', mode: 0o600 });
  const port = await freePort();
  dovecot.write('run/dovecot.conf', configuration(port));
  dovecot.start('/usr/sbin/dovecot', ['-F', '-c', '/run/dovecot.conf']);
  await until('Dovecot', () => greets(port), dovecot.check);
  return {
    port,
    version: dovecot.run('/usr/sbin/dovecot', ['--version']).split(' ')[0],
    log: dovecot.log,
    stop: dovecot.stop,
  };
}

const configuration = (port) =>
  `
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = /run/dovecot
log_path = /dev/stderr
protocols =
listen = 127.0.0.1
ssl = no
auth_mechanisms = plain login
auth_allow_cleartext = yes
auth_failure_delay = 0
passdb passwd-file {
  passwd_file_path = /run/accounts
}
service auth {
  inet_listener sasl {
    port = ${port}
  }
}
`.trimStart();
