import { number, object, string } from 'yup';
import { HOST, MODES, PORTS, count } from './rules.mjs';

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

const shownLength = (schema, value) => {
  try {
    schema.validateSync(value, { abortEarly: false, strict: true });
    return 0;
  } catch (error) {
    // The problem of a single value is the error itself.
    return count(
      error.inner.length ? error.inner : [error],
      ({ path, message }) => (path?.length ?? 0) + message.length,
    );
  }
};

export const form = (values) => shownLength(schema, values);
export const field = (values) => shownLength(host, values.host);
