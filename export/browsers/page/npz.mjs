/**
 * Reads the golden samples: `readCalls(buffer)` takes the bytes of a `samples.npz` and returns, for each signature, its
 * calls in order, each `{inputs, outputs}`, and `labels` where there are any: tensors by name.
 *
 * The keys of the archive are those that `anyport_guest.py` states: SIGNATURE/CALL/ROLE/NAME, percent-encoded.  A tensor is
 * `{dtype, shape, data}` with NumPy's name of the dtype: a typed array, a Float32Array for float16, the interleaved parts
 * for complex numbers, a list of byte strings for strings.
 */

import {fromHalf} from './tensors.mjs';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const DTYPES = {
  b1: ['bool', Uint8Array],
  i1: ['int8', Int8Array],
  u1: ['uint8', Uint8Array],
  i2: ['int16', Int16Array],
  u2: ['uint16', Uint16Array],
  i4: ['int32', Int32Array],
  u4: ['uint32', Uint32Array],
  i8: ['int64', BigInt64Array],
  u8: ['uint64', BigUint64Array],
  f2: ['float16', Uint16Array],
  f4: ['float32', Float32Array],
  f8: ['float64', Float64Array],
  c8: ['complex64', Float32Array],
  c16: ['complex128', Float64Array],
};

/** Return the calls of each signature; throws where the archive is damaged. */
export function readCalls(buffer) {
  const signatures = {};
  for (const [key, bytes] of members(buffer)) {
    const [signature, call, role, name] = key.replace(/\.npy$/, '').split('/').map(decodeURIComponent);
    const calls = (signatures[signature] ??= []);
    calls[Number(call)] ??= {inputs: {}, outputs: {}};
    (calls[Number(call)][role] ??= {})[name] = readNpy(bytes, key);
  }
  return signatures;
}

/** Return what an artifact's state begins with, by the names of the inputs that it is fed as. */
export function readState(buffer) {
  const named = (key) => decodeURIComponent(key.replace(/\.npy$/, ''));
  return Object.fromEntries([...members(buffer)].map(([key, bytes]) => [named(key), readNpy(bytes, key)]));
}

/** Yield the name and the bytes of each member of an uncompressed zip archive. */
function* members(buffer) {
  const view = new DataView(buffer);
  let end = buffer.byteLength - 22;
  while (end >= 0 && view.getUint32(end, true) !== END_OF_DIRECTORY) end -= 1;
  if (end < 0) throw new Error('the samples are no zip archive, or not all of it arrived');
  let entry = view.getUint32(end + 16, true);
  for (let count = view.getUint16(end + 10, true); count > 0; count -= 1) {
    if (view.getUint32(entry, true) !== DIRECTORY_ENTRY) throw new Error('the directory of the samples is damaged');
    if (view.getUint16(entry + 10, true)) throw new Error('the samples are compressed; NumPy\'s savez writes them as they are');
    const [length, extra, comment] = [28, 30, 32].map((at) => view.getUint16(entry + at, true));
    const name = new TextDecoder().decode(new Uint8Array(buffer, entry + 46, length));
    const local = view.getUint32(entry + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    yield [name, buffer.slice(start, start + view.getUint32(entry + 20, true))];
    entry += 46 + length + extra + comment;
  }
}

/** Return the tensor of a `.npy` file. */
function readNpy(buffer, key) {
  const view = new DataView(buffer);
  const wide = view.getUint8(6) > 1;
  const start = wide ? 12 + view.getUint32(8, true) : 10 + view.getUint16(8, true);
  const header = new TextDecoder('latin1').decode(new Uint8Array(buffer, 0, start));
  const [, order, type] = /'descr': '([<|>=])(\w+)'/.exec(header) ?? [];
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1].match(/\d+/g) ?? []).map(Number);
  if (!type || order === '>') throw new Error(`${key} holds a dtype that no sample has: ${header.slice(10, 60)}`);
  const tensor = type[0] === 'S' ? strings(buffer, start, Number(type.slice(1)), shape) : numbers(buffer, start, type, shape, key);
  return /'fortran_order': True/.test(header) ? rowMajor(tensor) : tensor;
}

function numbers(buffer, start, type, shape, key) {
  const [dtype, array] = DTYPES[type] ?? [];
  if (!dtype) throw new Error(`${key} holds ${type}, a dtype that no sample has`);
  const data = new array(buffer.slice(start));
  return {dtype, shape, data: dtype === 'float16' ? Float32Array.from(data, fromHalf) : data};
}

/** Fixed-width strings, as NumPy gives them back: without the zeros at their end. */
function strings(buffer, start, width, shape) {
  const count = shape.reduce((product, size) => product * size, 1);
  const data = Array.from({length: count}, (_, index) => {
    let length = width;
    const bytes = new Uint8Array(buffer, start + index * width, width);
    while (length > 0 && bytes[length - 1] === 0) length -= 1;
    return bytes.slice(0, length);
  });
  return {dtype: 'string', shape, data};
}

/** Return a tensor whose first index varies fastest with its last varying fastest. */
function rowMajor({dtype, shape, data}) {
  const parts = dtype.startsWith('complex') ? 2 : 1;
  const moved = data.slice();
  const index = shape.map(() => 0);
  for (let to = 0; to < data.length / parts; to += 1) {
    const from = shape.reduceRight((offset, size, axis) => offset * size + index[axis], 0);
    for (let part = 0; part < parts; part += 1) moved[to * parts + part] = data[from * parts + part];
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis -= 1) index[axis] = 0;
  }
  return {dtype, shape, data: moved};
}
