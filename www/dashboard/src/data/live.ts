/**
 * Server-sent events over fetch. Unlike EventSource this can carry the reader token, and a refused
 * stream says why instead of retrying for ever.
 */

import { readHeaders } from "./api.js";

/** How the stream stands. */
export type Status = "connecting" | "live" | "lost";

/** Called for each event; `data` is the parsed JSON. */
export type Listener = (event: string, data: unknown) => void;

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/** Follows `/v1/live` until the signal aborts, and connects again after a loss. */
export async function follow(signal: AbortSignal, onEvent: Listener, onStatus: (status: Status) => void): Promise<void> {
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      const response = await fetch("./v1/live", { signal, headers: { ...readHeaders(), accept: "text/event-stream" } });
      if (response.ok && response.body) {
        onStatus("live");
        wait = FIRST_WAIT_MS;
        await read(response.body, onEvent);
      }
    } catch {
      // Lost or aborted; the loop decides which.
    }
    if (signal.aborted) return;
    onStatus("lost");
    await pause(wait, signal);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

async function read(body: ReadableStream<Uint8Array>, onEvent: Listener): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const messages = (rest + decoder.decode(value, { stream: true })).replaceAll("\r\n", "\n").split("\n\n");
    rest = messages.pop() ?? "";
    for (const message of messages) dispatch(message, onEvent);
  }
}

function dispatch(message: string, onEvent: Listener): void {
  let event = "message";
  const data: string[] = [];
  for (const line of message.split("\n")) {
    if (line.startsWith("event:")) event = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
  }
  if (data.length === 0) return;
  try {
    onEvent(event, JSON.parse(data.join("\n")));
  } catch {
    // One unreadable event must not end the stream.
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
