/** `node page_verdicts.mjs PAGE CASES OUT`: the page's verdicts on the cases that test_page.py wrote, as JSON. */

import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

const [page, cases, out] = process.argv.slice(2);
const module = (name) => import(pathToFileURL(join(page, `${name}.mjs`)).href);
const [{readCalls}, {compareRun}] = await Promise.all(['npz', 'compare'].map(module));

const read = (name, role) => {
  const bytes = readFileSync(join(cases, name));
  const signatures = readCalls(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return Object.fromEntries(Object.entries(signatures).map(([key, calls]) => [key, calls.map((call) => call[role])]));
};
const stated = JSON.parse(readFileSync(join(cases, 'cases.json')));
const found = stated.map(({number, contract, tolerance, noise}) => {
  const [expected, undecided] = ['outputs', 'undecided'].map((role) => read(`${number}.expected.npz`, role));
  return compareRun(contract, expected, read(`${number}.actual.npz`, 'outputs'), tolerance, noise, undecided);
});
const odd = (key, value) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value);
writeFileSync(out, JSON.stringify(found, odd));
