/** The script of the module worker: the same engine as in the page, behind messages. */
import type { Transfer } from "./download.js";
import { LocalEngine } from "./engine.js";
import { asNearsideError, NearsideError } from "./errors.js";
import { resolveInPage } from "./host.js";
import { Runtime } from "./runtime.js";
import type { Answer, Ask } from "./worker.js";

let opened: Promise<LocalEngine> | undefined;

globalThis.addEventListener("message", (event) => void handle((event as MessageEvent<Ask>).data));

async function handle(ask: Ask): Promise<void> {
  const { call } = ask;
  try {
    if (ask.ask === "open") opened = open(ask);
    if (!opened) throw new NearsideError("usage", "The worker was asked before it was opened.");
    const engine = await opened;
    if (ask.ask === "open") return post({ call, result: undefined });
    if (ask.ask === "explain") return post({ call, result: await engine.explain(ask.record) });
    // A refused record is counted, too, so what was counted goes along either way.
    const answer = await engine.predict(ask.record, ask.groups, ask.uncounted).then((result) => ({ result }), failed);
    post({ call, ...answer, counters: engine.handOver() });
  } catch (thrown) {
    post({ call, ...failed(thrown) });
  }
}

function failed(thrown: unknown): { error: { code: NearsideError["code"]; message: string } } {
  const { code, message } = asNearsideError(thrown);
  return { error: { code, message } };
}

function post(answer: Answer): void {
  const port = globalThis as unknown as { postMessage(message: Answer, transfer: ArrayBuffer[]): void };
  port.postMessage(answer, answer.counters ? [answer.counters.buffer] : []);
}

function open({ module, parts }: Extract<Ask, { ask: "open" }>): Promise<LocalEngine> {
  const transfer: Transfer = {
    host: { page: false, timers: true, resolve: resolveInPage, fetch: (url, init) => fetch(url, init), wasm: () => module },
  };
  return LocalEngine.open(parts, new Runtime(transfer.host, "small"), transfer);
}
