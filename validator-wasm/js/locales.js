// The messages by language. English is part of the package's main file; the others are modules of their own.

import english from './locales/en.js';
import { loaders } from './tables.js';
import { templates } from './templates.js';

export const { load: loadLocale, of: templatesFor } = templates(english, loaders);
