/** Draws the live canvas; a script and a module of their own, fetched by the first `model.canvas()`. */
import type { Transfer } from "./download.js";
import { asNearsideError, NearsideError } from "./errors.js";
import type { Runtimes } from "./runtime.js";
import type { CanvasView, Report } from "./types.js";
import type { CanvasGlue } from "./wasm.js";

let drawing: Promise<CanvasGlue> | undefined;

/** The ten blocks of a canvas, with a page's report as their live values. */
export async function drawCanvas(runtimes: Runtimes, transfer: Transfer, canvas: object, report: Report): Promise<CanvasView> {
  drawing ??= start(runtimes, transfer);
  drawing.catch(() => (drawing = undefined));
  const glue = await drawing;
  try {
    return glue.canvas_view(canvas, report);
  } catch (error) {
    drawing = undefined;
    throw asNearsideError(error);
  }
}

async function start(runtimes: Runtimes, transfer: Transfer): Promise<CanvasGlue> {
  // Who supplies the WebAssembly has one for everything, if it is the full one.
  if (transfer.wasm) {
    const { glue } = await runtimes.full.instance(transfer);
    if ("canvas_view" in glue) return glue as unknown as CanvasGlue;
    throw new NearsideError("usage", "The canvas is drawn by nearside-full.wasm: pass that one to nearside/slim, or read /v1/models/{name}/canvas of the collector.");
  }
  const [{ create }, { module }] = await Promise.all([import("./nearside-canvas.js"), runtimes.canvas.compiled(transfer)]);
  const glue = create();
  await glue.init({ module_or_path: module });
  return glue;
}
