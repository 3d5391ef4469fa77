/**
 * TF.js as an engine of the self-test page (see `page/prove.mjs`), in browsers and in Node.
 *
 * The backend is what TF.js says that it uses, and for threads and graphics what the browser says: the wasm binary that was
 * fetched, the renderer behind the context.  In Node `place.require` gives the libraries; a page takes them from `lib/`
 * beside this file.
 */

import {ARRAYS, fed} from './tensors.mjs';

export const name = 'TF.js';
export const backends = ['wasm', 'wasm-threads', 'webgl', 'webgpu', 'cpu'];

const PACKAGES = {
  wasm: 'backend-wasm',
  'wasm-threads': 'backend-wasm',
  webgl: 'backend-webgl',
  webgpu: 'backend-webgpu',
  cpu: 'backend-cpu',
};
const COMPUTED = ['float32', 'int32', 'bool', 'string'];
const LIBRARIES = new URL('lib/', import.meta.url);

/** Start a backend; throws if TF.js can't, or would take another. */
export async function start(backend, place) {
  const packages = ['core', 'converter', PACKAGES[backend]];
  const tf = place.require ? fromPackages(packages, place.require) : await fromScripts(packages);
  const details = await prepare(tf, backend, place);
  const wanted = backend.split('-')[0];
  if (!(await tf.setBackend(wanted))) throw new Error(`TF.js can't start its ${wanted} backend here`);
  await tf.ready();
  const assert = () => {
    if (tf.getBackend() !== wanted) throw new Error(`TF.js fell back to ${tf.getBackend()} instead of ${wanted}`);
  };
  assert();
  return {
    version: tf.version_converter,
    backend,
    details: () => {
      assert();
      return details();
    },
    load: (mapping) => load(tf, backend, place, mapping),
  };
}

function fromPackages(packages, require) {
  return Object.assign({}, ...packages.map((name) => require(`@tensorflow/tfjs-${name}`)));
}

async function fromScripts(packages) {
  for (const item of packages) await script(new URL(`tf-${item}.es2017.min.js`, LIBRARIES));
  return globalThis.tf;
}

function script(url) {
  return new Promise((resolve, reject) => {
    const tag = document.createElement('script');
    tag.src = url;
    tag.onload = resolve;
    tag.onerror = () => reject(new Error(`${url.pathname.split('/').at(-1)} can't be loaded: it should lie in selftest/lib`));
    document.head.append(tag);
  });
}

/** Set TF.js up for a backend, and return a function that says what it really runs on, or throws. */
async function prepare(tf, backend, place) {
  if (backend.startsWith('wasm')) return prepareWasm(tf, backend === 'wasm-threads', place);
  if (backend === 'webgl') return prepareWebgl(tf);
  if (backend === 'webgpu') return prepareWebgpu();
  return () => ({processor: 'CPU, one thread'});
}

async function prepareWasm(tf, threads, place) {
  if (place.require) return () => ({processor: 'CPU, one thread'}); // Node: the package finds its own binary
  if (threads && !globalThis.crossOriginIsolated) {
    throw explained(
      'threads in WebAssembly need a page that is isolated from other origins, and this one is not',
      'Have the server send Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.',
    );
  }
  tf.wasm.setWasmPaths(LIBRARIES.href);
  if (threads) tf.wasm.setThreadsCount(Math.max(2, Math.min(4, navigator.hardwareConcurrency || 2)));
  else tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  return () => {
    const fetched = performance.getEntriesByType('resource').map(({name}) => name.split('/').at(-1).split('?')[0]);
    const binary = fetched.find((file) => /^tfjs-backend-wasm.*\.wasm$/.test(file)) ?? 'none';
    const count = threads ? tf.wasm.getThreadsCount() : 1;
    if (threads !== (binary.includes('threaded') && count > 1)) {
      throw new Error(
        `TF.js ${tf.version_converter} computes on ${count} thread${count === 1 ? '' : 's'} in ${binary}, where ` +
          `${threads ? 'several were' : 'one was'} asked for`,
      );
    }
    return {binary, threads: count, processor: 'CPU'};
  };
}

function prepareWebgl(tf) {
  // Small tensors would be computed on the CPU, and the run would prove nothing about the graphics processor.
  tf.env().set('WEBGL_CPU_FORWARD', false);
  return () => {
    const gl = tf.backend().getGPGPUContext().gl;
    if (gl.isContextLost()) throw new Error('the WebGL context was lost: the browser ended its graphics process');
    const extension = gl.getExtension('WEBGL_debug_renderer_info');
    return {
      renderer: gl.getParameter(extension ? extension.UNMASKED_RENDERER_WEBGL : gl.RENDERER),
      version: gl.getParameter(gl.VERSION),
    };
  };
}

async function prepareWebgpu() {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) {
    throw explained(
      'this browser gives no WebGPU adapter to this page',
      'WebGPU needs https, or localhost, and a browser and graphics driver that have it.',
    );
  }
  const {vendor, architecture, description} = adapter.info ?? {};
  return () => ({renderer: [vendor, architecture, description].filter(Boolean).join(' ') || 'not told by the browser'});
}

/** Load a signature's model and return `{run, rows}`. */
async function load(tf, backend, place, mapping) {
  const names = Object.keys(mapping.outputs);
  const url = new URL(mapping.model, place.artifact).href;
  const model = await tf.loadGraphModel(url, {fetchFunc: place.fetchFile});
  let asynchronous = false;
  const execute = async (feeds) => {
    if (!asynchronous) {
      try {
        return model.execute(feeds, names);
      } catch (error) {
        // Control flow, hash tables and dynamic shapes: only TF.js knows which graphs need the other method.
        if (!/executeAsync/.test(error.message)) throw error;
        asynchronous = true;
      }
    }
    return model.executeAsync(feeds, names);
  };
  const run = async (inputs) => {
    try {
      const feeds = Object.fromEntries(
        Object.entries(inputs).map(([key, tensor]) => [key, toTf(tf, key, tensor, mapping.inputs[key].dtype)]),
      );
      const results = [await execute(feeds)].flat();
      const read = await Promise.all(results.map((tensor, index) => fromTf(names[index], tensor)));
      tf.dispose([feeds, results]);
      return Object.fromEntries(read.map((tensor, index) => [names[index], tensor]));
    } catch (error) {
      throw withoutKernel(error, backend);
    }
  };
  return {run, rows: null};
}

function toTf(tf, key, tensor, dtype) {
  const {data, shape} = fed(key, tensor, dtype);
  return tf.tensor(data, shape, dtype);
}

async function fromTf(key, tensor) {
  const {dtype, shape} = tensor;
  if (!COMPUTED.includes(dtype)) throw new Error(`output ${key} is ${dtype}, which no TF.js model should yield`);
  if (dtype === 'string') return {dtype, shape, data: await tensor.bytes()};
  const [values, type] = [await tensor.data(), ARRAYS[dtype]];
  // The array isn't always of the dtype's kind: cast(bool → float32) keeps a Uint8Array on cpu.
  return {dtype, shape, data: values instanceof type ? values : type.from(values)};
}

/** Return an error about a missing kernel in words that say what to do; any other as it is. */
function withoutKernel(error, backend) {
  const op = /[Kk]ernel '?(\w+)'? not registered for backend/.exec(String(error?.message))?.[1];
  if (!op) return error;
  return explained(`its ${backend} backend has no kernel for ${op}`, 'Run it on another backend: wasm has the most repairs.');
}

function explained(message, hint) {
  return Object.assign(new Error(message), {hint});
}
