// Headless Chromium, the system's.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const files = process.env.PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const found = files.find((file) => existsSync(file));
  if (!found) throw new Error('there is no Chromium: `cargo xtask setup` installs it, or set CHROMIUM to its path');
  return found;
}

/** A browser that talks to nobody but the page under test. */
export const launch = () =>
  chromium.launch({
    executablePath: executable(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

/** A fresh page, as of somebody new. What goes wrong in it is kept in `page.problems`. */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ locale: 'en-GB', ...options });
  const page = await context.newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(String(error)));
  page.on('console', (message) => {
    // That nothing is configured yet is an answer (404), which Chromium calls an error all the same.
    const unconfigured = message.location().url.endsWith('/api/smtp') && message.text().includes('404');
    if (message.type() === 'error' && !unconfigured) page.problems.push(message.text());
  });
  return page;
}
