import { validate, validateField } from '../../../../validator-wasm/dist/index.js';
import { count } from './rules.mjs';

const shownLength = (issues) => count(issues, ({ field, message }) => field.length + message.length);

export const form = (values) => {
  const { valid, issues } = validate(values);
  return valid ? 0 : shownLength(issues);
};
export const field = (values) => shownLength(validateField(values, 'host'));
