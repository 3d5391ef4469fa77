/**
 * The verdict: `export/compare.py` in JavaScript, by the same formula and with the same words; a test holds one against the
 * other.  Cosine and top-1 are the report's alone.
 *
 * An element passes when |a - b| <= multiple * floor, b being the source's and the floor the output's own rounding noise; where
 * none is known, when |a - b| <= atol * max|b| + rtol * |b|.  Booleans and integers of 32 and 64 bits must be equal, and so
 * must strings.  What rounding decides is not compared.
 */

const EPSILON = {float32: 2 ** -23, float16: 2 ** -10, bfloat16: 2 ** -7};
const HEADROOM = 64;
const EXACT = ['bool', 'int32', 'uint32', 'int64', 'uint64'];

/**
 * Return a verdict for every output of every signature of the contract: `{signature, name, passed, reason, max_abs_error,
 * max_rel_error, worst}`.  `expected` and `actual` hold, for each signature, its calls: tensors by name; `noise` is the
 * manifest's, and `undecided` holds the masks of what rounding decides.
 */
export function compareRun(contract, expected, actual, tolerance, noise = {}, undecided = {}) {
  return contract.signatures.flatMap(({name: signature, outputs, precision = 'float32'}) => {
    const allowed = widened(tolerance, precision);
    return outputs.map(({name}) => {
      const pairs = paired(name, expected[signature] ?? [], actual[signature] ?? []);
      if (typeof pairs === 'string') return {signature, name, ...failed(pairs)};
      const known = tolerance.multiple ? noise[signature]?.[name] : undefined;
      if (!known) return {signature, name, ...compare(pairs, allowed, null)};
      const decided = pairs.map(([want, have], call) => [want, without(undecided[signature]?.[call]?.[name], want, have)]);
      return {signature, name, ...compare(decided, allowed, known.floor || null)};
    });
  });
}

function widened({multiple, atol, rtol}, precision) {
  const factor = Math.max(1, EPSILON[precision] / EPSILON.float32 / HEADROOM);
  return {multiple, atol: atol * factor, rtol: rtol * factor};
}

/** Return the answer with what rounding decides taken from the source. */
function without(mask, want, have) {
  if (!mask || misfit(want, have)) return have;
  const parts = want.dtype.startsWith('complex') ? 2 : 1;
  return {...have, data: have.data.map((value, index) => (mask.data[Math.floor(index / parts)] ? want.data[index] : value))};
}

function failed(reason) {
  return {passed: false, reason, max_abs_error: null, max_rel_error: null, worst: null};
}

function paired(name, wanted, got) {
  if (wanted.length !== got.length || !wanted.length) return `answered ${got.length} of ${wanted.length} calls`;
  const missing = got.findIndex((call) => !(name in call));
  if (missing >= 0) return `no such output in call ${missing}; there are ${Object.keys(got[missing]).join(', ') || 'none'}`;
  return wanted.map((call, number) => [call[name], got[number][name]]);
}

function compare(pairs, tolerance, floor) {
  for (const [number, [want, have]] of pairs.entries()) {
    const reason = misfit(want, have);
    if (reason) return failed(`call ${number}: ${reason}`);
  }
  return pairs[0][0].dtype === 'string' ? compareStrings(pairs) : compareNumbers(pairs, tolerance, floor);
}

function misfit(want, have) {
  const list = (shape) => `[${shape.join(', ')}]`;
  if (list(want.shape) !== list(have.shape)) return `shape ${list(have.shape)}, the source's is ${list(want.shape)}`;
  if (want.dtype !== have.dtype) return `dtype ${have.dtype}, the source's is ${want.dtype}`;
  return '';
}

function compareNumbers(pairs, {multiple, atol, rtol}, floor) {
  const scale = pairs.reduce((largest, [want]) => Math.max(largest, largestFinite(want.data)), 0);
  const exact = EXACT.includes(pairs[0][0].dtype);
  let [excess, worst, largest] = [-Infinity, null, 0];
  for (const [number, [want, have]] of pairs.entries()) {
    const reason = nonfiniteMisfit(want.data, have.data);
    if (reason) return failed(`call ${number}: ${reason}`);
    for (let index = 0; index < want.data.length; index += 1) {
      const wanted = Number(want.data[index]);
      if (!Number.isFinite(wanted)) continue;
      let error = Math.abs(wanted - Number(have.data[index]));
      // On the integers themselves: a number can't tell those beyond 2**53 apart.
      if (exact) error = want.data[index] === have.data[index] ? 0 : Math.max(error, 1);
      largest = Math.max(largest, error);
      const close = floor ? multiple * floor : atol * scale + rtol * Math.abs(wanted);
      const beyond = error - (exact ? 0 : close);
      if (beyond > excess) {
        excess = beyond;
        worst = {call: number, index, expected: wanted, actual: Number(have.data[index])};
      }
    }
  }
  const passed = excess <= 0;
  return {
    passed,
    reason: passed ? '' : floor ? `${significant(largest / floor)} times the model's own noise` : 'beyond the tolerance',
    max_abs_error: largest,
    max_rel_error: scale ? largest / scale : largest === 0 ? 0 : Infinity,
    worst: worst && {...worst, index: place(worst.index, pairs[worst.call][0])},
  };
}

/** Write a number in three significant digits, as Python's `.3g` does. */
function significant(value) {
  if (value === 0 || !Number.isFinite(value)) return value === Infinity ? 'inf' : String(value);
  const [digits, exponent] = value.toExponential(2).split('e').map(Number);
  if (exponent >= -4 && exponent < 3) return String(Number(value.toPrecision(3)));
  return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

function largestFinite(data) {
  let largest = 0;
  for (const value of data) {
    const size = Math.abs(Number(value));
    if (size > largest && size !== Infinity) largest = size;
  }
  return largest;
}

function nonfiniteMisfit(want, have) {
  const odd = (value) => typeof value === 'number' && !Number.isFinite(value);
  if (want.every((value, index) => (odd(value) || odd(have[index]) ? Object.is(value, have[index]) : true))) return '';
  const counts = [have, want].map((data) => data.reduce((count, value) => count + (odd(value) ? 1 : 0), 0));
  return `${counts[0]} NaN or infinite values, the source has ${counts[1]}, or elsewhere`;
}

function compareStrings(pairs) {
  for (const [number, [want, have]] of pairs.entries()) {
    const text = (bytes) => new TextDecoder().decode(bytes);
    const same = (one, other) => one.length === other.length && one.every((byte, index) => byte === other[index]);
    const different = want.data.flatMap((item, index) => (same(item, have.data[index]) ? [] : [index]));
    if (different.length) {
      const [first] = different;
      const worst = {call: number, index: place(first, want), expected: text(want.data[first]), actual: text(have.data[first])};
      return {...failed(`${different.length} strings differ`), worst};
    }
  }
  return {passed: true, reason: '', max_abs_error: null, max_rel_error: null, worst: null};
}

/** Return the index along each axis of the element at a flat one. */
function place(flat, {dtype, shape}) {
  let rest = dtype.startsWith('complex') ? Math.floor(flat / 2) : flat;
  return shape.reduceRight((index, size) => {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
    return index;
  }, []);
}
