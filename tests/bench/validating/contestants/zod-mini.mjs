import * as z from 'zod/mini';
import { HOST, MODES, PORTS, count } from './rules.mjs';

const schema = z.object({
  host: z.string().check(z.regex(HOST)),
  port: z.int().check(z.refine((port) => PORTS.includes(port))),
  security: z.enum(MODES),
  username: z.string().check(z.minLength(1), z.maxLength(255)),
  password: z.object({ set: z.string().check(z.minLength(1), z.maxLength(4096)) }),
  senderAddress: z.email().check(z.maxLength(254)),
  senderName: z.optional(z.string().check(z.maxLength(256))),
});

const shownLength = ({ success, error }) =>
  success ? 0 : count(error.issues, ({ path, message }) => path.length + message.length);

export const form = (values) => shownLength(schema.safeParse(values));
export const field = (values) => shownLength(schema.shape.host.safeParse(values.host));
