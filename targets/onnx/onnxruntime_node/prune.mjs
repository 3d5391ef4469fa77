/**
 * Leaves the binaries of this platform alone, run in the toolchain after `npm ci --ignore-scripts`: `node prune.mjs`.
 *
 * The package brings those of five platforms, 290 MB.  Its install script, which would fetch CUDA's from elsewhere, isn't run.
 */

import {readdir, rm} from 'node:fs/promises';
import {join} from 'node:path';

const BINARIES = 'node_modules/onnxruntime-node/bin';
const OURS = [process.platform, process.arch];

for (const api of await readdir(BINARIES)) {
  for (const platform of await readdir(join(BINARIES, api))) {
    for (const processor of await readdir(join(BINARIES, api, platform))) {
      if (platform !== OURS[0] || processor !== OURS[1]) await rm(join(BINARIES, api, platform, processor), {recursive: true});
    }
  }
}
