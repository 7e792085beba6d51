import Joi from 'joi';
import { HOST, MODES, PORTS } from './rules.mjs';

const host = Joi.string().pattern(HOST).required();
const schema = Joi.object({
  host,
  port: Joi.number().strict().valid(...PORTS).required(),
  security: Joi.string().valid(...MODES).required(),
  username: Joi.string().max(255).required(),
  password: Joi.object({ set: Joi.string().max(4096).required() }).required(),
  senderAddress: Joi.string().email({ tlds: false }).max(254).required(),
  senderName: Joi.string().max(256),
});

export const isValid = (form) => schema.validate(form, { abortEarly: false }).error === undefined;
export const isFieldValid = (form) => host.validate(form.host).error === undefined;
