/**
 * Tensors in JavaScript, `{dtype, shape, data}` as `npz.mjs` describes them: casts that change no integer, rows cut and
 * joined, and float16, which most browsers have no array for.
 */

export const ARRAYS = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16: Float32Array,
  bfloat16: Float32Array,
  float32: Float32Array,
  float64: Float64Array,
};

export function isInteger(dtype) {
  return /^u?int/.test(dtype);
}

/** Return `tensor` as `dtype`; throws, naming it, for an integer that doesn't fit. */
export function fed(name, tensor, dtype) {
  if (tensor.dtype === dtype || dtype === 'string') return tensor;
  const type = ARRAYS[dtype];
  if (!type) throw new Error(`sample ${name} can't be fed as ${dtype}`);
  const data = convert(tensor, dtype);
  if (isInteger(dtype) && isInteger(tensor.dtype) && !sameIntegers(tensor.data, data)) {
    throw new Error(`sample ${name} holds ${tensor.dtype} values that ${dtype}, which the artifact takes, can't hold`);
  }
  return {dtype, shape: tensor.shape, data};
}

/** Return an output in the contract's dtype if that changes no integer; as it is, for the comparison to say so, if it would. */
export function fetched(tensor, dtype) {
  if (tensor.dtype === dtype || !ARRAYS[dtype] || tensor.dtype === 'string' || tensor.dtype === 'bool') return tensor;
  if (isInteger(tensor.dtype) !== isInteger(dtype) || dtype === 'bool') return tensor;
  // A bfloat16 of the contract is compared as float32, NumPy has none.
  const wanted = dtype === 'bfloat16' ? 'float32' : dtype;
  const data = convert(tensor, wanted);
  if (isInteger(dtype) && !sameIntegers(tensor.data, data)) return tensor;
  return {dtype: wanted, shape: tensor.shape, data};
}

function convert({dtype, data}, wanted) {
  const type = ARRAYS[wanted];
  if (type === BigInt64Array || type === BigUint64Array) return type.from(data, BigInt);
  if (typeof data[0] === 'bigint') return type.from(data, Number);
  if (wanted === 'float16' && dtype !== 'float16') return type.from(data, (value) => fromHalf(toHalf(value)));
  return data instanceof type ? data : type.from(data);
}

function sameIntegers(before, after) {
  return before.every((value, index) => BigInt(value) === BigInt(after[index]));
}

/** Return rows `start` to `start + count` of a tensor. */
export function rows({dtype, shape, data}, start, count) {
  const each = data.length / shape[0];
  return {dtype, shape: [count, ...shape.slice(1)], data: data.slice(start * each, (start + count) * each)};
}

/** Undo `rows` on the tensors of several calls. */
export function join(parts) {
  const [{dtype, shape, data}] = parts;
  if (!shape.length) throw new Error('an output without rows came from an artifact that takes a few rows at a time');
  const total = parts.reduce((sum, part) => sum + part.data.length, 0);
  const joined = Array.isArray(data) ? [] : new data.constructor(total);
  let offset = 0;
  for (const part of parts) {
    if (Array.isArray(joined)) joined.push(...part.data);
    else joined.set(part.data, offset);
    offset += part.data.length;
  }
  return {dtype, shape: [parts.reduce((sum, part) => sum + part.shape[0], 0), ...shape.slice(1)], data: joined};
}

const NUMBER = new Float32Array(1);
const BITS = new Uint32Array(NUMBER.buffer);

/** Return the number that the bits of a float16 stand for. */
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Return the bits of the float16 nearest to a float32, ties to even. */
export function toHalf(value) {
  NUMBER[0] = value;
  const sign = (BITS[0] >>> 16) & 0x8000;
  const size = Math.abs(NUMBER[0]);
  if (Number.isNaN(size)) return sign | 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  if (size < 2 ** -14) return sign | even(size * 2 ** 24);
  const exponent = ((BITS[0] >>> 23) & 255) - 127;
  // A fraction that is rounded up to 1024 carries into the exponent, as it should.
  return sign + ((exponent + 15) << 10) + even((size / 2 ** exponent - 1) * 1024);
}

function even(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2) ? floor + 1 : floor;
}
