import { readBody, request, statusError, type Transfer } from "./download.js";
import { NearsideError } from "./errors.js";
import { sha256 } from "./digest.js";
import type { BundleFile, EngineChoice, Manifest, Progress } from "./types.js";

/** One release that a channel points at. */
export interface Release {
  version: string;
  manifest: string;
  /** The SHA-256 of the manifest in hex; channels of older versions have none. */
  sha256?: string;
  engine: string;
  model: string;
  /** The SHA-256 of `model` where that file carries the manifest, and is all that a page needs. */
  model_sha256?: string;
}

/** The one file of a bundle that changes: which version is on air. */
export interface Channel {
  format: number;
  name: string;
  champion: Release;
  previous: Release | null;
}

/** One version of a model, downloaded and checked. */
export interface Bundle {
  /** The folder, ending in a slash. */
  readonly base: URL;
  readonly channel: Channel | null;
  readonly manifest: Manifest;
  /** The manifest as the small runtime reads it; the full one takes the object, too. */
  readonly fields: Uint8Array<ArrayBuffer> | undefined;
  readonly model: Uint8Array<ArrayBuffer>;
}

/** What a file for pages begins with: "NSB" and the version of its fields. */
const PAGE_FILE = 0x4e534201;

/** The folder of a bundle: the address without the name of one of its JSON files, ending in a slash. */
export function bundleFolder(url: URL): URL {
  const folder = new URL(url);
  folder.pathname = folder.pathname.replace(/[^/]+\.json$/, "").replace(/\/?$/, "/");
  return folder;
}

/** Reads the channel file; `null` when the folder has none and `manifest.json` is the bundle. */
export async function readChannel(transfer: Transfer, base: URL): Promise<Channel | null> {
  const url = new URL("channel.json", base);
  // "no-cache" asks the server whether the file changed: it is the only mutable one.
  const response = await request(transfer, url, { cache: "no-cache", credentials: "same-origin" });
  if (response.status === 404) return null;
  if (!response.ok) throw statusError(response, url);
  const channel = await readJson<Channel>(transfer, response, url, "channel");
  if (!channel.champion?.manifest || !channel.champion.model) {
    throw new NearsideError("bundle-format", `${url.href} names no champion. Pack the bundle again with \`nearside pack\`.`);
  }
  return channel;
}

/**
 * Downloads the version that `release` names, or the one of `manifest.json`, hash checked. A compiled version is one file, which
 * carries its manifest; of any other, manifest and model come in parallel.
 */
export async function readRelease(transfer: Transfer, base: URL, channel: Channel | null, release = channel?.champion, engine?: EngineChoice): Promise<Bundle> {
  const own = engine !== "tract" && release?.engine === "compiled" && release.model_sha256;
  if (own) {
    const url = new URL(release.model, base);
    const bytes = await fetchFile(transfer, url, "model");
    await check(bytes, own, url, "channel");
    const parts = split(bytes);
    if (parts) return { base, channel, ...parts, manifest: fits(parse<Manifest>(parts.json, url), url, release) };
    // A file of another version than this SDK reads: the ONNX model and its manifest still are what they were.
    engine = "tract";
  }
  const early = release?.engine === "tract" && fetchFile(transfer, new URL(release.model, base), "model");
  // When the manifest turns out bad first, this download fails unheard instead of as an unhandled rejection.
  if (early) early.catch(() => {});
  const url = new URL(release?.manifest ?? "manifest.json", base);
  const manifest = fits(await readManifest(transfer, url, release?.sha256), url, release);
  if (engine === "compiled" && manifest.engine !== "compiled") {
    throw new NearsideError("no-plan", `${base.href} has no compiled plan: \`nearside pack\` says why. Leave the engine out, or use "tract".`);
  }
  const { plan } = manifest.files;
  if (engine !== "tract" && manifest.engine === "compiled" && plan) {
    const parts = split(await readChecked(transfer, base, plan));
    if (parts) return { base, channel, manifest, ...parts };
  }
  manifest.engine = "tract";
  const file = manifest.files.model;
  if (!early || release.model !== file.path) return { base, channel, manifest, fields: undefined, model: await readChecked(transfer, base, file) };
  const model = await early;
  await check(model, file.sha256, new URL(file.path, base), "manifest", file.bytes);
  return { base, channel, manifest, fields: undefined, model };
}

/** The parts of a file for pages (`src/bundle/page.rs`); `undefined` when it is none, or of a version that is not known here. */
export function split(bytes: Uint8Array<ArrayBuffer>): { json: Uint8Array; fields: Uint8Array<ArrayBuffer>; model: Uint8Array<ArrayBuffer> } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || view.getUint32(0) !== PAGE_FILE) return undefined;
  const fields = 12 + view.getUint32(4, true);
  const model = fields + view.getUint32(8, true);
  return { json: bytes.subarray(12, fields), fields: bytes.subarray(fields, model), model: bytes.subarray(model) };
}

async function readChecked(transfer: Transfer, base: URL, file: BundleFile, phase: Progress["phase"] = "model"): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL(file.path, base);
  const bytes = await fetchFile(transfer, url, phase, file.bytes);
  await check(bytes, file.sha256, url, "manifest", file.bytes);
  return bytes;
}

/** Fetches a JSON file that the manifest lists and checks its hash. */
export async function readListed<T>(transfer: Transfer, base: URL, file: BundleFile): Promise<T> {
  return parse<T>(await readChecked(transfer, base, file, "manifest"), new URL(file.path, base));
}

async function readManifest(transfer: Transfer, url: URL, hash: string | undefined): Promise<Manifest> {
  const response = await request(transfer, url, { credentials: "same-origin" });
  if (response.status === 404 && url.protocol !== "file:") {
    throw new NearsideError("network", `There is no bundle at ${url.href} (404). load() takes the folder that \`nearside pack\` wrote; check the address and that the folder is deployed.`);
  }
  if (!response.ok) throw statusError(response, url);
  const bytes = await readBody(transfer, response, "manifest");
  const manifest = parse<Manifest>(bytes, url);
  // The manifest names the hash of every other file, so it is as good as what vouches for it.
  if (hash) await check(bytes, hash, url, "channel");
  return manifest;
}

/** The manifest, when this SDK reads it and it is that of the release. */
function fits(manifest: Manifest, url: URL, release: Release | undefined): Manifest {
  if (manifest.format !== 1 || !manifest.files?.model) {
    throw new NearsideError("bundle-format", `${url.href} has bundle format ${String(manifest.format)}; this SDK reads format 1. Update the nearside package or pack the bundle again.`);
  }
  if (!["compiled", "tract"].includes(manifest.engine)) {
    throw new NearsideError("no-plan", `${url.href} asks for engine "${manifest.engine}", which this SDK does not know. Update the nearside package or pack the bundle again.`);
  }
  if (release && manifest.version !== release.version) {
    throw new NearsideError("bundle-corrupt", `${url.href} is version ${manifest.version}, but channel.json wants ${release.version}. Deploy all files of the bundle, channel.json last.`);
  }
  return manifest;
}

async function fetchFile(transfer: Transfer, url: URL, phase: Progress["phase"], expected?: number): Promise<Uint8Array<ArrayBuffer>> {
  const response = await request(transfer, url, { credentials: "same-origin" });
  if (!response.ok) throw statusError(response, url);
  return readBody(transfer, response, phase, expected);
}

async function readJson<T>(transfer: Transfer, response: Response, url: URL, phase: Progress["phase"]): Promise<T> {
  return parse<T>(await readBody(transfer, response, phase), url);
}

function parse<T>(bytes: Uint8Array, url: URL): T {
  const text = new TextDecoder().decode(bytes);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as T;
  } catch {
    // Falls through to the message below: what came is not a JSON object.
  }
  const seen = text.trimStart().startsWith("<") ? "an HTML page" : "something else";
  throw new NearsideError("bundle-format", `${url.href} should be JSON but is ${seen}. Check that the bundle folder is deployed and not answered by a catch-all route.`);
}

async function check(bytes: Uint8Array<ArrayBuffer>, hash: string, url: URL, by: "channel" | "manifest", size?: number): Promise<void> {
  const got = await sha256(bytes);
  if (got === hash.toLowerCase()) return;
  const wanted = size === undefined ? hash : `${hash} (${size} bytes)`;
  throw new NearsideError(
    "bundle-corrupt",
    `${url.href} is not the file of the ${by}: want sha256 ${wanted}, got ${got} (${bytes.length} bytes). Deploy the bundle again; if it is whole, purge the CDN's copy.`,
  );
}
