// The pure pieces of the SDK, without a browser.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { fields } from "./release.mjs";
import { bundleJson, crc32 as crcByTable, golden, readFrame, requireBuild, root } from "./support.mjs";

requireBuild();
const sdk = (name) => import(`../../www/sdk/dist/${name}.js`);
const { encodePageFrame, crc32 } = await sdk("frame");
const { sha256 } = await sdk("digest");
const { sha256Portable } = await sdk("sha256");
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

test("a page without a secure context computes its hashes itself", async (t) => {
  const { crypto } = globalThis;
  Object.defineProperty(globalThis, "crypto", { value: { getRandomValues: (array) => crypto.getRandomValues(array) }, configurable: true });
  t.after(() => Object.defineProperty(globalThis, "crypto", { value: crypto, configurable: true }));
  assert.equal(await sha256(Buffer.from("nearside")), createHash("sha256").update("nearside").digest("hex"));
});

test("the inline stub is smaller than 1 kB and needs nothing else", () => {
  const stub = readFileSync(join(root, "www/sdk/dist/stub.js"), "utf8");
  assert.ok(Buffer.byteLength(stub) < 1000, `${Buffer.byteLength(stub)} bytes`);
  assert.doesNotMatch(stub, /\b(import|export|require)\b|<\/script|<!--/);
  assert.doesNotThrow(() => new Function(stub));
});

test("the small runtime checks records, counts, makes frames and reports from a manifest alone", async () => {
  const { create } = await sdk("nearside");
  const glue = create();
  glue.initSync({ module: new WebAssembly.Module(readFileSync(join(root, "www/sdk/dist/nearside.wasm"))) });
  assert.equal(glue.has_tract(), false);
  assert.equal(glue.version(), JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version);
  const manifest = bundleJson("manifest.json");
  const [record] = golden().records;
  const predictor = new glue.Predictor(fields(manifest), undefined, 7n, 1n);
  assert.deepEqual(predictor.check(record), { inside: true, violations: [] });
  const feature = manifest.features.find(({ range }) => range);
  const { inside, violations } = predictor.check({ ...record, [feature.name]: feature.range[1] + 1 });
  assert.deepEqual([inside, violations.map(({ feature, rule }) => [feature, rule])], [false, [[feature.name, "above"]]]);
  assert.throws(() => predictor.predict(record, undefined, false), { code: "invalid-model" });
  assert.throws(() => new glue.Predictor(fields(manifest), new Uint8Array(10), 7n, 1n), { code: "invalid-model" });
  assert.throws(() => new glue.Predictor({}, undefined, 7n, 1n), { code: "bundle-format" });
  assert.throws(() => new glue.Predictor(fields(manifest).subarray(1), undefined, 7n, 1n), { code: "bundle-format" });

  predictor.stage("load", 12);
  predictor.page("predicted", 900);
  predictor.loss("blocked", 2);
  const report = predictor.report(undefined);
  assert.deepEqual([report.predictions, report.loads.total, report.loads.within_budget, report.loss.find(({ reason }) => reason === "blocked").frames], [0, 1, 1, 2]);
  const frame = readFrame(Buffer.from(predictor.frame(3, 10, 20, false)));
  assert.deepEqual([frame.kind, frame.session, frame.sequence, frame.name, frame.version], [1, 7n, 3, manifest.name, manifest.version]);
  assert.equal(predictor.frame(4, 10, 20, false), undefined, "a window is closed once");

  // Counters move from one predictor to another, whole.
  const other = new glue.Predictor(fields(manifest), undefined, 7n, 2n);
  other.stage("load", 30);
  other.take_over(predictor.hand_over());
  const [load] = other.report(undefined).latency.filter(({ stage }) => stage === "load");
  assert.deepEqual([load.count, other.report(undefined).loads.total], [2, 1]);
  assert.equal(predictor.report(undefined).loads.total, 0);
  assert.throws(() => other.take_over(Float64Array.of(1, 1e9, 1, 0, 0)), { code: "internal" });

  // What is discarded stays in the report; what was lost is still told.
  other.loss("dropped", 1);
  assert.equal(other.discard(), true);
  assert.equal(other.discard(), false);
  assert.ok(other.frame(5, 0, 0, false), "the loss");
  assert.equal(other.report(undefined).loss.find(({ reason }) => reason === "dropped").frames, 1);
  predictor.free();
  other.free();
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
    assert.deepEqual([consent.granted, consent.denied, consent.byUser], [granted, denied, false], `${setting}, required ${required}`);
  }
  withSignal(true);
  const consent = new Consent("granted");
  assert.deepEqual([consent.granted, consent.denied], [false, true]);
  consent.answer(true);
  assert.deepEqual([consent.granted, consent.denied, consent.byUser], [true, false, true]);
  consent.answer(false);
  assert.deepEqual([consent.granted, consent.denied, consent.byUser], [false, true, false]);
});

test("a bundle's folder is found from any of the addresses that people write", () => {
  for (const address of ["https://x/models/loan", "https://x/models/loan/", "https://x/models/loan/channel.json", "https://x/models/loan/manifest.json"]) {
    assert.equal(bundleFolder(new URL(address)).href, "https://x/models/loan/");
  }
});

test("the collector's addresses carry shard and key", () => {
  assert.equal(ingestUrl({ url: "https://c.example/base/", key: "pub_a&b" }, 515n), "https://c.example/base/v1/ingest/3?key=pub_a%26b");
  assert.equal(outcomesUrl({ url: new URL("https://c.example") }), "https://c.example/v1/outcomes");
  assert.equal(ingestUrl({ url: "https://c.example", key: "pub" }, 0n, true), "https://c.example/v1/ingest/0?key=pub&consent=user");
  assert.equal(outcomesUrl({ url: "https://c.example" }, true), "https://c.example/v1/outcomes?consent=user");
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
