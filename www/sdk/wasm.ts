import type { Boundary, CanvasView, Explanation, LossReason, Manifest, PageStage, ModelDescription, Port, Prediction, RawRecord, Report, Stage, Tensor } from "./types.js";

/** A plan or an ONNX model inside the WebAssembly core. */
export interface WasmSession {
  inputs(): Port[];
  outputs(): Port[];
  description(): ModelDescription | null;
  /** Typed arrays of the inputs in their order, and of each its rank and sizes; gives those of the outputs, and their shapes. */
  run(data: unknown[], shapes: Float64Array): [...Tensor["data"][], Float64Array];
  run_named(inputs: Record<string, Tensor>): Record<string, Tensor>;
  free(): void;
}

/** A bundle inside the WebAssembly core: it predicts, guards, explains and counts. */
export interface WasmPredictor {
  predict(record: RawRecord, groups: Record<string, string> | undefined, uncounted: boolean): Prediction;
  check(record: RawRecord): Boundary;
  explain(record: RawRecord): Explanation;
  stage(name: Stage, ms: number): void;
  page(stage: PageStage, elapsed_ms: number): void;
  loss(reason: LossReason, frames: number): void;
  predictions(): number;
  frame(sequence: number, age_ms: number, duration_ms: number, session: boolean): Uint8Array | undefined;
  discard(): boolean;
  hand_over(): Float64Array;
  take_over(counters: Float64Array): void;
  report(baseline: Float64Array | undefined): Report;
  free(): void;
}

/** The generated JavaScript around one WebAssembly instance. */
interface AnyGlue {
  init(options: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  initSync(options: { module: WebAssembly.Module }): unknown;
  version(): string;
  has_tract(): boolean;
}

/** The glue of a runtime. */
export interface Glue extends AnyGlue {
  Session: new (model: Uint8Array) => WasmSession;
  Predictor: new (manifest: Uint8Array | Manifest, model: Uint8Array | undefined, session: bigint, seed: bigint) => WasmPredictor;
}

/** The glue of what draws the canvas: the full runtime, and a module that does nothing else. */
export interface CanvasGlue extends AnyGlue {
  canvas_view(canvas: object, report: Report): CanvasView;
}
