// Dovecot from Debian's package. It checks passwords or access tokens for another server: it knows one account and has no mail.
import { debian } from './debian.mjs';
import { PASSWORD, USERNAME } from './account.mjs';
import { freePort, greets, until } from '../wait.mjs';

/**
 * @param {{ mechanism: string, key: string } | null} tokens the mechanism of OAuth 2 alone (OAUTHBEARER or XOAUTH2), with JWTs that
 *   are signed with this key (HS256); passwords otherwise
 */
export async function startDovecot(tokens = null) {
  const dovecot = debian('dovecot', ['dovecot', 'dovenull']);
  dovecot.write('run/accounts', `${USERNAME}:{PLAIN}${PASSWORD}\n`, { owner: 'dovecot', mode: 0o600 });
  if (tokens) dovecot.write('run/keys/default/HS256/default', Buffer.from(tokens.key).toString('base64'));
  const port = await freePort();
  dovecot.write('run/dovecot.conf', configuration(port, tokens));
  dovecot.start('/usr/sbin/dovecot', ['-F', '-c', '/run/dovecot.conf']);
  await until('Dovecot', () => greets(port), dovecot.check);
  return {
    port,
    version: dovecot.run('/usr/sbin/dovecot', ['--version']).split(' ')[0],
    log: dovecot.log,
    stop: dovecot.stop,
  };
}

const passwords = `
auth_mechanisms = plain login
passdb passwd-file {
  passwd_file_path = /run/accounts
}`;

const oauth = (mechanism) => `
auth_mechanisms = ${mechanism.toLowerCase()}
oauth2_introspection_mode = local
oauth2_username_attribute = sub
oauth2_local_validation {
  dict fs {
    fs posix {
      prefix = /run/keys/
    }
  }
}
passdb oauth2 {
  mechanisms_filter = ${mechanism.toLowerCase()}
}`;

const configuration = (port, tokens) =>
  `
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = /run/dovecot
log_path = /dev/stderr
protocols =
listen = 127.0.0.1
ssl = no
auth_allow_cleartext = yes
auth_failure_delay = 0
${tokens ? oauth(tokens.mechanism) : passwords}
service auth {
  inet_listener sasl {
    port = ${port}
  }
}
`.trimStart();
