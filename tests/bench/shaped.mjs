// The cold page as its visitors meet it: TLS and HTTP/2 over a packet-shaped link, in a page that has 400 kB of its own.
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import { join } from "node:path";
import { launch } from "../browser/support.mjs";
import { LINK_WORDS, openLink } from "./link.mjs";
import { target } from "./site.mjs";

const SCRIPTS = 2, IMAGES = 4;
const SCRIPT_BYTES = 100_000, IMAGE_BYTES = 50_000;

export const SHAPED_WORDS = `${LINK_WORDS}; TLS 1.3 with HTTP/2; CPU 4x slower; a host page with ${(SCRIPTS * SCRIPT_BYTES + IMAGES * IMAGE_BYTES) / 1000} kB of its own`;

/** What a host page asks for while it is read: scripts that do not hold up others, and images. */
export const HOST_HEAD = [
  ...Array.from({ length: SCRIPTS }, (_, i) => `<script async src="/host/${i}.js"></script>`),
  ...Array.from({ length: IMAGES }, (_, i) => `<img src="/host/${i}.bmp" width="128" height="130" alt="">`),
].join("\n");

/** The host page's own files: noise, to be sent as it is. */
export function hostFiles() {
  let state = 7;
  const byte = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
  const noise = (length) => Buffer.alloc(length).map(byte);
  const files = {};
  for (let i = 0; i < SCRIPTS; i++) {
    const code = `globalThis.host${i}="${noise(SCRIPT_BYTES).toString("base64")}";`;
    files[`/host/${i}.js`] = code.slice(0, SCRIPT_BYTES - 2) + '";';
  }
  for (let i = 0; i < IMAGES; i++) files[`/host/${i}.bmp`] = bitmap(noise(128 * 130 * 3));
  return files;
}

/** A bitmap of 128 × 130 pixels, 24 bits each: close to IMAGE_BYTES. */
function bitmap(pixels) {
  const head = Buffer.alloc(54);
  head.write("BM");
  head.writeUInt32LE(54 + pixels.length, 2);
  head.writeUInt32LE(54, 10);
  head.writeUInt32LE(40, 14);
  head.writeInt32LE(128, 18);
  head.writeInt32LE(130, 22);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(24, 28);
  return Buffer.concat([head, pixels]);
}

/**
 * The files of a site behind the link, and a browser that trusts its certificate: `{ browser, site, close }`, the site with
 * `url` and `served`.
 */
export async function openShaped({ files }) {
  const { key, cert, spki } = certificate();
  const served = [];
  const sessions = new Set();
  const server = createSecureServer({ key, cert, minVersion: "TLSv1.3" }, (request, response) => {
    const path = new URL(request.url, "https://x").pathname;
    served.push(`${request.method} ${path}`);
    const { body, type, headers } = files[path] ?? {};
    if (body === undefined) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(body), "cache-control": "no-cache", ...headers });
    response.end(body);
  });
  server.on("session", (session) => (sessions.add(session), session.on("close", () => sessions.delete(session))));
  // A page that is closed cuts what it still fetches.
  server.on("sessionError", () => {});
  const link = await openLink(server);
  const browser = await launch([`--ignore-certificate-errors-spki-list=${spki}`]);
  return {
    browser,
    site: { url: `https://127.0.0.1:${link.port}`, served },
    async close() {
      await browser.close();
      for (const session of sessions) session.destroy();
      await link.close();
    },
  };
}

/** A self-signed certificate of this run, with the hash of its key by which Chromium trusts it without a second handshake. */
function certificate() {
  const folder = join(target, "tls");
  mkdirSync(folder, { recursive: true });
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(folder, name));
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert], { stdio: "ignore" });
  const publicKey = new X509Certificate(readFileSync(cert)).publicKey.export({ type: "spki", format: "der" });
  return { key: readFileSync(key), cert: readFileSync(cert), spki: createHash("sha256").update(publicKey).digest("base64") };
}
