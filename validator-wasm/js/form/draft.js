// The draft: SmtpSettings as they stand in the form. Pure functions, no DOM.

export const CATEGORIES = ['notification', 'rights-request', 'audit-invitation', 'user-invitation'];

/** The secrets, by path. */
export const SECRETS = ['password', 'oauth2.clientSecret', 'oauth2.refreshToken'];

// A stored secret may only go where it was stored for (CONTRACT §1).
const DESTINATION = ['host', 'port', 'security', 'authMethod', 'username', 'oauth2.tokenUrl'];

/** An empty draft with the defaults. */
export function emptyDraft() {
  return {
    host: '',
    port: 25,
    security: 'starttls',
    authMethod: 'password',
    username: '',
    password: null,
    oauth2: { grant: 'refresh_token', tokenUrl: '', clientId: '', clientSecret: null, refreshToken: null, scope: '' },
    senderAddress: '',
    senderName: '',
    replyTo: '',
    ehloName: '',
    caPem: '',
    routing: Object.fromEntries(CATEGORIES.map((category) => [category, { via: 'relay', onFailure: 'hold' }])),
  };
}

/** What stands at a dotted path. */
export function getPath(object, path) {
  return path.split('.').reduce((at, key) => at?.[key], object);
}

/** Sets what stands at a dotted path. */
export function setPath(object, path, value) {
  const keys = path.split('.');
  const last = keys.pop();
  const parent = keys.reduce((at, key) => (at[key] = isObject(at[key]) ? at[key] : {}), object);
  parent[last] = value;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Applies a JSON merge patch (RFC 7396) and returns the result; neither argument is changed. */
export function mergePatch(target, patch) {
  if (!isObject(patch)) return patch;
  const result = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (key === '__proto__') continue;
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** Settings of any origin, the API's included, as a draft: what is missing takes its default. */
export function toDraft(settings) {
  const draft = emptyDraft();
  if (!isObject(settings)) return draft;
  for (const key of Object.keys(draft)) {
    const value = settings[key];
    if (value === null || value === undefined) continue;
    if (key === 'oauth2') draft.oauth2 = { ...draft.oauth2, ...dropNulls(value) };
    else if (key === 'routing') {
      for (const category of CATEGORIES)
        draft.routing[category] = { ...draft.routing[category], ...dropNulls(value[category]) };
    } else draft[key] = value;
  }
  for (const path of SECRETS) {
    const secret = getPath(draft, path);
    setPath(
      draft,
      path,
      secret?.isSet || secret?.keep ? { keep: true } : typeof secret?.set === 'string' ? { set: spaced(secret) } : null,
    );
  }
  return draft;
}

// A fix never holds a secret: it says what becomes of its white space. Here it becomes of it what one sees.
function spaced({ set, spaces }) {
  return spaces === 'trim' ? set.trim() : spaces === 'remove' ? set.replace(/\s+/gu, '') : set;
}

function dropNulls(value) {
  return Object.fromEntries(
    Object.entries(isObject(value) ? value : {}).filter(([, entry]) => entry !== null && entry !== undefined),
  );
}

/** The document to send: what the chosen sign-in does not use and what is empty is left out. */
export function toSettings(draft) {
  const settings = {};
  for (const key of ['host', 'port', 'security', 'authMethod']) settings[key] = draft[key];
  if (draft.authMethod !== 'none') settings.username = draft.username;
  if (draft.authMethod === 'password' && draft.password) settings.password = draft.password;
  if (draft.authMethod === 'oauth2') {
    const { grant, tokenUrl, clientId, clientSecret, refreshToken, scope } = draft.oauth2;
    settings.oauth2 = { grant, tokenUrl, clientId };
    if (clientSecret) settings.oauth2.clientSecret = clientSecret;
    if (refreshToken && grant === 'refresh_token') settings.oauth2.refreshToken = refreshToken;
    if (scope) settings.oauth2.scope = scope;
  }
  settings.senderAddress = draft.senderAddress;
  for (const key of ['senderName', 'replyTo', 'ehloName', 'caPem'])
    settings[key] = draft[key] === '' ? null : draft[key];
  settings.routing = {};
  for (const category of CATEGORIES) {
    const { via, onFailure } = draft.routing[category];
    settings.routing[category] = via === 'platform' ? { via } : { via, onFailure };
  }
  return settings;
}

/** The same without what was typed into secrets: fit to be stored by a browser, or to be shown. */
export function withoutSecrets(draft) {
  const copy = structuredClone(draft);
  for (const path of SECRETS) {
    if (getPath(copy, path)?.set !== undefined) setPath(copy, path, null);
  }
  return copy;
}

/** Whether a secret stored with `stored` may be kept for `draft`. */
export function sameDestination(draft, stored) {
  return DESTINATION.every((path) => {
    if (path === 'oauth2.tokenUrl' && draft.authMethod !== 'oauth2') return true;
    return normal(getPath(draft, path)) === normal(getPath(stored, path));
  });
}

function normal(value) {
  return value === null || value === undefined ? '' : String(value);
}

/** A port as typed: a number when it looks like one, else the text for the rules to judge. */
export function readPort(text) {
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : text === '' ? null : text;
}
