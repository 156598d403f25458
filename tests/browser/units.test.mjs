// The pure pieces of the SDK, without a browser.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { crc32 as crcByTable, readFrame, requireBuild } from "./support.mjs";

requireBuild();
const sdk = (name) => import(`../../www/sdk/dist/${name}.js`);
const { encodePageFrame, crc32 } = await sdk("frame");
const { sha256, sha256Portable } = await sdk("digest");
const { Consent } = await sdk("consent");
const { bundleFolder } = await sdk("bundle");
const { ingestUrl, outcomesUrl } = await sdk("transport");
const { reasons, probability } = await sdk("explain");
const { asNearsideError, NearsideError } = await sdk("errors");
const { Numbering } = await sdk("page");

test("a page frame has the documented bytes", () => {
  const bytes = Buffer.from(encodePageFrame({
    session: 0x0102030405060708n, sequence: 300, name: "loan-approval", version: "0a1b2c3d4e5f", stage: "runtime", elapsed_ms: 1500.9,
  }));
  const head = "4e5346" + "01" + "02" + "0807060504030201" + "ac02" + "00" + "0d" + Buffer.from("loan-approval").toString("hex") + "0a1b2c3d4e5f" + "02" + "dc0b";
  assert.equal(bytes.subarray(0, -4).toString("hex"), head);
  assert.deepEqual(readFrame(bytes), {
    format: 1, kind: 2, session: 0x0102030405060708n, sequence: 300, age_ms: 0, name: "loan-approval", version: "0a1b2c3d4e5f", stage: "runtime", elapsed_ms: 1500,
  });
});

test("a page frame without a version says so with zeros, and cuts a long name between characters", () => {
  const frame = readFrame(Buffer.from(encodePageFrame({ session: 2n ** 64n - 1n, sequence: 0, name: "é".repeat(200), version: null, stage: "failed", elapsed_ms: -5 })));
  assert.equal(frame.version, "000000000000");
  assert.equal(frame.session, 2n ** 64n - 1n);
  assert.equal(frame.name, "é".repeat(127));
  assert.deepEqual([frame.stage, frame.elapsed_ms], ["failed", 0]);
});

test("CRC-32 is the one of zlib", () => {
  assert.equal(crc32(Buffer.from("123456789")), 0xcbf43926);
  for (const text of ["", "a", "nearside"]) assert.equal(crc32(Buffer.from(text)), crcByTable(Buffer.from(text)));
});

test("SHA-256 without crypto.subtle agrees with Node at every padding length", async () => {
  for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 1000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 255);
    const want = createHash("sha256").update(bytes).digest("hex");
    assert.equal(Buffer.from(sha256Portable(bytes)).toString("hex"), want, `${length} bytes`);
    assert.equal(await sha256(bytes), want);
  }
});

test("consent: the user's word, then Global Privacy Control, then the page's setting, then the bundle's", (t) => {
  const withSignal = (signal) => Object.defineProperty(globalThis, "navigator", { value: { globalPrivacyControl: signal }, configurable: true });
  const before = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  t.after(() => before ? Object.defineProperty(globalThis, "navigator", before) : delete globalThis.navigator);
  withSignal(false);
  for (const [setting, required, granted, denied] of [
    ["granted", true, true, false], ["denied", false, false, true], ["ask", false, false, false],
    [undefined, true, false, false], [undefined, false, true, false],
  ]) {
    const consent = new Consent(setting);
    consent.required = required;
    assert.deepEqual([consent.granted, consent.denied], [granted, denied], `${setting}, required ${required}`);
  }
  withSignal(true);
  const consent = new Consent("granted");
  assert.deepEqual([consent.granted, consent.denied], [false, true]);
  consent.answer(true);
  assert.deepEqual([consent.granted, consent.denied], [true, false]);
  consent.answer(false);
  assert.deepEqual([consent.granted, consent.denied], [false, true]);
});

test("a bundle's folder is found from any of the addresses that people write", () => {
  for (const address of ["https://x/models/loan", "https://x/models/loan/", "https://x/models/loan/channel.json", "https://x/models/loan/manifest.json"]) {
    assert.equal(bundleFolder(new URL(address)).href, "https://x/models/loan/");
  }
});

test("the collector's addresses carry shard and key", () => {
  assert.equal(ingestUrl({ url: "https://c.example/base/", key: "pub_a&b" }, 515n), "https://c.example/base/v1/ingest/3?key=pub_a%26b");
  assert.equal(outcomesUrl({ url: new URL("https://c.example") }), "https://c.example/v1/outcomes");
});

test("sequence numbers are never given twice, and sessions differ", () => {
  const numbering = new Numbering();
  assert.deepEqual([numbering.take(), numbering.take(), numbering.take()], [0, 1, 2]);
  assert.notEqual(numbering.session, new Numbering().session);
});

test("reasons are the strongest contributions, and a margin becomes a probability", () => {
  const contributions = [["a", 0.5], ["b", -2], ["c", 0], ["d", 1.5]].map(([feature, contribution]) => ({ feature, value: 1, contribution }));
  const found = reasons({ contributions }, 2);
  assert.deepEqual(found.map(({ feature, direction, share }) => [feature, direction, share]), [["b", "lowers", 0.5], ["d", "raises", 0.375]]);
  assert.equal(reasons({ contributions }, 9).length, 3);
  assert.equal(probability(0), 0.5);
  assert.ok(Math.abs(probability(2) - 0.8807970779778823) < 1e-15);
  assert.deepEqual([probability(-1000), probability(1000)], [0, 1]);
});

test("errors keep the code of the core, and an abort is an abort", () => {
  const core = Object.assign(new Error("income is a word"), { code: "invalid-record" });
  const wrapped = asNearsideError(core);
  assert.ok(wrapped instanceof NearsideError);
  assert.deepEqual([wrapped.code, wrapped.message, wrapped.cause, wrapped.name], ["invalid-record", core.message, core, "NearsideError"]);
  assert.equal(asNearsideError(new DOMException("stop", "AbortError")).code, "aborted");
  assert.equal(asNearsideError("text").code, "internal");
});
