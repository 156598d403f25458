import { create } from "./nearside.js";
import { asNearsideError, NearsideError } from "./errors.js";
import { countedResponse, readBody, request, statusError, type Transfer } from "./download.js";
import { now, type Host, type RuntimeSize } from "./host.js";
import type { WasmSource } from "./types.js";
import type { Glue } from "./wasm.js";

/** A compiled module with the milliseconds of its making; `null` where nothing was downloaded or compiled for this caller. */
export interface Compiled {
  readonly module: WebAssembly.Module;
  readonly downloaded_ms: number | null;
  readonly compiled_ms: number | null;
}

/** One WebAssembly instance. A trap leaves its memory in an unknown state, so after one it is dead for everybody. */
export class Instance {
  dead = false;

  private constructor(readonly glue: Glue) {}

  static async start(module: WebAssembly.Module, host: Pick<Host, "page">): Promise<Instance> {
    const glue: Glue = isFull(module) ? (await import("./nearside-full.js")).create() : create();
    try {
      // Browsers forbid large synchronous instantiations on the main thread; edge runtimes are happiest with them.
      if (host.page) await glue.init({ module_or_path: module });
      else glue.initSync({ module });
    } catch (error) {
      throw new NearsideError("wasm-load", `The WebAssembly runtime did not start: ${(error as Error).message}. Check that the .wasm file belongs to this version of nearside and that memory is not exhausted.`, { cause: error });
    }
    return new Instance(glue);
  }

  /** Runs a call into the instance; a trap marks it dead and rejects with `engine-dead`. */
  call<T>(run: (glue: Glue) => T): T {
    try {
      return run(this.glue);
    } catch (error) {
      if (!isTrap(error)) throw asNearsideError(error);
      this.dead = true;
      throw new NearsideError("engine-dead", `The runtime stopped on an internal fault (${(error as Error).message}). The next call starts a new one; please report the record and the model version.`, { cause: error });
    }
  }
}

/** The runtimes of one host. */
export class Runtimes {
  readonly small: Runtime;
  readonly full: Runtime;
  /** Draws the canvas, and runs nothing. */
  readonly canvas: Runtime;

  constructor(readonly host: Host) {
    this.small = new Runtime(host, "small");
    this.full = new Runtime(host, "full");
    this.canvas = new Runtime(host, "canvas");
  }

  /** The runtime for bundles of an engine. A caller who supplies the WebAssembly has one for everything. */
  of(engine: string, { wasm }: Transfer): Runtime {
    return engine === "compiled" && !wasm ? this.small : this.full;
  }
}

/** Whether a module is the full runtime, whose glue knows more. */
function isFull(module: WebAssembly.Module): boolean {
  return WebAssembly.Module.exports(module).some(({ name }) => name === "full_runtime");
}

/** One host's runtime of one size: the module is fetched and compiled once, and a dead instance is replaced on the next call. */
export class Runtime {
  #compiled: Promise<Compiled> | undefined;
  #instance: Promise<Instance> | undefined;

  /** `size` says where the WebAssembly comes from; which of the two it is, the module itself tells. */
  constructor(readonly host: Host, private readonly size: RuntimeSize) {}

  /**
   * The compiled module. The times of its making go to the call that made it. A failed or aborted attempt is forgotten,
   * so that the next call tries again.
   */
  async compiled(transfer: Transfer): Promise<Compiled> {
    for (;;) {
      const mine = !this.#compiled;
      const attempt = (this.#compiled ??= compile(transfer, transfer.wasm ?? this.host.wasm(this.size)));
      try {
        const compiled = await attempt;
        return mine ? compiled : { module: compiled.module, downloaded_ms: null, compiled_ms: null };
      } catch (error) {
        if (this.#compiled === attempt) this.#compiled = undefined;
        // Somebody else's abort is not a reason for this caller to fail.
        if (mine || (error as NearsideError).code !== "aborted") throw error;
      }
    }
  }

  /** A living instance: the running one, or a new one when that has died. */
  async instance(transfer: Transfer): Promise<Instance> {
    const { module } = await this.compiled(transfer);
    for (;;) {
      const attempt = (this.#instance ??= Instance.start(module, this.host));
      try {
        const instance = await attempt;
        if (!instance.dead) return instance;
        if (this.#instance === attempt) this.#instance = undefined;
      } catch (error) {
        if (this.#instance === attempt) this.#instance = undefined;
        throw error;
      }
    }
  }
}

async function compile(transfer: Transfer, given: WasmSource | Promise<WasmSource> | undefined): Promise<Compiled> {
  // Without a pause where none is needed, so that the longest download is asked for before all others.
  const source = (isPending(given) ? await given : given) as WasmSource | undefined;
  if (source === undefined) {
    throw new NearsideError("usage", "nearside/slim needs the runtime: pass { wasm } with the address, response, bytes or module of nearside.wasm, which runs plans, or of nearside-full.wasm, which runs everything.");
  }
  const started = now();
  if (source instanceof WebAssembly.Module) return { module: source, downloaded_ms: null, compiled_ms: null };
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) {
    const module = await compileBytes(source, "the given bytes", null);
    return { module, downloaded_ms: null, compiled_ms: now() - started };
  }
  return compileDownload(transfer, source, started);
}

async function compileDownload(transfer: Transfer, source: URL | string | Response, started: number): Promise<Compiled> {
  const url = source instanceof Response ? new URL(source.url || "about:response") : transfer.host.resolve(source);
  const response = source instanceof Response ? source : await request(transfer, url, { credentials: "same-origin" });
  if (!response.ok) throw statusError(response, url);
  const type = response.headers.get("content-type");
  if (/^application\/wasm\b/i.test(type ?? "") && typeof WebAssembly.compileStreaming === "function") {
    // Counting the bytes costs the browser's code cache, so it happens only for callers who watch.
    const body = transfer.onProgress && response.body ? countedResponse(transfer, response, "runtime") : response;
    try {
      const module = await WebAssembly.compileStreaming(body);
      const done = now();
      const arrived = arrivalOf(url, started, done);
      return { module, downloaded_ms: arrived - started, compiled_ms: done - arrived };
    } catch (error) {
      if (transfer.signal?.aborted) throw asNearsideError(transfer.signal.reason, "aborted");
      throw compileError(error, url.href);
    }
  }
  const bytes = await readBody(transfer, response, "runtime");
  const arrived = now();
  const module = await compileBytes(bytes, url.href, type);
  if (url.protocol !== "file:" && !(source instanceof Response)) {
    console.warn(`nearside: ${url.href} is served as "${type ?? "no type"}", so it could not be compiled while downloading. Serve .wasm files as application/wasm.`);
  }
  return { module, downloaded_ms: arrived - started, compiled_ms: now() - arrived };
}

async function compileBytes(bytes: BufferSource, where: string, type: string | null): Promise<WebAssembly.Module> {
  const head = ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, Math.min(4, bytes.byteLength)) : new Uint8Array(bytes, 0, Math.min(4, bytes.byteLength));
  if (head[0] !== 0 || head[1] !== 0x61 || head[2] !== 0x73 || head[3] !== 0x6d) {
    throw new NearsideError("wrong-mime", `${where} is not WebAssembly${type ? ` (it came as "${type}")` : ""}. The server probably sent a page instead of the file: deploy the .wasm next to the script and serve it as application/wasm.`);
  }
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    throw compileError(error, where);
  }
}

function compileError(error: unknown, where: string): NearsideError {
  const hint = /unsafe-eval|Content Security Policy/i.test(String(error))
    ? "Add 'wasm-unsafe-eval' to script-src of the page's Content-Security-Policy."
    : "The file may be cut short, or this browser lacks WebAssembly SIMD (every current one has it).";
  return new NearsideError("wasm-load", `Could not compile ${where}: ${(error as Error).message}. ${hint}`, { cause: error });
}

/** When the last byte arrived: the resource timing tells it, because streaming compilation overlaps the download. */
function arrivalOf(url: URL, started: number, done: number): number {
  const entry = performance.getEntriesByName?.(url.href, "resource").at(-1) as PerformanceResourceTiming | undefined;
  const end = entry?.responseEnd ?? 0;
  return end > started && end < done ? end : done;
}

function isPending(value: unknown): value is Promise<WasmSource> {
  return typeof (value as { then?: unknown } | undefined)?.then === "function";
}

/** A trap, or a stack overflow inside the module, which engines report as a `RangeError`. */
function isTrap(error: unknown): boolean {
  return error instanceof WebAssembly.RuntimeError || (error instanceof RangeError && /call stack/i.test(error.message));
}

/** Whether the engine has relaxed SIMD: validates a function that uses `i8x16.relaxed_swizzle`. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(
    new Uint8Array([
      0, 97, 115, 109, 1, 0, 0, 0, // magic, version
      1, 5, 1, 96, 0, 1, 123, // type: () -> v128
      3, 2, 1, 0, // one function
      10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11, // two splats, relaxed_swizzle
    ]),
  );
}
