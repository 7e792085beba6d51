// The form's words. Each language is a module of its own that is loaded when it is asked for; the package build
// makes them from `validator-wasm/locales/*/form.json`.

const LOADERS = {
  en: () => import('./words/en.js'),
  fr: () => import('./words/fr.js'),
  nl: () => import('./words/nl.js'),
  de: () => import('./words/de.js'),
  es: () => import('./words/es.js'),
};

/** The language that serves a tag: no case, `_` is `-`, a region falls back to its language, the rest to English. */
export function pickLocale(tag) {
  const language = String(tag ?? '')
    .replaceAll('_', '-')
    .toLowerCase()
    .split('-')[0];
  return Object.hasOwn(LOADERS, language) ? language : 'en';
}

/** Loads a language. */
export async function loadWords(locale) {
  const { default: words } = await LOADERS[locale]();
  return makeWords(locale, words);
}

/** The words of a language: a function from key and parameters to text, with formats beside it. */
function makeWords(locale, words) {
  const t = (key, params = {}) => {
    const text = words[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(params, name) ? String(params[name]) : whole));
  };
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' });
  const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
  const at = (format) => (value) => {
    const time = new Date(value);
    return Number.isNaN(time.getTime()) ? String(value ?? '') : format.format(time);
  };
  t.locale = locale;
  t.has = (key) => Object.hasOwn(words, key);
  t.date = at(date);
  t.dateTime = at(dateTime);
  t.duration = (ms) =>
    ms >= 1000 ? t('stages.s', { s: number.format(ms / 1000) }) : t('stages.ms', { ms: number.format(ms) });
  return t;
}
