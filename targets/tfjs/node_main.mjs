/**
 * Runs a job in Node: `node node_main.mjs TOOLCHAIN ARTIFACT JOB INPUTS RESULT`.
 *
 * TOOLCHAIN is the folder with `node_modules`, ARTIFACT the folder with the models, JOB and INPUTS the files that
 * `runner.mjs` describes, RESULT the frame to write.  The models load through the same code as in a browser; only what
 * stands behind a URL is a file.
 */

import {readFile, writeFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import {checked, errorFrame, runJob} from './runner.mjs';

const [toolchain, artifact, jobPath, inputsPath, resultPath] = process.argv.slice(2);

async function main() {
  const require = createRequire(join(toolchain, 'package.json'));
  const packages = ['core', 'converter', 'backend-wasm'].map((name) => require(`@tensorflow/tfjs-${name}`));
  const [job, inputs] = await Promise.all([readFile(jobPath, 'utf8'), readFile(inputsPath)]);
  const blob = inputs.buffer.slice(inputs.byteOffset, inputs.byteOffset + inputs.length);
  return runJob(Object.assign({}, ...packages), JSON.parse(job), blob, fetchFile);
}

/** Answer a URL with the artifact's file of that path. */
async function fetchFile(url) {
  const path = decodeURIComponent(new URL(url).pathname);
  const response = await readFile(join(artifact, path)).then(
    (content) => new Response(content, {status: 200}),
    () => new Response(null, {status: 404}),
  );
  return checked(response, url);
}

await writeFile(resultPath, await main().catch(errorFrame));
