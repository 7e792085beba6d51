// In every round all contestants are measured in turn, in Node and in the browser.

import init from '../../../validator-wasm/dist/index.js';
import initObjects from '../../../validator-wasm/dist/objects/index.js';
import * as ajv from './contestants/ajv.mjs';
import * as joi from './contestants/joi.mjs';
import * as objects from './contestants/objects.mjs';
import * as ownpost from './contestants/ownpost.mjs';
import * as valibot from './contestants/valibot.mjs';
import * as validator from './contestants/validator.mjs';
import * as yup from './contestants/yup.mjs';
import * as zodMini from './contestants/zod-mini.mjs';
import * as zod from './contestants/zod.mjs';
import { invalidForms, typedForms, validForms } from './forms.mjs';

const contestants = { ownpost, objects, zod, 'zod-mini': zodMini, valibot, ajv, validator, joi, yup };
const jobs = {
  valid: { forms: validForms, call: 'form', expected: (length) => length === 0 },
  invalid: { forms: invalidForms, call: 'form', expected: (length) => length > 0 },
  field: { forms: typedForms, call: 'field', expected: (length) => length >= 0 },
};

/** Nanoseconds a call, over this many passes through the forms. */
function time(run, forms, times) {
  const start = performance.now();
  for (let i = 0; i < times; i++) {
    for (let j = 0; j < forms.length; j++) run(forms[j]);
  }
  return ((performance.now() - start) * 1e6) / (times * forms.length);
}

/**
 * Nanoseconds a call: for each job and contestant, one figure for each round.
 * @returns {Promise<Record<string, Record<string, number[]>>>}
 */
export async function measure({ wasm, documents, rounds, milliseconds }) {
  await init({ wasm, locales: [] });
  await initObjects({ wasm: documents, inspect: false, locales: [] });
  const results = {};
  for (const [job, { forms, call, expected }] of Object.entries(jobs)) {
    const entries = Object.entries(contestants).map(([name, contestant]) => {
      const run = contestant[call];
      forms.forEach((form) => {
        if (!expected(run(form))) throw new Error(`${name} is wrong about ${JSON.stringify(form)}`);
      });
      // Warms the code up, and doubles the passes until the clock is fine enough.
      let times = 1;
      while (times < 1e6 && time(run, forms, times) * times * forms.length < milliseconds * 1e6) times *= 2;
      return { name, run, times, figures: [] };
    });
    for (let round = 0; round < rounds; round++) {
      for (const entry of entries) entry.figures.push(time(entry.run, forms, entry.times));
      // The first contestant changes in each round.
      entries.push(entries.shift());
    }
    results[job] = Object.fromEntries(entries.map(({ name, figures }) => [name, figures]));
  }
  return results;
}
