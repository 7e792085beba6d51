// The outside corpora (tests/corpora) through the npm package: the reports of Node and Chromium are those of the
// server, byte for byte.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { start } from '../browser/form-server.mjs';
import { launch, newPage } from '../harness/browser.mjs';
import { corporaReports, serverOnly, validator } from './support.mjs';

const vectors = corporaReports();
let browser;
let server;

before(async () => {
  [browser, server] = await Promise.all([launch(), start()]);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/**
 * The most names that the server accepts and an engine refuses, because it was built before Unicode allowed their
 * characters. The engine reports an error where the server reports none, or an empty label. All these names are in
 * Unicode's own corpus, which includes the newest characters on purpose; Node 20 refuses 163, with those that have an
 * invisible character and whose fix leaves such a name.
 */
const MOST_REFUSED = 180;

/**
 * Checks that the reports agree wherever the browser can know; `refuses` says whether its URL parser refuses a host.
 */
function compare(reports, refuses) {
  assert.equal(reports.length, vectors.length);
  const all = vectors.map((vector, index) => ({ ...vector, found: reports[index], refused: refuses[index] }));
  // Unicode's corpus holds names that only strict tables refuse. For all other corpora the browser knows every issue.
  assert.ok(all.every(({ name, report }) => name.startsWith('idna ') || !serverOnly.test(report)));
  const known = all.filter(({ report }) => !serverOnly.test(report));
  assert.ok(known.length > 15_000, `${known.length} of ${vectors.length}`);
  const differing = known.filter(({ report, found }) => found !== report);
  // Invisible characters are found before the engine is asked about what is left.
  const isBefore = ({ severity, code }) => severity !== 'error' || code.endsWith('.invisible_characters');
  const newer = (report) => report.includes('"host.empty_label"') || JSON.parse(report).issues.every(isBefore);
  const older = ({ name, report, refused }) => refused && name.startsWith('idna ') && newer(report);
  const wrong = differing.filter((vector) => !older(vector));
  const shown = wrong
    .slice(0, 10)
    .map(({ name, document, report, found }) => `${name} ${document}\n here   ${found}\n server ${report}`);
  assert.equal(wrong.length, 0, `${wrong.length} of ${known.length} differ:\n${shown.join('\n')}`);
  assert.ok(differing.length <= MOST_REFUSED, `${differing.length} names refused that the server takes`);
}

/** Compares the reports. It runs in Node and, sent as text, in the page. */
const check = (documents, validate) => {
  const refuses = ({ host, senderAddress }) => {
    const typed = host === 'smtp.example.org' ? senderAddress.split('@').pop() : host;
    const name = typed.replace(/\p{Default_Ignorable_Code_Point}/gu, '');
    try {
      return !new URL(`http://${name.replace(/[.\u3002\uff0e\uff61]$/u, '')}.a`).hostname;
    } catch {
      return true;
    }
  };
  const settings = documents.map((document) => JSON.parse(document));
  return {
    reports: settings.map((document) => JSON.stringify(validate(document))),
    refuses: settings.map((document) => refuses(document)),
  };
};

const documents = vectors.map(({ document }) => document);

test('in Node', async () => {
  const { default: init, validate } = validator;
  await init();
  const { reports, refuses } = check(documents, validate);
  compare(reports, refuses);
});

test('in Chromium', async () => {
  const page = await newPage(browser, { bypassCSP: true });
  await page.goto(server.origin);
  const { reports, refuses } = await page.evaluate(
    async ([documents, source]) => {
      const { default: init, validate } = await import('/validator/index.js');
      await init();
      // The same function as in Node: its source is sent to the page, where only its two arguments exist.
      return new Function('documents', 'validate', `return (${source})(documents, validate)`)(documents, validate);
    },
    [documents, check.toString()],
  );
  assert.deepEqual(page.problems, []);
  compare(reports, refuses);
});
