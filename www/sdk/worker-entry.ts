/** The script of the module worker: the same engine as in the page, behind messages. */
import type { Transfer } from "./download.js";
import { LocalEngine } from "./engine.js";
import { asNearsideError, NearsideError } from "./errors.js";
import { resolveInPage } from "./host.js";
import { Runtime } from "./runtime.js";
import type { Answer, Ask } from "./worker.js";

let opened: Promise<LocalEngine> | undefined;

const post = (answer: Answer): void => (globalThis as unknown as { postMessage(message: unknown): void }).postMessage(answer);

globalThis.addEventListener("message", (event) => void handle((event as MessageEvent<Ask>).data));

async function handle(ask: Ask): Promise<void> {
  try {
    if (ask.ask === "open") opened = open(ask);
    if (!opened) throw new NearsideError("usage", "The worker was asked before it was opened.");
    const engine = await opened;
    switch (ask.ask) {
      case "open":
        return post({ call: ask.call, result: undefined, report: engine.report() });
      case "predict":
        return post({ call: ask.call, result: await engine.predict(ask.record, ask.groups), report: engine.report() });
      case "explain":
        return post({ call: ask.call, result: await engine.explain(ask.record) });
      case "frame":
        return post({ call: ask.call, result: engine.frame(ask.sequence, ask.age_ms, ask.duration_ms) });
      case "compareWith":
        engine.compareWith(ask.baseline);
        return post({ call: ask.call, result: undefined, report: engine.report() });
      case "stage":
        return engine.stage(ask.name, ask.ms);
      case "page":
        return engine.page(ask.stage, ask.elapsed_ms);
      case "loss":
        return engine.loss(ask.reason, ask.frames);
    }
  } catch (thrown) {
    const { code, message } = asNearsideError(thrown);
    if ("call" in ask) post({ call: ask.call, error: { code, message } });
  }
}

function open({ module, parts }: Extract<Ask, { ask: "open" }>): Promise<LocalEngine> {
  const transfer: Transfer = {
    host: { page: false, timers: true, resolve: resolveInPage, fetch: (url, init) => fetch(url, init), wasm: () => module },
  };
  return LocalEngine.open(parts, new Runtime(transfer.host), transfer);
}
