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
  readonly model: Uint8Array<ArrayBuffer>;
}

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

/** Downloads the version that `release` names, or the one of `manifest.json`: manifest and model in parallel, hash checked. */
export async function readRelease(transfer: Transfer, base: URL, channel: Channel | null, release = channel?.champion, engine?: EngineChoice): Promise<Bundle> {
  // Who asks for tract where there is a plan gets the model that the plan was made of.
  const early = release && (engine !== "tract" || release.engine === "tract") && fetchFile(transfer, new URL(release.model, base), "model");
  // When the manifest turns out bad first, this download fails unheard instead of as an unhandled rejection.
  if (early) early.catch(() => {});
  const manifest = await readManifest(transfer, new URL(release?.manifest ?? "manifest.json", base), release?.sha256);
  if (release && manifest.version !== release.version) {
    throw new NearsideError("bundle-corrupt", `${new URL(release.manifest, base).href} is version ${manifest.version}, but channel.json wants ${release.version}. Deploy all files of the bundle, channel.json last.`);
  }
  if (engine === "compiled" && manifest.engine !== "compiled") {
    throw new NearsideError("no-plan", `${base.href} has no compiled plan: \`nearside pack\` says why. Leave the engine out, or use "tract".`);
  }
  if (engine === "tract") manifest.engine = "tract";
  const file = (manifest.engine === "compiled" ? manifest.files.plan : undefined) ?? manifest.files.model;
  const url = new URL(file.path, base);
  const model = early && release?.model === file.path ? await early : await fetchFile(transfer, url, "model", file.bytes);
  await check(model, file.sha256, url, "manifest", file.bytes);
  return { base, channel, manifest, model };
}

/** Fetches a JSON file that the manifest lists and checks its hash. */
export async function readListed<T>(transfer: Transfer, base: URL, file: BundleFile): Promise<T> {
  const url = new URL(file.path, base);
  const bytes = await fetchFile(transfer, url, "manifest", file.bytes);
  await check(bytes, file.sha256, url, "manifest", file.bytes);
  return parse<T>(bytes, url);
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
  if (manifest.format !== 1 || !manifest.files?.model) {
    throw new NearsideError("bundle-format", `${url.href} has bundle format ${String(manifest.format)}; this SDK reads format 1. Update the nearside package or pack the bundle again.`);
  }
  if (!["compiled", "tract"].includes(manifest.engine)) {
    throw new NearsideError("no-plan", `${url.href} asks for engine "${manifest.engine}", which this SDK does not know. Update the nearside package or pack the bundle again.`);
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
