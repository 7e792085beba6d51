// Values from anybody, as a sentence may show them.

/** Characters that nobody sees or that turn the text around them: `shown::deceives` of smtp-rules. */
const DECEIVES = /[\p{Cc}\p{DI}\u2028\u2029\u2800\ufff9-\ufffb]/gu;

/**
 * The value as text without such characters.
 * @param {unknown} value
 */
export const shown = (value) => String(value).replace(DECEIVES, '\ufffd');
