// All controls of the form: writes the draft into them, shows those that are used, and shows the issues at them.

/**
 * @import { Issue } from '../index.js'
 * @import { Draft, Field, FormContext, Part, SecretField, StoredSettings } from '../../types/form.js'
 */

import { SECRETS, getPath, setPath } from './draft.js';
import { showIssues } from './fields.js';
import { rightFirst } from './fixes.js';

export class Controls {
  /** @type {Map<string, Field>} */
  #fields = new Map();
  /** @type {Part[]} */
  #parts = [];
  /**
   * Called with the host in the form: the list of providers selects by it.
   * @type {(host: string) => void}
   */
  hostChanged = () => {};

  /**
   * Registers a control.
   * @template {Field} F
   * @param {F} field
   */
  add(field) {
    this.#fields.set(field.path, field);
    return field;
  }

  /**
   * Registers a part that only some sign-in methods use.
   * @param {Part} part
   */
  addPart(part) {
    this.#parts.push(part);
  }

  /**
   * The control for a path that has one.
   * @param {string} path
   */
  get(path) {
    const field = this.#fields.get(path);
    if (!field) throw new Error(`the form has no control for ${path}`);
    return field;
  }

  /** @param {string} path */
  #secret(path) {
    return /** @type {SecretField} */ (this.get(path));
  }

  get paths() {
    return [...this.#fields.keys()];
  }

  /**
   * The control for a path, or for the nearest one above it.
   * @param {string} path
   */
  nearest(path) {
    // What a connection has filled in has no controls of its own.
    if (path.startsWith('oauth2.') && this.#fields.get('oauth2.provider')?.get()) return this.get('oauth2.provider');
    for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
      const field = this.#fields.get(at);
      if (field) return field;
    }
    return null;
  }

  /** @param {boolean} disabled */
  disable(disabled) {
    for (const field of this.#fields.values()) field.disable(disabled);
  }

  /** @param {Draft} draft */
  write(draft) {
    for (const [path, field] of this.#fields) field.set(getPath(draft, path));
    this.showUsed(draft);
  }

  /**
   * Shows only the controls that the chosen sign-in and routes use.
   * @param {Draft} draft
   */
  showUsed({ authMethod, oauth2, routing, host }) {
    for (const part of this.#parts) part.showIf(authMethod);
    for (const [path, field] of this.#fields) {
      if (path.startsWith('oauth2.') && path !== 'oauth2.provider') field.root.hidden = oauth2.provider !== '';
    }
    this.get('oauth2.refreshToken').root.hidden ||= oauth2.grant !== 'refresh_token';
    for (const [category, { via }] of Object.entries(routing)) {
      this.get(`routing.${category}.onFailure`).root.hidden = via === 'platform';
    }
    this.hostChanged(host);
  }

  /**
   * Offers to keep each stored secret that may be kept; `stored` are the active settings.
   * @param {Draft} draft
   * @param {StoredSettings | null} stored
   * @param {boolean} same whether the draft goes to the same server and account as they do
   */
  offerSecrets(draft, stored, same) {
    for (const path of SECRETS) {
      const field = this.#secret(path);
      const isSet = stored !== null && getPath(stored, path)?.isSet === true;
      field.offer(isSet && same, isSet && !same);
      setPath(draft, path, field.get());
    }
  }

  /**
   * Removes typed secrets from the document and from the draft.
   * @param {Draft} draft
   */
  forgetSecrets(draft) {
    for (const path of SECRETS) {
      this.#secret(path).forget();
      if (!getPath(draft, path)?.keep) setPath(draft, path, null);
    }
  }

  /**
   * Shows the issues of the touched fields. Returns the issues without a field, and the number of fields with an error.
   * @param {FormContext} form
   * @param {Issue[]} issues
   * @param {Set<string>} touched
   */
  showIssues(form, issues, touched) {
    const byField = new Map(this.paths.map((path) => [path, /** @type {Issue[]} */ ([])]));
    /** @type {Issue[]} */
    const general = [];
    for (const issue of issues) (byField.get(this.nearest(issue.field)?.path ?? '') ?? general).push(issue);
    let wrong = 0;
    for (const [path, field] of this.#fields) {
      const shown = (touched.has(path) && byField.get(path)) || [];
      showIssues(form, field, rightFirst(shown));
      if (shown.some(({ severity }) => severity === 'error')) wrong += 1;
    }
    return { general, wrong };
  }
}
