import { bundleFolder, readChannel, readRelease } from "./bundle.js";
import { Consent } from "./consent.js";
import type { Transfer } from "./download.js";
import { asNearsideError } from "./errors.js";
import { now } from "./host.js";
import { Model } from "./model.js";
import { claimPage, Numbering } from "./page.js";
import type { ModelParts } from "./parts.js";
import type { Compiled, Runtime, Runtimes } from "./runtime.js";
import type { LoadOptions } from "./types.js";

/**
 * Loads a bundle and makes it ready to predict.
 *
 * `address` is the folder that `nearside pack` wrote: a URL, relative or absolute, and under Node also a file path.
 * The runtime downloads beside the channel file, the manifest and the model, each file is checked against its SHA-256.
 *
 * Rejects with a `NearsideError`: `network` (not reachable, 404), `bundle-format` (not a bundle, or of another format),
 * `bundle-corrupt` (a hash does not match), `no-plan` (an engine that this build lacks), `invalid-model`, `wasm-load`,
 * `wrong-mime`, `aborted`.
 */
export type Load = (address: string | URL, options?: LoadOptions) => Promise<Model>;

/** The `load` of one host. */
export function loaderFor(runtimes: Runtimes): Load {
  return async (address, options = {}) => {
    const base = bundleFolder(runtimes.host.resolve(address));
    const transfer: Transfer = { ...options, host: runtimes.host };
    // The longest download is asked for first: whether the bundle needs the full runtime, only the channel tells.
    const runtime = runtimes.of(options.engine === "tract" ? "tract" : "compiled", transfer);
    const compiling = runtime.compiled(transfer);
    const page = runtimes.host.page ? claimPage(base.href, folderName(base)) : undefined;
    const since = page ? page.begin() : now();
    const consent = new Consent(options.consent);
    if (page && options.collector) page.watch(options.collector, consent);
    try {
      // A bad bundle is reported first; the runtime's failure is then nobody's news.
      compiling.catch(() => {});
      return await loadModel({ runtimes, transfer, options, consent, page, since }, base, { runtime, compiling });
    } catch (thrown) {
      const error = asNearsideError(thrown);
      if (error.code !== "aborted") page?.reach("failed");
      throw error;
    }
  };
}

type Given = Pick<ModelParts, "runtimes" | "transfer" | "options" | "consent" | "page" | "since">;
/** A runtime that is on its way. */
type Started = { runtime: Runtime; compiling: Promise<Compiled> };

async function loadModel(given: Given, base: URL, early: Started): Promise<Model> {
  const { transfer, consent, page, runtimes, options } = given;
  const started = now();
  const channel = await readChannel(transfer, base);
  if (page && channel?.name) page.name = channel.name;
  const start = (engine: string): Started => {
    const runtime = runtimes.of(engine, transfer);
    if (runtime === under_way.runtime) return under_way;
    const compiling = runtime.compiled(transfer);
    compiling.catch(() => {});
    return { runtime, compiling };
  };
  let under_way = early;
  if (channel && options.engine !== "tract") under_way = start(channel.champion.engine);
  const bundle = await readRelease(transfer, base, channel, channel?.champion, options.engine);
  const { manifest } = bundle;
  consent.required = manifest.telemetry?.consent !== "not_required";
  if (page) [page.name, page.version] = [manifest.name, manifest.version];
  const fetched = now() - started;
  // Without a channel file, the manifest is the first to tell.
  under_way = start(manifest.engine);
  const compiled = await under_way.compiling;
  page?.reach("runtime");

  const model = await Model.open({
    ...given, bundle,
    numbering: page?.numbering ?? new Numbering(),
    download_ms: Math.max(fetched, compiled.downloaded_ms ?? 0),
    compile_ms: compiled.compiled_ms,
  });
  page?.reach("model");
  return model;
}

/** The last folder of the address: what a model is called until its bundle has told its name. */
function folderName(base: URL): string {
  return decodeURIComponent(base.pathname.split("/").at(-2) || base.host);
}
