/**
 * The page that runs a job in a browser: fetches `job.json` and `inputs.bin`, runs them, posts the frame to `result`.
 *
 * The request `alive` is answered by nobody: when this page dies, its connection ends, and the server knows.
 */

import {checked, errorFrame, runJob} from './runner.mjs';

const tf = globalThis.tf;

for (const level of ['error', 'warn']) {
  const original = console[level].bind(console);
  console[level] = (...parts) => {
    post('log', parts.map((part) => part?.stack ?? String(part)).join(' '));
    original(...parts);
  };
}
addEventListener('error', (event) => fail(event.error ?? event.message));
addEventListener('unhandledrejection', (event) => fail(event.reason));

function post(path, body) {
  return fetch(path, {method: 'POST', body});
}

function fail(error) {
  return post('result', errorFrame(error));
}

async function fetchFile(url, init) {
  return checked(await fetch(url, init), url);
}

async function main() {
  if (!tf?.wasm) throw new Error('the TF.js libraries did not load');
  tf.wasm.setWasmPaths(new URL('npm/@tensorflow/tfjs-backend-wasm/dist/', location).href);
  const job = await (await fetchFile('job.json')).json();
  for (const signature of Object.values(job.signatures)) signature.model = new URL(signature.model, location).href;
  const inputs = await (await fetchFile('inputs.bin')).arrayBuffer();
  return runJob(tf, job, inputs, fetchFile);
}

fetch('alive').catch(() => {});
await post('result', await main().catch(errorFrame));
