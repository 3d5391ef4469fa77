/**
 * The self-test page of an artifact.  It lies in the artifact's folder and reads the export around it: the manifest
 * (`../anyport.json`) and the golden samples (`../samples.npz`).  `?backend=NAME` chooses the backend.
 *
 * With `?job=1` it is one of anyport's own runs: then the outputs go to the server that gave the page, which compares them
 * itself, and the page goes where that server's answer says.  Of its requests `../alive` is answered by nobody: when the
 * page dies, that connection ends, and the server knows.
 */

import * as engine from './engine.mjs';
import {compareRun} from './compare.mjs';
import {errorFrame, resultFrame} from './frame.mjs';
import {readCalls} from './npz.mjs';
import {checked, prove} from './prove.mjs';
import * as show from './show.mjs';

const HERE = new URL('./', location);
const asked = new URLSearchParams(location.search);
const isJob = asked.has('job');

async function fetchFile(url, init) {
  return checked(await fetch(url, init), url);
}

/** Run the samples; returns the artifact's manifest and what `prove` returned. */
async function run(backend) {
  if (!engine.backends.includes(backend)) throw new Error(`there is no backend ${backend}; there are ${engine.backends.join(', ')}`);
  const manifest = await (await fetchFile(new URL('../anyport.json', HERE))).json();
  const folder = decodeURIComponent(HERE.pathname.split('/').at(-2));
  const artifact = manifest.artifacts.find(({path}) => path === folder);
  if (!artifact) throw new Error(`anyport.json knows no artifact in the folder ${folder}; keep the export as it was made`);
  const samples = readCalls(await (await fetchFile(new URL('../samples.npz', HERE))).arrayBuffer());
  const stated = {contract: manifest.contract, signatures: artifact.signatures};
  const place = {artifact: HERE, fetchFile};
  return {manifest, artifact, samples, result: await prove(engine, backend, place, stated, samples, isJob ? undefined : show.step)};
}

/** Run for a person: everything ends on the page. */
async function selfTest(backend) {
  show.start(engine, backend);
  try {
    const {manifest, artifact, samples, result} = await run(backend);
    const of = (role) => Object.fromEntries(Object.entries(samples).map(([name, calls]) => [name, calls.map((call) => call[role])]));
    const {contract, tolerance, noise} = manifest;
    const verdicts = compareRun(contract, of('outputs'), result.outputs, tolerance, noise, of('undecided'));
    show.verdict(manifest, artifact, result, verdicts);
  } catch (error) {
    show.failure(error);
  }
}

/** Run for anyport: everything goes to the server. */
async function job(backend) {
  const post = (path, body) => fetch(new URL(`../${path}`, HERE), {method: 'POST', body});
  const end = async (frame) => location.replace(await (await post('result', frame)).text());
  for (const level of ['error', 'warn']) {
    const original = console[level].bind(console);
    console[level] = (...parts) => {
      post('log', parts.map((part) => part?.stack ?? String(part)).join(' '));
      original(...parts);
    };
  }
  addEventListener('error', (event) => end(errorFrame(event.error ?? event.message)));
  addEventListener('unhandledrejection', (event) => end(errorFrame(event.reason)));
  fetch(new URL('../alive', HERE)).catch(() => {});
  await end(await run(backend).then(({result}) => resultFrame(result), errorFrame));
}

await (isJob ? job : selfTest)(asked.get('backend') ?? engine.backends[0]);
