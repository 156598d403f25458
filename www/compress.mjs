// Puts a brotli twin beside every file that shrinks by it, so that the collector serves it as it is.
// Usage: node www/compress.mjs QUALITY FOLDER...
import { readdirSync, readFileSync, statSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const COMPRESSES = /\.(js|mjs|css|html|json|svg|wasm|txt|map)$/;
const [quality, ...folders] = process.argv.slice(2);

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (COMPRESSES.test(entry.name)) yield path;
  }
}

for (const path of folders.flatMap((folder) => [...files(folder)])) {
  const twin = `${path}.br`;
  if (existsSync(twin) && statSync(twin).mtimeMs >= statSync(path).mtimeMs) continue;
  const bytes = readFileSync(path);
  const params = { [constants.BROTLI_PARAM_QUALITY]: Number(quality), [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(twin, brotliCompressSync(bytes, { params }));
}
