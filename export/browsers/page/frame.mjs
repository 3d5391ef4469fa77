/**
 * A run's result as one blob, which anyport reads (`anyport_browser/frame.py`): the length of a JSON header as uint32, the
 * header, padding to 8 bytes, then the tensors that the header's `tensors` describe as `{signature, call, name, dtype, shape,
 * offset, bytes}`.  Little-endian.  A string tensor is, for each string, its length as uint32 and its bytes.
 */

const ALIGNMENT = 8;

/** Return the frame of what `prove` returned. */
export function resultFrame({outputs, ...header}) {
  const tensors = Object.entries(outputs).flatMap(([signature, calls]) =>
    calls.flatMap((answers, call) =>
      Object.entries(answers).map(([name, {dtype, shape, data}]) => ({signature, call, name, dtype, shape, data: bytes(data)})),
    ),
  );
  return frame(header, tensors);
}

/** Return the frame that says that a run failed. */
export function errorFrame(error) {
  return frame({error: String(error?.message ?? error), hint: error?.hint ?? '', stack: String(error?.stack ?? '')}, []);
}

function bytes(data) {
  return Array.isArray(data) ? strings(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function strings(items) {
  const packed = new Uint8Array(items.reduce((size, item) => size + 4 + item.length, 0));
  const view = new DataView(packed.buffer);
  let offset = 0;
  for (const item of items) {
    view.setUint32(offset, item.length, true);
    packed.set(item, offset + 4);
    offset += 4 + item.length;
  }
  return packed;
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
  const packed = new Uint8Array(start + size);
  new DataView(packed.buffer).setUint32(0, text.length, true);
  packed.set(text, 4);
  tensors.forEach(({data}, index) => packed.set(data, start + described[index].offset));
  return packed;
}

function aligned(size) {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}
