import * as z from 'zod';
import { HOST, MODES, PORTS } from './rules.mjs';

const schema = z.object({
  host: z.string().regex(HOST),
  port: z.number().int().refine((port) => PORTS.includes(port)),
  security: z.enum(MODES),
  username: z.string().min(1).max(255),
  password: z.object({ set: z.string().min(1).max(4096) }),
  senderAddress: z.email().max(254),
  senderName: z.string().max(256).optional(),
});

export const isValid = (form) => schema.safeParse(form).success;
export const isFieldValid = (form) => schema.shape.host.safeParse(form.host).success;
