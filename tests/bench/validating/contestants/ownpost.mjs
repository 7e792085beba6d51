import { validate, validateField } from '../../../../validator-wasm/dist/index.js';

export const isValid = (form) => validate(form).valid;
export const isFieldValid = (form) => validateField(form, 'host').length === 0;
