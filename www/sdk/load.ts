import { bundleFolder, readChannel, readRelease } from "./bundle.js";
import { Consent } from "./consent.js";
import type { Transfer } from "./download.js";
import { asNearsideError } from "./errors.js";
import { now } from "./host.js";
import { Model } from "./model.js";
import { claimPage, Numbering } from "./page.js";
import type { ModelParts } from "./parts.js";
import type { Compiled, Runtime } from "./runtime.js";
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
export function loaderFor(runtime: Runtime): Load {
  return async (address, options = {}) => {
    const base = bundleFolder(runtime.host.resolve(address));
    const transfer: Transfer = { ...options, host: runtime.host };
    // The longest download is asked for first.
    const compiling = runtime.compiled(transfer);
    const page = runtime.host.page ? claimPage(base.href, folderName(base)) : undefined;
    const since = page ? page.begin() : now();
    const consent = new Consent(options.consent);
    if (page && options.collector) page.watch(options.collector, consent);
    try {
      const reached = compiling.then((compiled) => (page?.reach("runtime"), compiled));
      // A bad bundle is reported first; the runtime's failure is then nobody's news.
      reached.catch(() => {});
      return await loadModel({ runtime, transfer, options, consent, page, since }, base, reached);
    } catch (thrown) {
      const error = asNearsideError(thrown);
      if (error.code !== "aborted") page?.reach("failed");
      throw error;
    }
  };
}

type Given = Pick<ModelParts, "runtime" | "transfer" | "options" | "consent" | "page" | "since">;

async function loadModel(given: Given, base: URL, compiling: Promise<Compiled>): Promise<Model> {
  const { transfer, consent, page } = given;
  const started = now();
  const channel = await readChannel(transfer, base);
  if (page && channel?.name) page.name = channel.name;
  const bundle = await readRelease(transfer, base, channel);
  const { manifest } = bundle;
  consent.required = manifest.telemetry?.consent !== "not_required";
  if (page) [page.name, page.version] = [manifest.name, manifest.version];
  const fetched = now() - started;
  const compiled = await compiling;

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
