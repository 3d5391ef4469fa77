/**
 * onnxruntime-web as an engine of the self-test page (see `page/prove.mjs`), and onnxruntime-node in Node, where `place.require`
 * gives it, with the backend `cpu`.
 *
 * onnxruntime gives nodes that a provider lacks to its CPU provider, and says so in its log alone: for WebGPU the log of
 * each session is read, and one that has no node on it is an error.
 */

import {listening} from './listen.mjs';
import {ARRAYS, fed, fromHalf, toHalf} from './tensors.mjs';

export const name = 'onnxruntime-web';
export const backends = ['wasm', 'webgpu'];

const LIBRARIES = new URL('lib/', import.meta.url);
const SCRIPTS = {wasm: 'ort.wasm.min.mjs', webgpu: 'ort.webgpu.min.mjs'};
const PLACED = /Node\(s\) placed on \[(\w+)\]\. Number of nodes: (\d+)|All nodes placed on \[(\w+)\]\. Number of nodes: (\d+)/g;

/** Start a backend; throws if there is none of that kind here. */
export async function start(backend, place) {
  if (place.require) return startInNode(backend, place);
  const ort = await library(backend);
  ort.env.wasm.wasmPaths = LIBRARIES.href;
  ort.env.wasm.numThreads = 1;
  const renderer = backend === 'webgpu' ? await adapter() : '';
  const nodes = {};
  return {
    version: ort.env.versions.web ?? ort.env.versions.common,
    backend,
    details: () => {
      if (backend === 'webgpu' && !nodes.WebGpuExecutionProvider) {
        throw new Error('onnxruntime-web put no node on WebGPU: the model would run on the CPU alone');
      }
      return {...(renderer ? {renderer} : {processor: 'CPU, one thread'}), ...nodes};
    },
    load: (mapping) => load(ort, backend, place, mapping, nodes),
  };
}

/** Start onnxruntime-node: it must list the backend as one that its binary holds. */
function startInNode(backend, place) {
  const ort = place.require('onnxruntime-node');
  const held = ort.listSupportedBackends().map(({name: found}) => found);
  if (!held.includes(backend)) throw new Error(`onnxruntime-node has no backend ${backend}; it has ${held.join(', ')}`);
  return {
    version: ort.env.versions.node,
    backend,
    details: () => ({processor: 'CPU, one thread'}),
    load: (mapping) => load(ort, backend, place, mapping, {}),
  };
}

async function library(backend) {
  const file = SCRIPTS[backend];
  try {
    return await import(new URL(file, LIBRARIES));
  } catch (error) {
    throw new Error(`${file} can't be loaded (${error.message}); export with @ort-web-${backend} to have it in selftest/lib`);
  }
}

async function adapter() {
  const found = await navigator.gpu?.requestAdapter();
  if (!found) {
    const hint = 'WebGPU needs https, or localhost, and a browser and graphics driver that have it.';
    throw Object.assign(new Error('this browser gives no WebGPU adapter to this page'), {hint});
  }
  const {vendor, architecture, description} = found.info ?? {};
  return [vendor, architecture, description].filter(Boolean).join(' ') || 'not told by the browser';
}

/** Load a signature's file and return `{run, rows}`. */
async function load(ort, backend, place, mapping, nodes) {
  const url = new URL(mapping.file, place.artifact).href;
  const model = new Uint8Array(await (await place.fetchFile(url)).arrayBuffer());
  // 0 is verbose: where each node was placed is said at no other level.
  const options = {executionProviders: [backend], logSeverityLevel: backend === 'webgpu' ? 0 : 3, intraOpNumThreads: 1};
  const [session, log] = await listening(() => ort.InferenceSession.create(model, options));
  for (const [, one, some, only, all] of log.matchAll(PLACED)) {
    const [provider, count] = [one ?? only, Number(some ?? all)];
    nodes[provider] = (nodes[provider] ?? 0) + count;
  }
  const run = async (inputs) => {
    const feeds = Object.fromEntries(Object.entries(inputs).map(([key, tensor]) => [mapping.inputs[key], toOrt(ort, key, tensor)]));
    const results = await session.run(feeds, Object.values(mapping.outputs));
    const read = Object.entries(mapping.outputs).map(async ([key, got]) => [key, await fromOrt(results[got])]);
    return Object.fromEntries(await Promise.all(read));
  };
  return {run, rows: mapping.batch};
}

function toOrt(ort, key, {dtype, shape, data}) {
  if (dtype === 'string') return new ort.Tensor('string', data.map((bytes) => new TextDecoder().decode(bytes)), shape);
  if (dtype === 'float16') return new ort.Tensor('float16', half(data), shape);
  if (!ARRAYS[dtype]) throw new Error(`input ${key} is ${dtype}, which no ONNX model should take`);
  return new ort.Tensor(dtype, data, shape);
}

/** Return float16 as the library wants it: in an array of that kind where the browser has one. */
function half(data) {
  return globalThis.Float16Array ? globalThis.Float16Array.from(data) : Uint16Array.from(data, toHalf);
}

async function fromOrt(tensor) {
  const data = tensor.location === 'cpu' ? tensor.data : await tensor.getData();
  const [dtype, shape] = [tensor.type, [...tensor.dims]];
  if (dtype === 'string') return {dtype, shape, data: data.map((text) => new TextEncoder().encode(text))};
  if (dtype !== 'float16') return {dtype, shape, data};
  return fed('output', {dtype, shape, data: Float32Array.from(data, data instanceof Uint16Array ? fromHalf : Number)}, dtype);
}
