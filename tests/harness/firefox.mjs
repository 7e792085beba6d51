// Headless Firefox as it is installed on this system, by WebDriver BiDi; null where there is none. And Chromium driven by the
// same calls, for tests that both must pass.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import puppeteer from 'puppeteer-core';
import * as chromium from './browser.mjs';

const NAMES = ['firefox-esr', 'firefox'];

function executable() {
  if (process.env.FIREFOX) return process.env.FIREFOX;
  const files = process.env.PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return files.find((file) => existsSync(file));
}

/** Starts Firefox. Says in one line that its tests are left out where the system has none. */
export async function launchFirefox() {
  const executablePath = executable();
  if (!executablePath) {
    console.log('there is no Firefox here, so its tests are left out: install firefox-esr, or set FIREFOX to its path');
    return null;
  }
  return puppeteer.launch({
    browser: 'firefox',
    executablePath,
    headless: true,
    timeout: 120_000,
    protocolTimeout: 120_000,
  });
}

/** Starts both browsers: `[[name, browser], …]`, without Firefox where the system has none. */
export async function launchBoth() {
  const firefox = await launchFirefox();
  const options = { executablePath: chromium.executable(), args: chromium.args, headless: true };
  return [['Chromium', await puppeteer.launch(options)], ...(firefox ? [['Firefox', firefox]] : [])];
}
