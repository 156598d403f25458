import { bundleFolder, readChannel, readRelease } from "./bundle.js";
import { Consent } from "./consent.js";
import type { Transfer } from "./download.js";
import { asNearsideError } from "./errors.js";
import { now } from "./host.js";
import { Model } from "./model.js";
import { claimPage, Numbering, type PageLoad } from "./page.js";
import type { Runtime } from "./runtime.js";
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
    const page = runtime.host.page ? claimPage(folderName(base)) : undefined;
    const consent = new Consent(options.consent);
    page?.reach("script");
    if (page && options.collector) page.watch(options.collector, consent);
    try {
      return await loadModel(runtime, base, options, consent, page);
    } catch (thrown) {
      const error = asNearsideError(thrown);
      if (error.code !== "aborted") page?.reach("failed");
      throw error;
    }
  };
}

async function loadModel(runtime: Runtime, base: URL, options: LoadOptions, consent: Consent, page: PageLoad | undefined): Promise<Model> {
  const started = now();
  const transfer: Transfer = { ...options, host: runtime.host };
  const compiling = runtime.compiled(transfer).then((compiled) => (page?.reach("runtime"), compiled));
  // A bad bundle is reported first; the runtime's failure is then nobody's news.
  compiling.catch(() => {});

  const channel = await readChannel(transfer, base);
  if (page && channel?.name) page.name = channel.name;
  const bundle = await readRelease(transfer, base, channel);
  const { manifest } = bundle;
  consent.required = manifest.telemetry?.consent !== "not_required";
  if (page) [page.name, page.version] = [manifest.name, manifest.version];
  const fetched = now() - started;
  const compiled = await compiling;

  const model = await Model.open({
    bundle, runtime, transfer, options, consent, page, started,
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
