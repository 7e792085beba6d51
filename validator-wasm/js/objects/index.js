// The façade of the object API: loads its modules, hands over values that it has looked at, and says the issues in the
// reader's language. Nothing throws once `init` is done, whatever comes in.

/** @import { Issue } from '../types.js' */

import { fill } from '../decode.js';
import { link, once } from '../load.js';
import english from '../locales/en.js';
import { codes } from '../tables.js';
import { templates } from '../templates.js';
import * as glue from './documents_bg.js';
import loadInspect from './inspect.js';
import { loaders, notJson } from './lists.js';
import { LARGEST, member, plain, TOO_LARGE, text } from './plain.js';

export { inspect } from './inspect.js';

let ready = false;

/** The places of the codes in the list of messages. */
const places = new Map(codes.map((code, place) => [code, place]));
const messages = templates(english, loaders);

/**
 * Loads the modules and the messages, once.
 * @type {typeof import('./index.js').default}
 */
export default async function init(options) {
  const inspect = options?.inspect ?? true;
  await Promise.all([
    load(options?.wasm),
    inspect === false || loadInspect(inspect === true ? undefined : inspect),
    ...(options?.locales ?? Object.keys(loaders)).map(messages.load),
  ]);
}

const load = once(
  async (
    /** @type {import('./index.js').ObjectsOptions['wasm']} */ source = new URL('./documents.wasm', import.meta.url),
  ) => {
    await link(source, './documents_bg.js', glue);
    ready = true;
  },
);

function needReady() {
  if (!ready) throw new Error('@ownpost/validator/objects: await init() first');
}

/**
 * A list, given as an array or as text with commas, as text.
 * @param {unknown} options
 * @param {string} name
 */
function list(options, name) {
  try {
    return String(member(options, name) ?? '');
  } catch {
    return '';
  }
}

/**
 * The operator's ports and networks, as the module takes them.
 * @param {unknown} options
 * @returns {[string, string]}
 */
const operator = (options) => [list(options, 'allowPorts'), list(options, 'allowNetworks')];

/**
 * A report of JSON text, its issues with their messages.
 * @template {{ issues: Issue[] }} R
 * @param {string} json
 * @param {unknown} options
 * @returns {R}
 */
function said(json, options) {
  /** @type {R} */
  const report = JSON.parse(json);
  if (report.issues.length) {
    const locale = typeof options === 'string' ? options : text(member(options, 'locale'));
    const sentences = messages.of(locale);
    for (const issue of report.issues) {
      const template = sentences[places.get(issue.code) ?? -1];
      issue.message = template ? fill(template, issue.params) : notJson[messages.language(locale)];
    }
  }
  return report;
}

/** @type {typeof import('./index.js').validate} */
export function validate(settings, options) {
  needReady();
  return said(glue.validate(...copied(settings), ...operator(options)), options);
}

/** @type {typeof import('./index.js').readSettings} */
export function readSettings(document, options) {
  needReady();
  const asked = operator(options);
  if (typeof document !== 'string') return said(glue.read_settings(...copied(document), ...asked), options);
  return said(
    document.length > LARGEST ? glue.read_settings(null, TOO_LARGE, ...asked) : glue.parse_settings(document, ...asked),
    options,
  );
}

/**
 * A copy of settings, or the tag of the limit that stopped it.
 * @param {unknown} settings
 * @returns {[unknown, number]}
 */
function copied(settings) {
  const { value, limit } = plain(settings, false);
  return [value, limit];
}

/** @type {typeof import('./index.js').readEvent} */
export function readEvent(document) {
  needReady();
  let event = document;
  if (typeof event !== 'string') {
    const { value, limit, place } = plain(event, true);
    if (limit || place !== undefined) return JSON.parse(glue.refuse_event(limit, place ?? ''));
    event = JSON.stringify(value);
  }
  const json = /** @type {string} */ (event);
  return JSON.parse(json.length > LARGEST ? glue.refuse_event(TOO_LARGE, '') : glue.read_event(json));
}
