import Joi from 'joi';
import { HOST, MODES, PORTS, count } from './rules.mjs';

const host = Joi.string().pattern(HOST).required();
const schema = Joi.object({
  host,
  port: Joi.number()
    .strict()
    .valid(...PORTS)
    .required(),
  security: Joi.string()
    .valid(...MODES)
    .required(),
  username: Joi.string().max(255).required(),
  password: Joi.object({ set: Joi.string().max(4096).required() }).required(),
  senderAddress: Joi.string().email({ tlds: false }).max(254).required(),
  senderName: Joi.string().max(256),
});

const shownLength = ({ error }) =>
  error ? count(error.details, ({ path, message }) => path.length + message.length) : 0;

export const form = (values) => shownLength(schema.validate(values, { abortEarly: false }));
export const field = (values) => shownLength(host.validate(values.host, { abortEarly: false }));
