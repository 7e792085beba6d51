// Headless Chromium as it is installed on this system.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** The system's Chromium. */
export function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const files = process.env.PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const found = files.find((file) => existsSync(file));
  if (!found) throw new Error('there is no Chromium: `cargo xtask setup` installs it, or set CHROMIUM to its path');
  return found;
}

/** With these it connects only to the page under test. */
export const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser that connects only to the page under test. */
export const launch = () => chromium.launch({ executablePath: executable(), args });

/** A new page without stored data. `page.problems` holds the errors of the page. */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ locale: 'en-GB', ...options });
  const page = await context.newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') page.problems.push(message.text());
  });
  return page;
}
