import type { Bundle } from "./bundle.js";
import type { Consent } from "./consent.js";
import type { Transfer } from "./download.js";
import { LocalEngine, type Engine } from "./engine.js";
import type { Numbering, PageLoad } from "./page.js";
import type { Runtimes } from "./runtime.js";
import type { LoadOptions } from "./types.js";

/** What `load()` hands over. */
export interface ModelParts {
  bundle: Bundle;
  runtimes: Runtimes;
  transfer: Transfer;
  options: LoadOptions;
  consent: Consent;
  numbering: Numbering;
  page: PageLoad | undefined;
  /** The moment from which the visitor waits; `undefined` is the page's navigation. */
  since: number | undefined;
  download_ms: number;
  compile_ms: number | null;
}

/** An engine for `bundle` in the calling thread. */
export function localEngine({ runtimes, numbering }: ModelParts, bundle: Bundle, transfer: Transfer, session = numbering.session): Promise<LocalEngine> {
  return LocalEngine.open({ manifest: bundle.manifest, fields: bundle.fields, model: bundle.model, session }, runtimes.of(bundle.manifest.engine, transfer), transfer);
}

/** An engine for `bundle` in a module worker; its counters stay in the calling thread. */
export async function remoteEngine(parts: ModelParts, bundle: Bundle): Promise<Engine> {
  const { runtimes, numbering: { session }, options } = parts;
  const { manifest, fields, model } = bundle;
  const transfer = background(parts.transfer);
  const runtime = runtimes.of(manifest.engine, transfer);
  const [{ openRemote }, { module }] = await Promise.all([import("./worker.js"), runtime.compiled(transfer)]);
  const spawn = typeof options.worker === "function" ? options.worker : runtime.host.spawn!;
  const counting = LocalEngine.open({ manifest, fields, model: undefined, session }, runtime, transfer);
  return openRemote(spawn, module, { manifest, fields, model, session }, counting);
}

/** What happens after `load()` has returned is not its caller's to watch or abort. */
export function background({ host, fetch, wasm }: Transfer): Transfer {
  return { host, ...(fetch && { fetch }), ...(wasm && { wasm }) };
}
