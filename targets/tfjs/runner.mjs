/**
 * Runs a TF.js graph model on given inputs: the part that the browser's page and Node share.
 *
 * A job (JSON) names the backend and, for each signature, its `model` (URL), its `outputs` by name and its `calls`:
 * lists of `{name, dtype, shape, offset, bytes}`, slices of one blob of inputs.  `state` lists in the same way what the
 * state begins with, and a signature's `states` (input → output) say how each call hands it to the next.  What comes back is one blob as well, a
 * frame: the length of a JSON header as uint32, the header, padding to 8 bytes, then the tensors that the header's
 * `tensors` describe in the same way (with `signature` and `call`).  Everything is little-endian.  A string tensor is,
 * for each string, its length as uint32 and its bytes.
 */

const ARRAYS = {float32: Float32Array, int32: Int32Array, bool: Uint8Array};
const ALIGNMENT = 8;

/** Run every call of `job` and return the frame; `fetchFile(url, init)` reads one of the artifact's files. */
export async function runJob(tf, job, inputs, fetchFile) {
  await startBackend(tf, job.backend);
  const header = {backend: tf.getBackend(), versions: versions(tf), seconds: {load: 0, first: 0, warm: 0}};
  const tensors = [];
  const state = Object.fromEntries((job.state ?? []).map((input) => [input.name, readTensor(tf, input, inputs)]));
  const repeats = [];
  for (const [signature, {model, outputs, calls, states = {}}] of Object.entries(job.signatures)) {
    const run = carrying(tf, await loadModel(tf, model, outputs, fetchFile, header.seconds), outputs, states, state);
    for (const [call, feeds] of calls.entries()) {
      const started = performance.now();
      const results = await run(feeds, inputs);
      if (call === 0) header.seconds.first += since(started);
      tensors.push(...results.map((result) => ({signature, call, ...result})));
    }
    repeats.push(() => run(calls[0], inputs));
  }
  // Once all have answered: what has state, which signatures may share, answers differently afterwards.
  for (const repeat of repeats) {
    const started = performance.now();
    await repeat();
    header.seconds.warm += since(started);
  }
  if (tf.getBackend() !== job.backend) throw new Error(`TF.js fell back to ${tf.getBackend()} while it ran`);
  return frame(header, tensors);
}

/** Return the frame that says that the job failed. */
export function errorFrame(error) {
  return frame({error: String(error?.message ?? error), stack: String(error?.stack ?? '')}, []);
}

/** Throw unless a response is good.  TF.js itself takes a 404 page for weights ("Failed to load model from buffer"). */
export function checked(response, url) {
  if (!response.ok) throw new Error(`${decodeURI(String(url).split('/').at(-1))}: HTTP status ${response.status}`);
  return response;
}

async function startBackend(tf, backend) {
  if (!(await tf.setBackend(backend))) throw new Error(`TF.js can't start its ${backend} backend`);
  await tf.ready();
  if (tf.getBackend() !== backend) throw new Error(`TF.js fell back to ${tf.getBackend()} instead of ${backend}`);
}

function versions(tf) {
  return {core: tf.version_core, converter: tf.version_converter, wasm: tf.version_wasm};
}

/** Load a model and return a function from one call's feeds to its outputs; their order is that of `outputs`. */
async function loadModel(tf, url, outputs, fetchFile, seconds) {
  const started = performance.now();
  const model = await tf.loadGraphModel(url, {fetchFunc: fetchFile});
  seconds.load += since(started);
  let asynchronous = false;
  const execute = async (feeds) => {
    if (!asynchronous) {
      try {
        return model.execute(feeds, outputs);
      } catch (error) {
        // Control flow, hash tables and dynamic shapes: only TF.js knows which graphs need the other method.
        if (!/executeAsync/.test(error.message)) throw error;
        asynchronous = true;
      }
    }
    return model.executeAsync(feeds, outputs);
  };
  return async (feeds) => [await execute(feeds)].flat();
}

/** Return a function from one call's feeds to what it answered; `states` of it go from `state` back into `state`. */
function carrying(tf, execute, outputs, states, state) {
  const handedOn = new Map(Object.entries(states).map(([input, output]) => [output, input]));
  return async (call, blob) => {
    const feeds = Object.fromEntries(call.map((input) => [input.name, readTensor(tf, input, blob)]));
    for (const input of Object.keys(states)) feeds[input] = state[input];
    const results = await execute(feeds);
    const named = outputs.map((name, index) => [name, results[index]]);
    const answered = named.filter(([name]) => !handedOn.has(name));
    const read = await Promise.all(answered.map(([name, tensor]) => writeTensor(name, tensor)));
    for (const [name, tensor] of named) if (handedOn.has(name)) state[handedOn.get(name)] = tensor;
    tf.dispose([feeds, answered.map(([, tensor]) => tensor)]);
    return read;
  };
}

function readTensor(tf, {dtype, shape, offset, bytes}, blob) {
  if (dtype === 'string') return tf.tensor(readStrings(new DataView(blob, offset, bytes)), shape, dtype);
  const type = ARRAYS[dtype];
  return tf.tensor(new type(blob, offset, bytes / type.BYTES_PER_ELEMENT), shape, dtype);
}

async function writeTensor(name, tensor) {
  const {dtype, shape} = tensor;
  if (dtype === 'string') return {name, dtype, shape, data: writeStrings(await tensor.bytes())};
  const type = ARRAYS[dtype];
  if (!type) throw new Error(`output ${name} is ${dtype}, which no TF.js model should yield`);
  const values = await tensor.data();
  // The array isn't always of the dtype's kind: cast(bool → float32) keeps a Uint8Array on cpu.
  const data = values instanceof type ? values : type.from(values);
  return {name, dtype, shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength)};
}

function readStrings(view) {
  const strings = [];
  for (let offset = 0; offset < view.byteLength; ) {
    const length = view.getUint32(offset, true);
    strings.push(new Uint8Array(view.buffer, view.byteOffset + offset + 4, length));
    offset += 4 + length;
  }
  return strings;
}

function writeStrings(strings) {
  const bytes = new Uint8Array(strings.reduce((size, item) => size + 4 + item.length, 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const item of strings) {
    view.setUint32(offset, item.length, true);
    bytes.set(item, offset + 4);
    offset += 4 + item.length;
  }
  return bytes;
}

function frame(header, tensors) {
  let size = 0;
  const described = tensors.map(({data, ...rest}) => {
    const entry = {...rest, offset: size, bytes: data.length};
    size = aligned(size + data.length);
    return entry;
  });
  const text = new TextEncoder().encode(JSON.stringify({...header, tensors: described}));
  const start = aligned(4 + text.length);
  const bytes = new Uint8Array(start + size);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 4);
  tensors.forEach(({data}, index) => bytes.set(data, start + described[index].offset));
  return bytes;
}

function aligned(size) {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}

function since(started) {
  return (performance.now() - started) / 1000;
}
