import * as z from 'zod';
import { HOST, MODES, PORTS, count } from './rules.mjs';

const schema = z.object({
  host: z.string().regex(HOST),
  port: z
    .number()
    .int()
    .refine((port) => PORTS.includes(port)),
  security: z.enum(MODES),
  username: z.string().min(1).max(255),
  password: z.object({ set: z.string().min(1).max(4096) }),
  senderAddress: z.email().max(254),
  senderName: z.string().max(256).optional(),
});

const shownLength = ({ success, error }) =>
  success ? 0 : count(error.issues, ({ path, message }) => path.length + message.length);

export const form = (values) => shownLength(schema.safeParse(values));
export const field = (values) => shownLength(schema.shape.host.safeParse(values.host));
