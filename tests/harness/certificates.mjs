// A certificate authority of the tests and the server certificates that it issues, made by `openssl`.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const openssl = (...options) => execFileSync('openssl', options, { stdio: ['ignore', 'ignore', 'pipe'] });

const key = (file) => openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file);

/**
 * Makes an authority in `folder`.
 * @returns {{pem: string, file: string, issue: (name: string, names: string[]) => {cert: string, key: string}}}
 *   its certificate, and `issue`, which writes a server certificate for `names` (`DNS:…`, `IP:…`) with its key, and
 *   returns the paths of the two files.
 */
export function authority(folder) {
  const at = (name) => join(folder, name);
  key(at('ca.key'));
  openssl(
    'req',
    '-x509',
    '-new',
    '-key',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-days',
    '90',
    '-subj',
    '/CN=Example customer CA',
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  );
  let serial = 1;
  const issue = (name, names) => {
    serial += 1;
    key(at(`${name}.key`));
    openssl('req', '-new', '-key', at(`${name}.key`), '-out', at(`${name}.csr`), '-subj', `/CN=${name}`);
    writeFileSync(
      at(`${name}.ext`),
      [
        `subjectAltName=${names.join(',')}`,
        'basicConstraints=critical,CA:FALSE',
        'keyUsage=critical,digitalSignature',
        'extendedKeyUsage=serverAuth',
      ].join('\n'),
    );
    openssl(
      'x509',
      '-req',
      '-in',
      at(`${name}.csr`),
      '-CA',
      at('ca.pem'),
      '-CAkey',
      at('ca.key'),
      '-set_serial',
      String(serial),
      '-days',
      '90',
      '-extfile',
      at(`${name}.ext`),
      '-out',
      at(`${name}.pem`),
    );
    return { cert: at(`${name}.pem`), key: at(`${name}.key`) };
  };
  return { pem: readFileSync(at('ca.pem'), 'utf8'), file: at('ca.pem'), issue };
}
