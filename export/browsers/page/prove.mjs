/**
 * Runs an artifact on the golden samples: what the self-test page, anyport's own browser runs and Node share.
 *
 * An engine (one module a target) exports `backends`, the names that it can be asked for, the usual one first, and
 * `start(backend, place)`.  That resolves to `{version, backend, details, load}`: the backend that is really in use, said by
 * the library and not by us, and `load(mapping, contract)`, which resolves to `{run, rows}`: a function from one call's
 * inputs to its outputs, tensors by the contract's names, and the number of rows that it takes at a time, if it matters.
 * `place` says where files are: `artifact` (URL of its folder), `fetchFile(url, init)`, and whatever else the engine's own
 * host gives it.
 */

import {readState} from './npz.mjs';
import {fetched, join, rows as cut} from './tensors.mjs';

const WARM_RUNS = 5;
const WARM_SECONDS = 1;

/** Run every call of every signature; returns `{version, backend, details, seconds, outputs}`. */
export async function prove(engine, backend, place, {contract, signatures}, samples, tell = () => {}) {
  tell(`starting ${backend}`);
  const started = await engine.start(backend, place);
  const seconds = {load: 0, first: 0, warm: 0};
  const [outputs, again] = [{}, []];
  const state = await initialState(place, signatures);
  for (const stated of contract.signatures) {
    tell(`loading ${stated.name}`);
    const before = performance.now();
    const mapping = signatures[stated.name];
    const loaded = carrying(await started.load(mapping, stated), mapping.states ?? {}, state);
    seconds.load += since(before);
    tell(`running ${stated.name}`);
    const calls = samples[stated.name].map(({inputs}) => () => whole(loaded, inputs, stated));
    const [first, answer] = await clocked(calls[0]);
    seconds.first = Math.max(seconds.first, first);
    outputs[stated.name] = [answer];
    for (const call of calls.slice(1)) outputs[stated.name].push(await call());
    again.push(calls[0]);
  }
  // Only now: what has state, which signatures may share, answers differently afterwards.
  for (const call of again) seconds.warm = Math.max(seconds.warm, await warm(call));
  const {version, details} = started;
  return {version, backend: started.backend, details: details(), seconds, outputs};
}

/** Return what the state of an artifact begins with; nothing where no signature has any. */
async function initialState(place, signatures) {
  if (!Object.values(signatures).some(({states}) => states)) return {};
  const url = new URL('initial_state.npz', place.artifact).href;
  return readState(await (await place.fetchFile(url)).arrayBuffer());
}

/** Return a signature that takes its `states` (input → output) from `state`, and leaves there what the next call begins with. */
function carrying({run, rows}, states, state) {
  const carried = async (inputs) => {
    const outputs = await run({...inputs, ...Object.fromEntries(Object.keys(states).map((input) => [input, state[input]]))});
    for (const [input, output] of Object.entries(states)) state[input] = outputs[output];
    return outputs;
  };
  return {run: carried, rows};
}

/** Throw unless a response is good: libraries take a 404 page for weights. */
export function checked(response, url) {
  if (!response.ok) throw new Error(`${decodeURI(String(url).split('/').at(-1))}: HTTP status ${response.status}`);
  return response;
}

async function whole({run, rows}, inputs, {outputs}) {
  const answers = rows ? await byRows(run, rows, inputs) : await run(inputs);
  return Object.fromEntries(outputs.map(({name, dtype}) => [name, fetched(answers[name], dtype)]));
}

async function byRows(run, rows, inputs) {
  const counts = [...new Set(Object.values(inputs).map(({shape}) => shape[0]))];
  if (counts.length !== 1 || counts[0] % rows) throw new Error(`inputs of ${counts.join(', ')} rows can't be fed ${rows} at a time`);
  const parts = [];
  for (let start = 0; start < counts[0]; start += rows) {
    const part = Object.entries(inputs).map(([name, tensor]) => [name, cut(tensor, start, rows)]);
    parts.push(await run(Object.fromEntries(part)));
  }
  return Object.fromEntries(Object.keys(parts[0]).map((name) => [name, join(parts.map((part) => part[name]))]));
}

async function warm(call) {
  const times = [];
  while (times.length < WARM_RUNS && times.reduce((sum, time) => sum + time, 0) < WARM_SECONDS) times.push((await clocked(call))[0]);
  times.sort((a, b) => a - b);
  const middle = times.length >> 1;
  return times.length % 2 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
}

async function clocked(call) {
  const before = performance.now();
  const answer = await call();
  return [since(before), answer];
}

function since(before) {
  return (performance.now() - before) / 1000;
}
