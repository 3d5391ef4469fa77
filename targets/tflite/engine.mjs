/**
 * LiteRT.js as an engine of the self-test page (see `page/prove.mjs`).
 *
 * It takes static shapes alone: a file whose rows are open, as the converter writes them, loads and then refuses every
 * input.  `closeShapes` makes such a file static in memory, one row, and rows are fed one at a time; whoever deploys the
 * file with LiteRT.js does the same.  Any other open dimension is refused.
 */

import {listening} from './listen.mjs';
import {ARRAYS, fed} from './tensors.mjs';

export const name = 'LiteRT.js';
export const backends = ['wasm', 'webgpu'];

const LIBRARIES = new URL('lib/', import.meta.url);
const VERSION = '2.5.3'; // the library tells none; a test holds this against the lock
const FED = ['float32', 'int32'];

/** Start an accelerator; throws if there is none of that kind here. */
export async function start(backend, place) {
  const gpu = backend === 'webgpu';
  const renderer = gpu ? await adapter() : '';
  const litert = await import(new URL('litert.js', LIBRARIES));
  // With JavaScript promises in WebAssembly a model may run on the GPU in part, without them only as a whole.
  const jspi = gpu && 'Suspending' in WebAssembly;
  await litert.loadLiteRt(LIBRARIES.href, {jspi});
  const parts = [];
  return {
    version: VERSION,
    backend,
    details: () => ({...(gpu ? {renderer, compiled: parts.join(', ')} : {processor: 'CPU, one thread'})}),
    load: (mapping, contract) => load(litert, backend, place, mapping, contract, parts),
  };
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

/** Load the file and return `{run, rows}` of one of its signatures. */
async function load(litert, backend, place, mapping, contract, parts) {
  if (mapping.quantization) throw new Error('quantized inputs and outputs are not fed by this page');
  refuseOpen(mapping, contract);
  const file = await (await place.fetchFile(new URL(mapping.file, place.artifact).href)).arrayBuffer();
  closeShapes(file);
  const [model] = await listening(() => litert.loadAndCompile(new Uint8Array(file), {accelerator: backend})).catch(inWords);
  const signature = model.signatures?.[mapping.key] ?? model;
  if (backend === 'webgpu') parts.push(whole(model));
  const details = Object.fromEntries(signature.getInputDetails().map((detail) => [detail.name, detail]));
  const run = async (inputs) => {
    const feeds = {};
    for (const [key, tensor] of Object.entries(inputs)) {
      const given = mapping.inputs[key];
      if (given in details) feeds[given] = toLiteRt(litert, key, tensor, details[given]);
    }
    const results = await signature.run(feeds);
    const read = Object.entries(mapping.outputs).map(async ([key, got]) => [key, await fromLiteRt(key, results[got])]);
    const outputs = Object.fromEntries(await Promise.all(read));
    for (const feed of Object.values(feeds)) if (!feed.deleted) feed.delete();
    return outputs;
  };
  // This signature's own: others in the file may be open where this one isn't.
  const open = contract.inputs.some(({shape}) => shape[0] === null);
  return {run, rows: mapping.batch ?? (open ? 1 : null)};
}

/** Throw an error of the compiler in words: the reason stands in what it printed, not in what it threw. */
function inWords(error) {
  if (/only supports static-sized tensors/.test(error.printed)) {
    const hint = 'Give the model a fixed number of rows, or run it with @litertjs-wasm.';
    throw Object.assign(new Error('its WebGPU delegate takes static shapes alone, and this graph computes shapes as it runs'), {hint});
  }
  const telling = /^(?:ERROR|WARNING): (?!.*npu_registry)(.*)$/m.exec(error.printed)?.[1];
  throw telling ? Object.assign(error, {message: telling}) : error;
}

/** Say how much of the model runs on the GPU; throws if nothing does. */
function whole(model) {
  const accelerator = model.options?.accelerator ?? model.accelerator;
  if (accelerator && accelerator !== 'webgpu') throw new Error(`LiteRT.js fell back to ${accelerator}: it can't run this model on WebGPU`);
  return model.isFullyAccelerated === false ? 'in part, the rest on the CPU' : 'as a whole';
}

/** Throw where anything but the number of rows is open. */
function refuseOpen(mapping, contract) {
  if (mapping.batch) return; // the converter closed them
  const ports = [...contract.inputs, ...contract.outputs];
  const open = ports.filter(({shape}) => shape.indexOf(null, 1) > 0);
  const rows = ports.some(({shape}) => shape[0] === null) && ports.some(({shape}) => shape[0] !== null);
  if (!open.length && !rows) return;
  const told = ports.map(({name: key, shape}) => `${key} [${shape.map((size) => size ?? 'any').join(', ')}]`).join(', ');
  throw Object.assign(new Error(`it runs static shapes alone, and this signature has ${told}`), {
    hint: 'Give the model fixed shapes, or run it with onnxruntime-web or TF.js.',
  });
}

/**
 * Close the open dimensions of a TFLite file, in place, to the sizes that it states beside them (1); returns how many
 * there were.  `shape_signature` is field 7 of a tensor in the format's schema, and `shape` field 0.
 */
export function closeShapes(buffer) {
  const view = new DataView(buffer);
  const field = (table, number) => {
    const vtable = table - view.getInt32(table, true);
    const offset = 4 + 2 * number < view.getUint16(vtable, true) ? view.getUint16(vtable + 4 + 2 * number, true) : 0;
    return offset ? table + offset + view.getUint32(table + offset, true) : 0;
  };
  const items = (vector) => Array.from({length: vector ? view.getUint32(vector, true) : 0}, (_, index) => vector + 4 + 4 * index);
  const tables = (vector) => items(vector).map((at) => at + view.getUint32(at, true));
  let closed = 0;
  for (const graph of tables(field(view.getUint32(0, true), 2))) {
    for (const tensor of tables(field(graph, 0))) {
      const sizes = items(field(tensor, 0));
      for (const [axis, at] of items(field(tensor, 7)).entries()) {
        if (view.getInt32(at, true) >= 0) continue;
        view.setInt32(at, view.getInt32(sizes[axis], true), true);
        closed += 1;
      }
    }
  }
  return closed;
}

function toLiteRt(litert, key, tensor, {dtype, shape}) {
  if (!FED.includes(dtype) || tensor.dtype === 'string') throw new Error(`input ${key} is ${dtype}, and LiteRT.js takes float32 and int32 alone`);
  return new litert.Tensor(fed(key, tensor, dtype).data, tensor.shape.length ? tensor.shape : [...shape]);
}

async function fromLiteRt(key, tensor) {
  const held = tensor.accelerator === 'wasm' ? tensor : await tensor.moveTo('wasm');
  const {dtype, layout} = held.type;
  if (!ARRAYS[dtype]) throw new Error(`output ${key} is ${dtype}, which LiteRT.js can't give`);
  const data = held.toTypedArray().slice();
  const shape = [...layout.dimensions];
  held.delete();
  return {dtype, shape, data};
}
