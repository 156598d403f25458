// What the benches serve and weigh: files compressed ahead of the clock, at the quality that a static host ships.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzipSync } from "node:zlib";
import { bundleFolder, root, serve } from "../browser/support.mjs";

export const target = join(root, "target/bench");
export const sdkFolder = join(root, "www/sdk/dist");
const cache = join(target, "brotli");

const TYPES = [
  [/\.html$/, "text/html; charset=utf-8"], [/\.m?js$/, "text/javascript; charset=utf-8"], [/\.json$/, "application/json"],
  [/\.wasm$/, "application/wasm"], [/\.bmp$/, "image/bmp"], [/./, "application/octet-stream"],
];

/** Every file below a folder, by its path in it; brotli twins and declarations are not for pages. */
export function filesBelow(folder, keep = (path) => !/\.(br|d\.ts)$/.test(path)) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter(keep)
    .sort();
}

/** Brotli at quality 11. Kept on disk by content, because onnxruntime-web's runtime alone takes most of a minute. */
async function packed(bytes) {
  const kept = join(cache, createHash("sha256").update(bytes).digest("hex"));
  if (existsSync(kept)) return readFileSync(kept);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  const brotli = await promisify(brotliCompress)(bytes, { params });
  mkdirSync(cache, { recursive: true });
  writeFileSync(kept, brotli);
  return brotli;
}

/** What bytes weigh: as they are, and as they travel. */
export async function weigh(bytes) {
  return { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: (await packed(bytes)).length };
}

/** The sum of weights. */
export function total(weights) {
  const sum = { raw: 0, gzip: 0, brotli: 0 };
  for (const weight of weights) for (const key of Object.keys(sum)) sum[key] += weight[key];
  return sum;
}

/**
 * Serves `contents`, a map from path to bytes or text, compressed where `compress` says so. `served` lists the requests in
 * their order, `weigh` says what the files at some paths weigh together, `files` is what answers.
 */
export async function openSite(contents, { compress = () => true } = {}) {
  const plain = new Map(Object.entries(contents).map(([path, body]) => [path, Buffer.from(body)]));
  const files = {};
  for (const [path, body] of plain) {
    const type = TYPES.find(([pattern]) => pattern.test(path))[1];
    const brotli = compress(path) ? await packed(body) : body;
    files[path] = brotli.length < body.length ? { body: brotli, type, headers: { "content-encoding": "br" } } : { body, type };
  }
  const server = await serve({ files });
  return {
    ...server,
    async weigh(paths) {
      const weights = [];
      for (const path of new Set(paths)) {
        if (!plain.has(path)) throw new Error(`The page asked for ${path}, which the bench does not serve: add it to the site.`);
        weights.push(await weigh(plain.get(path)));
      }
      return total(weights);
    },
  };
}

/** The contents of a folder under a path. */
export function mount(prefix, folder, names = filesBelow(folder)) {
  return Object.fromEntries(names.map((name) => [`${prefix}${name}`, readFileSync(join(folder, name))]));
}

/** What every bench serves of Nearside: the SDK with its runtimes, and the bundle. */
export function nearsideFiles() {
  return { ...mount("/sdk/", sdkFolder), ...mount("/models/loan-approval/", bundleFolder) };
}

/** onnxruntime-web's smallest official entry: one script without WebGPU and WebGL, and its runtime. */
export function peerFiles() {
  return mount("/peer/", join(root, "node_modules/onnxruntime-web/dist"), ["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"]);
}
