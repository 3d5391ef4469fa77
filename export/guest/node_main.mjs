/**
 * Runs an artifact in Node: `node node_main.mjs PAGE TOOLCHAIN BACKEND ARTIFACT MANIFEST SAMPLES RESULT`.
 *
 * PAGE is the folder with the self-test page's modules, put together as in an artifact (`engine.mjs` among them), TOOLCHAIN
 * the one with `node_modules`, ARTIFACT the one with the models, MANIFEST a JSON file with `contract` and `signatures`,
 * SAMPLES the `.npz`, RESULT the frame to write.  The models run through the same code as in a browser; only what stands
 * behind a URL is a file.
 */

import {readFile, writeFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

const [page, toolchain, backend, artifact, manifestPath, samplesPath, resultPath] = process.argv.slice(2);
const module = (name) => import(pathToFileURL(join(page, `${name}.mjs`)).href);
const {errorFrame, resultFrame} = await module('frame');

async function main() {
  const [engine, {checked, prove}, {readCalls}] = await Promise.all(['engine', 'prove', 'npz'].map(module));
  const place = {
    artifact: 'http://artifact/', // answered by files; libraries want a scheme that they know
    fetchFile: async (url) => checked(await answer(url), url),
    require: createRequire(join(toolchain, 'package.json')),
  };
  const [manifest, samples] = await Promise.all([readFile(manifestPath, 'utf8'), readFile(samplesPath)]);
  const bytes = samples.buffer.slice(samples.byteOffset, samples.byteOffset + samples.length);
  return resultFrame(await prove(engine, backend, place, JSON.parse(manifest), readCalls(bytes)));
}

/** Answer a URL with the artifact's file of that path. */
function answer(url) {
  return readFile(join(artifact, decodeURIComponent(new URL(url).pathname))).then(
    (content) => new Response(content, {status: 200}),
    () => new Response(null, {status: 404}),
  );
}

await writeFile(resultPath, await main().catch(errorFrame));
