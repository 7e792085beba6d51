import { number, object, string } from 'yup';
import { HOST, MODES, PORTS } from './rules.mjs';

const host = string().matches(HOST).required();
const schema = object({
  host,
  port: number().oneOf(PORTS).required(),
  security: string().oneOf(MODES).required(),
  username: string().max(255).required(),
  password: object({ set: string().max(4096).required() }),
  senderAddress: string().email().max(254).required(),
  senderName: string().max(256),
});

const passes = (schema, value) => {
  try {
    schema.validateSync(value, { abortEarly: false, strict: true });
    return true;
  } catch {
    return false;
  }
};

export const isValid = (form) => passes(schema, form);
export const isFieldValid = (form) => passes(host, form.host);
