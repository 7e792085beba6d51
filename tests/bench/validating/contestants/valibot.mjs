import * as v from 'valibot';
import { HOST, MODES, PORTS } from './rules.mjs';

const host = v.pipe(v.string(), v.regex(HOST));
const schema = v.object({
  host,
  port: v.pipe(v.number(), v.integer(), v.check((port) => PORTS.includes(port))),
  security: v.picklist(MODES),
  username: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  password: v.object({ set: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)) }),
  senderAddress: v.pipe(v.string(), v.email(), v.maxLength(254)),
  senderName: v.optional(v.pipe(v.string(), v.maxLength(256))),
});

export const isValid = (form) => v.safeParse(schema, form).success;
export const isFieldValid = (form) => v.safeParse(host, form.host).success;
