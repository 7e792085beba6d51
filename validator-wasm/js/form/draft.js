// The draft: the SmtpSettings in the form. Pure functions without the DOM and without rules, which are only in
// smtp-rules.

/**
 * @import { Category, SecretInput, SmtpSettings, Spaces } from '../index.js'
 * @import { Draft, DraftSecret } from '../../types/form.js'
 */

/** The secrets, by path. */
export const SECRETS = ['password', 'oauth2.clientSecret', 'oauth2.refreshToken'];

/**
 * An empty draft with the defaults.
 * @returns {Draft}
 */
export function emptyDraft() {
  return {
    host: '',
    port: 25,
    security: 'starttls',
    authMethod: 'password',
    username: '',
    password: null,
    oauth2: {
      grant: 'refresh_token',
      provider: '',
      tokenUrl: '',
      clientId: '',
      clientSecret: null,
      clientSecretExpires: '',
      refreshToken: null,
      scope: '',
    },
    senderAddress: '',
    senderName: '',
    replyTo: '',
    ehloName: '',
    caPem: '',
    routing: {
      notification: { via: 'relay', onFailure: 'hold' },
      'rights-request': { via: 'relay', onFailure: 'hold' },
      'audit-invitation': { via: 'relay', onFailure: 'hold' },
      'user-invitation': { via: 'relay', onFailure: 'hold' },
    },
    contacts: [],
  };
}

/** The categories. The type check fails when the draft lacks one of the schema. */
export const CATEGORIES = /** @type {Category[]} */ (Object.keys(emptyDraft().routing));

/**
 * The value at a dotted path. It may have any type, as the settings may come from anywhere.
 * @param {any} object
 * @param {string} path
 * @returns {any}
 */
export function getPath(object, path) {
  return path.split('.').reduce((at, key) => at?.[key], object);
}

/**
 * Sets the value at a dotted path.
 * @param {object} object
 * @param {string} path
 * @param {unknown} value
 */
export function setPath(object, path, value) {
  /** @type {Record<string, any>} */
  let at = object;
  const keys = path.split('.');
  const last = keys.length - 1;
  for (const key of keys.slice(0, last)) {
    if (!isObject(at[key])) at[key] = {};
    at = at[key];
  }
  at[keys[last]] = value;
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Applies a JSON merge patch (RFC 7396) and returns the result; neither argument is changed.
 * @param {unknown} target
 * @param {unknown} patch
 * @returns {unknown}
 */
export function mergePatch(target, patch) {
  if (!isObject(patch)) return patch;
  /** @type {Record<string, unknown>} */
  const result = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (key === '__proto__') continue;
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/**
 * Makes a draft of settings, also of those that the API shows: a missing field takes its default.
 * @param {unknown} settings
 */
export function toDraft(settings) {
  const draft = emptyDraft();
  if (!isObject(settings)) return draft;
  for (const key of Object.keys(draft)) {
    const value = settings[key];
    if (value === null || value === undefined) continue;
    if (key === 'oauth2') Object.assign(draft.oauth2, dropNulls(value));
    else if (key === 'routing') {
      for (const category of CATEGORIES) Object.assign(draft.routing[category], dropNulls(getPath(value, category)));
    } else setPath(draft, key, value);
  }
  for (const path of SECRETS) {
    setPath(draft, path, toSecret(getPath(draft, path)));
  }
  return draft;
}

/**
 * Makes a secret of the draft: a stored one is kept.
 * @param {{ isSet?: unknown, keep?: unknown, set?: unknown, spaces?: Spaces | null, granted?: string } | null} secret
 * @returns {DraftSecret}
 */
function toSecret(secret) {
  if (secret?.isSet || secret?.keep) return { keep: true };
  if (secret?.granted) return { granted: secret.granted };
  if (typeof secret?.set !== 'string') return null;
  return secret.spaces ? { set: secret.set, spaces: secret.spaces } : { set: secret.set };
}

/** @param {unknown} value */
function dropNulls(value) {
  return Object.fromEntries(
    Object.entries(isObject(value) ? value : {}).filter(([, entry]) => entry !== null && entry !== undefined),
  );
}

/**
 * Makes the document to send. Fields that the chosen sign-in does not use and empty ones are left out.
 * @param {Draft} draft
 * @returns {SmtpSettings}
 */
export function toSettings(draft) {
  const { host, security, authMethod } = draft;
  // The rules report a port that is no number.
  const port = /** @type {number | null} */ (draft.port);
  /** @type {Omit<SmtpSettings, 'senderAddress'>} */
  const settings = { host, port, security, authMethod };
  if (draft.authMethod !== 'none') settings.username = draft.username;
  if (draft.authMethod === 'password' && draft.password)
    settings.password = /** @type {SmtpSettings['password']} */ (draft.password);
  if (draft.authMethod === 'oauth2') {
    const { grant, provider, tokenUrl, clientId, clientSecret, clientSecretExpires, refreshToken, scope } =
      draft.oauth2;
    // The application at a provider is the operator's.
    settings.oauth2 = provider ? { grant, provider } : { grant, tokenUrl, clientId };
    if (clientSecret && !provider) settings.oauth2.clientSecret = /** @type {SecretInput} */ (clientSecret);
    if (clientSecretExpires && !provider) settings.oauth2.clientSecretExpires = clientSecretExpires;
    if (refreshToken && grant === 'refresh_token') settings.oauth2.refreshToken = refreshToken;
    if (scope && !provider) settings.oauth2.scope = scope;
  }
  /** @type {NonNullable<SmtpSettings['routing']>} */
  const routing = {};
  for (const category of CATEGORIES) {
    const { via, onFailure } = draft.routing[category];
    routing[category] = via === 'platform' ? { via } : { via, onFailure };
  }
  const { senderAddress, senderName, replyTo, ehloName, caPem, contacts } = draft;
  return {
    ...settings,
    senderAddress,
    senderName: senderName === '' ? null : senderName,
    replyTo: replyTo === '' ? null : replyTo,
    ehloName: ehloName === '' ? null : ehloName,
    caPem: caPem === '' ? null : caPem,
    routing,
    contacts: contacts?.length ? contacts : null,
  };
}

/**
 * The draft without secrets but those that stay stored: a browser may store it, and it may be shown.
 * @param {Draft} draft
 */
export function withoutSecrets(draft) {
  const copy = structuredClone(draft);
  for (const path of SECRETS) {
    if (!getPath(copy, path)?.keep) setPath(copy, path, null);
  }
  return copy;
}

/**
 * Reads a typed list of addresses, separated by commas or lines. A quoted local part may have both.
 * @param {string} text
 */
export function readList(text) {
  return (text.match(/("[^"]*"|[^,;\n])+/g) ?? []).flatMap((part) => part.trim() || []);
}

/**
 * Reads a typed port: a number, or the text where it is none; the rules report that.
 * @param {string} text
 */
export function readPort(text) {
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : text === '' ? null : text;
}
