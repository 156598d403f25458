/** The entry point of Node, Deno and Bun. Addresses may be file paths, file URLs or http URLs. */
import { readFile } from "node:fs/promises";
import { resolve as absolute } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { runtimes as files } from "./assets.js";
import type { Host } from "./host.js";
import { loaderFor } from "./load.js";
import { Runtimes } from "./runtime.js";
import { sessionFor, type OnnxSession } from "./session.js";

const node: Host = {
  page: false,
  timers: true,
  // A scheme has at least two letters, so that `C:\model` stays a path.
  resolve: (address) =>
    typeof address === "string" && !/^[a-z][a-z0-9+.-]+:/i.test(address)
      ? pathToFileURL(absolute(address) + (/[/\\]$/.test(address) ? "/" : ""))
      : new URL(address),
  fetch: (url, init) => (url.startsWith("file:") ? readAsResponse(url, init?.signal ?? undefined) : fetch(url, init)),
  wasm: (size) => readFile(fileURLToPath(files[size]())),
};

async function readAsResponse(url: string, signal: AbortSignal | undefined): Promise<Response> {
  try {
    return new Response(new Uint8Array(await readFile(fileURLToPath(url), { signal })));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Response(null, { status: 404, statusText: "no such file" });
    throw error;
  }
}

const runtimes = new Runtimes(node);
export const load = loaderFor(runtimes);
export const Session = sessionFor(runtimes);
export type Session = OnnxSession;
export * from "./public.js";
