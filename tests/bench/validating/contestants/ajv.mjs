import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { HOST, MODES, PORTS, count } from './rules.mjs';

const ajv = new Ajv({ allErrors: true });
addFormats(ajv, ['email']);
const host = { type: 'string', pattern: HOST.source.replaceAll('a-z', 'a-zA-Z') };
const check = ajv.compile({
  type: 'object',
  required: ['host', 'port', 'security', 'username', 'password', 'senderAddress'],
  properties: {
    host,
    port: { type: 'integer', enum: PORTS },
    security: { enum: MODES },
    username: { type: 'string', minLength: 1, maxLength: 255 },
    password: {
      type: 'object',
      required: ['set'],
      properties: { set: { type: 'string', minLength: 1, maxLength: 4096 } },
    },
    senderAddress: { type: 'string', format: 'email', maxLength: 254 },
    senderName: { type: 'string', maxLength: 256 },
  },
});
const checkHost = ajv.compile(host);

const shownLength = (check, value) =>
  check(value) ? 0 : count(check.errors, ({ instancePath, message }) => instancePath.length + message.length);

export const form = (values) => shownLength(check, values);
export const field = (values) => shownLength(checkHost, values.host);
