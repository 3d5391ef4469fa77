/**
 * Unpacks the Chromium of @sparticuz/chromium, run in the toolchain after `npm ci --ignore-scripts`: `node unpack.mjs`.
 *
 * Makes `chromium/chromium` (the headless shell), with SwiftShader's libraries beside it, and `chromium/lib` with the
 * libraries (NSS and others) that a bare machine lacks.  The package itself would unpack into /tmp at each start.
 */

import {createReadStream, createWriteStream} from 'node:fs';
import {cp, mkdir, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {pipeline} from 'node:stream/promises';
import {createBrotliDecompress} from 'node:zlib';
import {extract} from 'tar-fs';

const SOURCE = 'node_modules/@sparticuz/chromium/bin';
const TARGET = 'chromium';

function unpack(archive, sink) {
  return pipeline(createReadStream(join(SOURCE, archive)), createBrotliDecompress(), sink);
}

await mkdir(TARGET, {recursive: true});
await unpack('chromium.br', createWriteStream(join(TARGET, 'chromium'), {mode: 0o755}));
await unpack('swiftshader.tar.br', extract(TARGET, {chown: false}));
await unpack('al2023.tar.br', extract(join(TARGET, 'al2023'), {chown: false}));
await cp(join(TARGET, 'al2023', 'lib'), join(TARGET, 'lib'), {recursive: true, verbatimSymlinks: true});
await rm(join(TARGET, 'al2023'), {recursive: true});
// The archives are of no more use, and 65 MB.
await rm(SOURCE, {recursive: true});
