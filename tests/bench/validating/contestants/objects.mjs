import { validate } from '../../../../validator-wasm/dist/objects/index.js';
import { count } from './rules.mjs';

const shownLength = (issues) => count(issues, ({ field, message }) => field.length + message.length);

export const form = (values) => {
  const { valid, issues } = validate(values);
  return valid ? 0 : shownLength(issues);
};
/** It has no call for one field: all are checked. */
export const field = (values) =>
  shownLength(validate(values).issues.filter(({ field: place }) => place === 'host' || place.startsWith('host.')));
