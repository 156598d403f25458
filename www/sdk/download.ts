import { aborted, NearsideError, throwIfAborted } from "./errors.js";
import type { Host } from "./host.js";
import type { Progress, TransferOptions } from "./types.js";

/** What a download needs to know: who fetches, who stops it, who watches. */
export interface Transfer extends TransferOptions {
  readonly host: Host;
}

/** Fetches an address; a network failure says which address and what to check. The caller looks at the status. */
export async function request(transfer: Transfer, url: URL, init: RequestInit = {}): Promise<Response> {
  throwIfAborted(transfer.signal);
  // Edge runtimes refuse settings that they do not implement, so only a page gets `cache` and `credentials`.
  const settings: RequestInit = transfer.host.page ? { ...init } : {};
  if (transfer.signal) settings.signal = transfer.signal;
  try {
    return await (transfer.fetch ?? transfer.host.fetch)(url.href, settings);
  } catch (error) {
    if (transfer.signal?.aborted) throw aborted(error);
    throw new NearsideError(
      "network",
      `Could not fetch ${url.href}: ${(error as Error).message}. Check the address, the connection, and, for another origin, its CORS headers.`,
      { cause: error },
    );
  }
}

/** The error of an answer that is not a success. */
export function statusError(response: Response, url: URL): NearsideError {
  if (url.protocol === "file:") return new NearsideError("io", `There is no file ${decodeURIComponent(url.pathname)}. Check the path; relative ones start from the working directory.`);
  return new NearsideError("network", `${url.href} answered ${response.status} ${response.statusText}`.trimEnd() + ". Check that the file is deployed at this address.");
}

/** Reads a body to the end, reporting bytes as they arrive. */
export async function readBody(transfer: Transfer, response: Response, phase: Progress["phase"], expected?: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    if (!transfer.onProgress || !response.body) {
      const bytes = new Uint8Array(await response.arrayBuffer());
      transfer.onProgress?.({ phase, loaded: bytes.length, total: bytes.length });
      return bytes;
    }
    return new Uint8Array(await countedResponse(transfer, response, phase, expected).arrayBuffer());
  } catch (error) {
    if (transfer.signal?.aborted) throw aborted(error);
    throw new NearsideError("network", `The download of ${response.url || "the file"} broke off: ${(error as Error).message}. Try again.`, { cause: error });
  }
}

/** The same response, reporting its bytes as they are read. `expected` is the size after decompression, where known. */
export function countedResponse(transfer: Transfer, response: Response, phase: Progress["phase"], expected?: number): Response {
  const encoded = response.headers.get("content-encoding");
  const length = Number(response.headers.get("content-length"));
  // Behind a content coding, content-length counts other bytes than the ones that are read here.
  const total = expected ?? (!encoded && length > 0 ? length : null);
  let loaded = 0;
  transfer.onProgress?.({ phase, loaded, total });
  const counter = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      loaded += chunk.length;
      transfer.onProgress?.({ phase, loaded, total });
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body!.pipeThrough(counter), { status: response.status, statusText: response.statusText, headers: response.headers });
}
