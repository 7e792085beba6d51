import isEmail from 'validator/es/lib/isEmail.js';
import isFQDN from 'validator/es/lib/isFQDN.js';
import isIn from 'validator/es/lib/isIn.js';
import isLength from 'validator/es/lib/isLength.js';
import { MODES, PORTS, count } from './rules.mjs';

// validator.js checks only strings: other values must be converted or refused by hand.
const text = (value) => (typeof value === 'string' ? value : '');
const checks = {
  host: (form) => isFQDN(text(form.host), { require_tld: false }),
  port: (form) => typeof form.port === 'number' && isIn(String(form.port), PORTS),
  security: (form) => isIn(text(form.security), MODES),
  username: (form) => isLength(text(form.username), { min: 1, max: 255 }),
  password: (form) => isLength(text(form.password?.set), { min: 1, max: 4096 }),
  senderAddress: (form) => isEmail(text(form.senderAddress)),
  senderName: (form) => form.senderName === undefined || isLength(text(form.senderName), { max: 256 }),
};

export const form = (values) =>
  count(
    Object.keys(checks).filter((name) => !checks[name](values)),
    (name) => name.length,
  );
export const field = (values) => (checks.host(values) ? 0 : 'host'.length);
