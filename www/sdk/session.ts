/// <reference lib="esnext.disposable" preserve="true" />
import { split } from "./bundle.js";
import { readBody, request, statusError, type Transfer } from "./download.js";
import { asNearsideError, NearsideError, throwIfAborted } from "./errors.js";
import type { Instance, Runtime, Runtimes } from "./runtime.js";
import type { ModelDescription, Port, SessionOptions, Tensor } from "./types.js";
import type { WasmSession } from "./wasm.js";

/** A model in any form, a plan or an ONNX file: its address (under Node also a file path), its bytes, or a response that carries it. */
export type ModelSource = string | URL | BufferSource | Response;

/**
 * Any model, ready to run: tensors in, tensors out. Made by `Session.create()`.
 *
 * Nothing is counted and nothing leaves the page.
 */
export class OnnxSession {
  /** The inputs that `run` takes, in the model's order. */
  readonly inputs: readonly Port[];
  /** The outputs that `run` gives. */
  readonly outputs: readonly Port[];
  /** What an ONNX file says of itself; `null` for a plan. */
  readonly description: ModelDescription | null;
  readonly #runtime: Runtime;
  readonly #transfer: Transfer;
  readonly #model: Uint8Array;
  #instance: Instance;
  #session: WasmSession;
  #disposed = false;

  /** @internal */
  constructor(runtime: Runtime, transfer: Transfer, model: Uint8Array, instance: Instance) {
    this.#runtime = runtime;
    this.#transfer = transfer;
    this.#model = model;
    this.#instance = instance;
    this.#session = this.#open();
    this.inputs = instance.call(() => this.#session.inputs());
    this.outputs = instance.call(() => this.#session.outputs());
    this.description = instance.call(() => this.#session.description());
  }

  /**
   * Runs the model once. Rejects with `wrong-input`, `wrong-shape` or `wrong-type` naming the input, and with
   * `engine-dead` when the runtime failed; the next call then runs on a new one.
   */
  async run(inputs: Record<string, Tensor>, options: { signal?: AbortSignal } = {}): Promise<Record<string, Tensor>> {
    if (this.#disposed) throw new NearsideError("disposed", "The session was disposed of; create it again.");
    throwIfAborted(options.signal);
    if (this.#instance.dead) {
      this.#instance = await this.#runtime.instance(this.#transfer);
      this.#session = this.#open();
    }
    const given = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, typed(name, tensor)]));
    const arranged = this.#arrange(given);
    // What is not as the model takes it goes the long way, where the core says what is wrong, or makes it fit.
    if (!arranged) return this.#instance.call(() => this.#session.run_named(given));
    const results = this.#instance.call(() => this.#session.run(arranged.data, Float64Array.from(arranged.shapes)));
    const shapes = results.pop() as Float64Array;
    let at = 0;
    return Object.fromEntries(this.outputs.map(({ name, type }, i) => {
      const rank = shapes[at]!;
      const shape = Array.from(shapes.subarray(at + 1, (at += rank + 1)));
      return [name, { type, shape, data: results[i] } as Tensor];
    }));
  }

  /** Values and shapes in the order of the inputs, where a plan is given exactly what it takes. */
  #arrange(given: Record<string, Tensor>): { data: unknown[]; shapes: number[] } | undefined {
    if (this.description !== null || Object.keys(given).length !== this.inputs.length) return undefined;
    const shapes: number[] = [];
    const data: unknown[] = [];
    for (const { name, type } of this.inputs) {
      const tensor = given[name];
      if (tensor?.type !== type || !Array.isArray(tensor.shape) || !tensor.shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return undefined;
      shapes.push(tensor.shape.length, ...tensor.shape);
      data.push(tensor.data);
    }
    return { data, shapes };
  }

  /** Frees the model's memory. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (!this.#instance.dead) this.#session.free();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #open(): WasmSession {
    return this.#instance.call((glue) => new glue.Session(this.#model));
  }
}

/** The typed array of each element type. Booleans are bytes, and float16 is its bits. */
const ARRAYS = {
  float16: Uint16Array, float32: Float32Array, float64: Float64Array, int8: Int8Array, int16: Int16Array, int32: Int32Array,
  int64: BigInt64Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array, bool: Uint8Array,
};

/** A tensor with the typed array of its type; lists of plain numbers, BigInts or booleans become one where all of them fit. */
function typed(name: string, tensor: Tensor): Tensor {
  const { type, data } = (tensor ?? {}) as { type: keyof typeof ARRAYS; data: unknown };
  const array = Object.hasOwn(ARRAYS, type) ? ARRAYS[type] : undefined;
  if (!array || data instanceof array) return tensor;
  // float16 as plain numbers is computed as float32 anyway.
  if (type === "float16") return typed(name, { ...tensor, type: "float32" } as Tensor);
  const list = Array.isArray(data) || (ArrayBuffer.isView(data) && !(data instanceof DataView)) ? Array.from(data as ArrayLike<unknown>) : undefined;
  const kinds = type === "bool" ? ["boolean"] : /float/.test(type) ? ["number"] : ["number", "bigint"];
  const whole = /int/.test(type);
  const fits = (value: unknown): boolean => kinds.includes(typeof value) && (!whole || typeof value === "bigint" || Number.isSafeInteger(value));
  if (list?.every(fits)) {
    const big = array === BigInt64Array || array === BigUint64Array;
    const made = (array as typeof Float64Array).from(list.map((value) => (big ? BigInt(value as bigint) : Number(value))) as number[]) as ArrayLike<number>;
    // A number that does not fit has become another one.
    if (!whole || list.every((value, i) => made[i] == value)) return { ...tensor, data: made } as Tensor;
  }
  throw new NearsideError("wrong-type", `${name}: \`data\` is not the typed array that goes with \`type\`; send { type: "float32", shape: [1, 4], data: new Float32Array(4) }`);
}

/** What an entry point exports as `Session`. */
export interface SessionFactory {
  /**
   * Reads a model and makes it ready to run: a plan, which `nearside compile` wrote, on the small runtime, or any ONNX
   * file on the full one. An address that ends in `.plan` fetches the small runtime beside the plan.
   *
   * Rejects with `network` or `io`, `invalid-model`, `unsupported-operator` (naming it), `no-plan` (engine "compiled" asked for
   * a model that has no plan), `wasm-load`, `wrong-mime`, `aborted`.
   */
  create(source: ModelSource, options?: SessionOptions): Promise<OnnxSession>;
}

/** The `Session` of one host. */
export function sessionFor(runtimes: Runtimes): SessionFactory {
  const { host } = runtimes;
  return class Session extends OnnxSession {
    static async create(source: ModelSource, options: SessionOptions = {}): Promise<OnnxSession> {
      const transfer: Transfer = { ...options, host };
      try {
        const reading = readModel(transfer, source);
        // What kind of model it is, its bytes tell. Where its name or the caller tells before, the runtime comes meanwhile.
        const named = isAddress(source) && host.resolve(source).pathname.endsWith(".plan");
        const early = isBytes(source) ? undefined : runtimes.of(options.engine === "compiled" || named ? "compiled" : "tract", transfer);
        early?.compiled(transfer).catch(() => {});
        const read = await reading;
        // A bundle's file for pages holds a plan, too.
        const model = split(read)?.model ?? read;
        const plan = isPlan(model);
        if (options.engine === "compiled" && !plan) {
          throw new NearsideError("no-plan", 'An .onnx file has no compiled plan: make one with `nearside compile`. Or leave the engine out: "tract" runs the file as it is.');
        }
        if (options.engine === "tract" && plan) {
          throw new NearsideError("usage", 'A plan does not run on "tract". Leave the engine out, or pass the .onnx file that it was made of.');
        }
        // The full runtime runs plans, too: where it was fetched for nothing it is at least used.
        const runtime = early && (early === runtimes.full || plan) ? early : runtimes.of(plan ? "compiled" : "tract", transfer);
        const instance = await runtime.instance(transfer);
        throwIfAborted(options.signal);
        return new Session(runtime, { host, ...(options.wasm && { wasm: options.wasm }) }, model, instance);
      } catch (thrown) {
        const error = asNearsideError(thrown);
        if (!isAddress(source) || !["invalid-model", "unsupported-operator"].includes(error.code)) throw error;
        throw new NearsideError(error.code, `${host.resolve(source).href}: ${error.message}`, { cause: error });
      }
    }
  };
}

/** Whether bytes begin as those of a plan do. */
function isPlan(bytes: Uint8Array): boolean {
  return bytes[0] === 0x4e && bytes[1] === 0x53 && bytes[2] === 0x50;
}

async function readModel(transfer: Transfer, source: ModelSource): Promise<Uint8Array<ArrayBuffer>> {
  if (isBytes(source)) return source instanceof ArrayBuffer ? new Uint8Array(source) : new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  const url = isAddress(source) ? transfer.host.resolve(source) : new URL(source.url || "about:response");
  const response = isAddress(source) ? await request(transfer, url, { credentials: "same-origin" }) : source;
  if (!response.ok) throw statusError(response, url);
  return readBody(transfer, response, "model");
}

function isAddress(source: ModelSource): source is string | URL {
  return typeof source === "string" || source instanceof URL;
}

function isBytes(source: ModelSource): source is ArrayBuffer | ArrayBufferView<ArrayBuffer> {
  return source instanceof ArrayBuffer || ArrayBuffer.isView(source);
}
