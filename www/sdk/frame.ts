import type { PageStage } from "./types.js";

/** What a page frame says: how far a page load came that was left before its first prediction. */
export interface PageFrame {
  /** The 64-bit page-session id. */
  session: bigint;
  /** The frame's number within the session. */
  sequence: number;
  /** The model's name. */
  name: string;
  /** The model's version, 12 hex digits, or `null` when it is not known yet. */
  version: string | null;
  /** The stage reached. */
  stage: PageStage;
  /** Milliseconds since navigation. */
  elapsed_ms: number;
}

const STAGES: readonly PageStage[] = ["navigated", "script", "runtime", "model", "predicted", "failed"];
const PAGE_FRAME = 2;

/**
 * Encodes a page frame, little endian: "NSF", format 1, kind 2, session (8 bytes), sequence and age as varints, name
 * with its length, version (6 bytes), stage, elapsed milliseconds as a varint, CRC-32 of all before.
 */
export function encodePageFrame(frame: PageFrame): Uint8Array<ArrayBuffer> {
  const name = truncate(new TextEncoder().encode(frame.name), 255);
  const bytes: number[] = [0x4e, 0x53, 0x46, 1, PAGE_FRAME];
  for (let i = 0n; i < 64n; i += 8n) bytes.push(Number((frame.session >> i) & 0xffn));
  varint(bytes, frame.sequence);
  varint(bytes, 0);
  bytes.push(name.length, ...name);
  for (let i = 0; i < 12; i += 2) bytes.push(parseInt(frame.version?.slice(i, i + 2) ?? "", 16) || 0);
  bytes.push(STAGES.indexOf(frame.stage));
  varint(bytes, frame.elapsed_ms);
  const crc = crc32(bytes);
  bytes.push(crc & 0xff, (crc >>> 8) & 0xff, (crc >>> 16) & 0xff, crc >>> 24);
  return Uint8Array.from(bytes);
}

/** CRC-32 as in zlib (IEEE 802.3, reflected); a page frame is too short to be worth a table. */
export function crc32(bytes: Iterable<number>): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** Unsigned LEB128 of a whole number below 2^53; fractions are dropped, negative numbers are zero. */
function varint(out: number[], value: number): void {
  let rest = Math.max(0, Math.floor(value));
  while (rest >= 128) {
    out.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
}

/** At most `limit` bytes, cut between two UTF-8 characters. */
function truncate(utf8: Uint8Array, limit: number): Uint8Array {
  let end = Math.min(utf8.length, limit);
  while (end < utf8.length && (utf8[end]! & 0xc0) === 0x80) end--;
  return utf8.subarray(0, end);
}
