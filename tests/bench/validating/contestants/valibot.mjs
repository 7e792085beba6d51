import * as v from 'valibot';
import { HOST, MODES, PORTS, count } from './rules.mjs';

const host = v.pipe(v.string(), v.regex(HOST));
const schema = v.object({
  host,
  port: v.pipe(
    v.number(),
    v.integer(),
    v.check((port) => PORTS.includes(port)),
  ),
  security: v.picklist(MODES),
  username: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  password: v.object({ set: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)) }),
  senderAddress: v.pipe(v.string(), v.email(), v.maxLength(254)),
  senderName: v.optional(v.pipe(v.string(), v.maxLength(256))),
});

const shownLength = ({ success, issues }) =>
  success ? 0 : count(issues, ({ path, message }) => (path?.length ?? 0) + message.length);

export const form = (values) => shownLength(v.safeParse(schema, values));
export const field = (values) => shownLength(v.safeParse(host, values.host));
