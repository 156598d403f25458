// What the browser specs share: a static server of this repository, a recording collector, Chromium, and frames.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { chromium } from "playwright-core";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const bundleFolder = join(root, "models/loan-approval/bundle");
const dist = join(root, "www/sdk/dist");

const TYPES = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
  ".json": "application/json", ".wasm": "application/wasm", ".onnx": "application/octet-stream", ".svg": "image/svg+xml",
};

/** The file of a runtime that Chromium fetches: the relaxed-SIMD twin, where this build has twins. */
export function runtimeFile(size = "small") {
  const name = size === "full" ? "nearside-full" : "nearside";
  return existsSync(join(dist, `${name}.relaxed.wasm`)) ? `${name}.relaxed.wasm` : `${name}.wasm`;
}

/** Says what to build when something that the specs need is not there. */
export function requireBuild() {
  assert.ok(existsSync(join(dist, "index.js")), "www/sdk/dist is missing: run `make wasm`, then `node www/sdk/build.mjs`.");
  assert.ok(existsSync(join(bundleFolder, "manifest.json")), "models/loan-approval/bundle is missing: run `nearside retrain` in models/loan-approval.");
}

/** A JSON file of the loan-approval bundle. */
export function bundleJson(name) {
  return JSON.parse(readFileSync(join(bundleFolder, name), "utf8"));
}

/** The golden records and predictions of the loan-approval bundle. */
export function golden() {
  return bundleJson(bundleJson("manifest.json").files.golden.path);
}

/** Asserts that a prediction is the golden one, numbers within the golden tolerance. */
export function assertGolden(prediction, expected, tolerance = 1e-5) {
  assert.equal(prediction.label, expected.label);
  assert.equal(prediction.action, expected.action);
  assert.ok(Math.abs(prediction.score - expected.score) <= tolerance, `score ${prediction.score}, golden ${expected.score}`);
  for (const [name, value] of Object.entries(expected.probabilities)) {
    assert.ok(Math.abs(prediction.probabilities[name] - value) <= tolerance, `probability of ${name}: ${prediction.probabilities[name]}, golden ${value}`);
  }
}

/**
 * Serves /sdk/, /examples/ and /models/loan-approval/ of this repository, and an empty page at /.
 *
 * `files` maps paths to `{ body, type, status, headers, delay_ms }` and wins over the disk; a spec may change it while the server
 * runs. `brotli` compresses what the browser accepts compressed; `headers` go with every answer; `gate` is waited for before each.
 */
export async function serve({ files = {}, brotli = false, headers = {}, gate } = {}) {
  const served = [];
  const server = await listen(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://x").pathname);
    served.push(`${request.method} ${path}`);
    const { status = 200, type, body, delay_ms, headers: own } = files[path] ?? fromDisk(path);
    await gate?.(path);
    if (delay_ms) await new Promise((resolve) => setTimeout(resolve, delay_ms).unref());
    const packed = brotli && body?.length > 512 && /\bbr\b/.test(request.headers["accept-encoding"] ?? "");
    response.writeHead(status, {
      "cache-control": "no-cache",
      ...(type !== null && { "content-type": type ?? TYPES[extname(path)] ?? "text/plain" }),
      ...(packed && { "content-encoding": "br" }),
      ...headers, ...own,
    });
    response.end(packed ? brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }) : body);
  });
  return { ...server, files, served };
}

const FOLDERS = [["/sdk/", dist], ["/examples/", join(root, "www/examples")], ["/models/loan-approval/", bundleFolder]];

function fromDisk(path) {
  if (path === "/") return { body: "<!doctype html><title>A page</title><body>", type: TYPES[".html"] };
  const [prefix, folder] = FOLDERS.find(([prefix]) => path.startsWith(prefix)) ?? [];
  const file = folder && join(folder, normalize(path.slice(prefix.length)).replace(/(^|\/)$/, "$1index.html"));
  if (!file?.startsWith(folder) || !existsSync(file)) return { status: 404, body: "no such file", type: "text/plain" };
  return { body: readFileSync(file), type: TYPES[extname(file)] };
}

/**
 * A collector that keeps what it is sent. Its answers come from `answer`, which a spec may replace: it gets the number
 * of the frame and gives `{ status, body }`. `refused` is what it says about outcomes.
 */
export async function recordingCollector() {
  const collector = { frames: [], outcomes: [], other: [], refused: [], answer: () => ({ status: 202, body: { accepted: true, champion: null } }) };
  const server = await listen(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const url = new URL(request.url, "http://x");
    const entry = { path: url.pathname, key: url.searchParams.get("key"), headers: request.headers, body };
    let answer = { status: 202, body: { accepted: 1, refused: collector.refused } };
    if (request.method === "POST" && url.pathname.startsWith("/v1/ingest/")) {
      collector.frames.push(entry);
      answer = collector.answer(collector.frames.length - 1);
    } else if (request.method === "POST" && url.pathname === "/v1/outcomes") {
      collector.outcomes.push({ ...entry, json: JSON.parse(body) });
    } else {
      collector.other.push(`${request.method} ${url.pathname}`);
      answer = { status: 404, body: {} };
    }
    response.writeHead(answer.status, { "content-type": "application/json", "access-control-allow-origin": "*" });
    response.end(JSON.stringify(answer.body ?? {}));
  });
  return Object.assign(collector, server);
}

async function listen(handler) {
  const server = createServer((request, response) => handler(request, response).catch((error) => response.destroy(error)));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))),
  };
}

/** Chromium without a sandbox, as containers need it; `more` are further switches. */
export function launch(more = []) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", ...more],
  });
}

/** Waits until `condition` gives something, or fails after `limit_ms` saying what it waited for. */
export async function eventually(condition, what, limit_ms = 8000) {
  const end = Date.now() + limit_ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < end, `Waited ${limit_ms} ms in vain for: ${what}`);
    await pause(25);
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Reads what both kinds of frame begin with, and all of a page frame. Checks the CRC with an independent implementation. */
export function readFrame(bytes) {
  assert.equal(bytes.subarray(0, 3).toString("latin1"), "NSF");
  const [format, kind] = [bytes[3], bytes[4]];
  const session = bytes.readBigUInt64LE(5);
  let at = 13;
  const varint = () => {
    let value = 0, scale = 1, byte;
    do {
      byte = bytes[at++];
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte & 128);
    return value;
  };
  const sequence = varint();
  const age_ms = varint();
  const length = bytes[at++];
  const name = bytes.subarray(at, at + length).toString("utf8");
  const version = bytes.subarray(at + length, at + length + 6).toString("hex");
  at += length + 6;
  const frame = { format, kind, session, sequence, age_ms, name, version };
  if (kind === 2) {
    frame.stage = ["navigated", "script", "runtime", "model", "predicted", "failed"][bytes[at++]];
    frame.elapsed_ms = varint();
    assert.equal(at + 4, bytes.length, "a page frame ends with its CRC");
  }
  assert.equal(bytes.readUInt32LE(bytes.length - 4), crc32(bytes.subarray(0, -4)), "CRC-32 of the frame");
  return frame;
}

const CRC_TABLE = Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n >>> 0;
});

/** CRC-32 by table. */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
