// What leaves the page, when, and what never does: real pages, the real runtime, and a collector on another origin.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test, { after, afterEach, before, beforeEach } from "node:test";
import { bundleFolder, bundleJson, eventually, golden, launch, pause, readFrame, recordingCollector, requireBuild, root, serve } from "./support.mjs";

requireBuild();
const { records } = golden();
const manifest = bundleJson("manifest.json");
const channel = bundleJson("channel.json");
const FOLDER = "/models/loan-approval/";

let browser, context, server, collector, page;
before(async () => (browser = await launch()));
after(() => browser.close());
beforeEach(async () => {
  [server, collector] = await Promise.all([serve(), recordingCollector()]);
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(async () => {
  await context.close();
  await Promise.all([server.close(), collector.close()]);
});

/** Opens the empty page and loads the model as `window.model`. */
async function open(options = {}) {
  await page.goto(server.url);
  await page.evaluate(async ([folder, options]) => {
    const { load } = await import("/sdk/index.js");
    window.model = await load(folder, options);
    window.events = [];
    for (const type of ["update", "error"]) model.addEventListener(type, ({ detail }) => events.push([type, detail.code ?? detail]));
  }, [FOLDER, options]);
}
const granted = () => ({ collector: { url: collector.url, key: "pub_test" }, consent: "granted" });
const predict = (index = 0) => page.evaluate((record) => model.predict(record), records[index]);
const flush = () => page.evaluate(() => model.flush());
const headers = () => collector.frames.map(({ body }) => readFrame(body));
const sequences = () => headers().map(({ sequence }) => sequence);

/** Puts a second version of the bundle on air: other bands, the same model. */
function release(version, change = {}) {
  const next = { ...manifest, version, ...change };
  const pointer = { ...channel.champion, version, manifest: `manifest.${version}.json` };
  server.files[`${FOLDER}manifest.${version}.json`] = { body: JSON.stringify(next) };
  server.files[`${FOLDER}channel.json`] = { body: JSON.stringify({ ...channel, champion: pointer, previous: channel.champion }) };
  collector.answer = () => ({ status: 202, body: { accepted: true, champion: version } });
}

test("without a collector nothing ever leaves the page", async () => {
  const foreign = [];
  context.on("request", (request) => {
    if (request.method() !== "GET" || !request.url().startsWith(server.url)) foreign.push(`${request.method()} ${request.url()}`);
  });
  await open({ consent: "granted" });
  const { id } = await predict();
  await page.evaluate((id) => (model.consent(true), model.outcome(id, { label: "yes" }), model.flush()), id);
  await pause(5500);
  await page.goto(`${server.url}/?next`);
  await pause(300);
  assert.deepEqual(foreign, []);
});

test("the first frame goes 5 s after the first prediction, as a simple request without cookies", async () => {
  await context.addCookies([{ name: "tracker", value: "1", url: collector.url }]);
  await open(granted());
  const start = Date.now();
  await predict();
  await pause(1000);
  await predict(1);
  await eventually(() => collector.frames.length, "the first frame");
  const waited = Date.now() - start;
  assert.ok(waited > 4500, `sent after ${waited} ms`);
  const [{ path, key, headers: sent, body }] = collector.frames;
  const frame = readFrame(body);
  assert.deepEqual([frame.format, frame.kind, frame.sequence, frame.name, frame.version], [1, 1, 0, manifest.name, manifest.version]);
  assert.equal(path, `/v1/ingest/${frame.session % 256n}`);
  assert.equal(key, "pub_test");
  assert.deepEqual([sent.cookie, sent["content-type"]], [undefined, undefined]);
  assert.deepEqual(collector.other, [], "no preflight");
  assert.ok(body.length <= 8192);
  await pause(1500);
  assert.equal(collector.frames.length, 1, "nothing more without a prediction");
});

test("denied consent sends nothing, and a later yes sends nothing of what came before it", async () => {
  await open({ ...granted(), consent: "denied" });
  const { id } = await predict();
  await page.evaluate((id) => (model.outcome(id, { label: "yes" }), model.flush()), id);
  assert.deepEqual([collector.frames, collector.outcomes], [[], []]);
  await page.evaluate(() => model.consent(true));
  const left = await page.evaluate(() => model.report().loss);
  assert.deepEqual(left.filter(({ frames }) => frames), [{ reason: "consent", frames: 1 }]);
  await predict();
  await flush();
  assert.equal(collector.frames.length, 1);
  assert.deepEqual(collector.outcomes, []);
});

test("asked consent sends nothing until the user agrees, and stops when they change their mind", async () => {
  await open({ ...granted(), consent: "ask" });
  await predict();
  await flush();
  assert.equal(collector.frames.length, 0);
  await page.evaluate(() => model.consent(true));
  await flush();
  assert.equal(collector.frames.length, 1);
  await page.evaluate(() => model.consent(false));
  await predict();
  await flush();
  await page.goto(`${server.url}/?next`);
  await pause(300);
  assert.equal(collector.frames.length, 1);
});

test("a bundle that requires consent waits for it when the page does not say", async () => {
  assert.equal(manifest.telemetry.consent, "required");
  const { collector: to } = granted();
  await open({ collector: to });
  await predict();
  await flush();
  assert.equal(collector.frames.length, 0);
});

test("Global Privacy Control wins over the page's setting, and the user's own yes over it", async () => {
  await context.addInitScript(() => Object.defineProperty(navigator, "globalPrivacyControl", { value: true }));
  await open(granted());
  await predict();
  await flush();
  await page.goto(`${server.url}/?next`);
  await pause(300);
  assert.equal(collector.frames.length, 0);
  await open(granted());
  await page.evaluate(() => model.consent(true));
  await predict();
  await flush();
  assert.equal(collector.frames.length, 1);
});

test("leaving the page sends the open window", async () => {
  await open(granted());
  await predict();
  await page.goto(`${server.url}/?next`);
  await eventually(() => collector.frames.length, "the frame of the page that was left");
  const [frame] = headers();
  assert.deepEqual([frame.kind, frame.sequence], [1, 0]);
  await pause(300);
  assert.equal(collector.frames.length, 1, "pagehide and visibilitychange send it once");
});

test("closing the page sends the open window", async () => {
  await open(granted());
  await predict();
  await page.close({ runBeforeUnload: true });
  await eventually(() => collector.frames.length, "the frame of the page that was closed");
});

test("a page left before its first prediction says how far it came", async () => {
  const wasm = "/sdk/nearside-full.wasm";
  server.files[wasm] = { body: readFileSync(join(root, "www/sdk/dist/nearside-full.wasm")), delay_ms: 20_000 };
  await page.goto(server.url);
  await page.evaluate(async ([folder, options]) => {
    const { load } = await import("/sdk/index.js");
    load(folder, options).catch(() => {});
  }, [FOLDER, granted()]);
  await eventually(() => server.served.some((line) => line.includes("model.")), "the model file to be asked for");
  await pause(200);
  await page.goto(`${server.url}/?next`);
  await eventually(() => collector.frames.length, "the page frame");
  await pause(300);
  assert.equal(collector.frames.length, 1, "exactly one settlement");
  const [frame] = headers();
  assert.deepEqual([frame.kind, frame.sequence, frame.name, frame.version, frame.stage], [2, 0, manifest.name, manifest.version, "script"]);
  assert.ok(frame.elapsed_ms > 100 && frame.elapsed_ms < 20_000, `elapsed ${frame.elapsed_ms}`);
});

test("a page that is ready but never asked settles as far as the model", async () => {
  await open(granted());
  await page.goto(`${server.url}/?next`);
  await eventually(() => collector.frames.length, "the page frame");
  assert.deepEqual(headers().map(({ kind, stage }) => [kind, stage]), [[2, "model"]]);
});

test("a page whose bundle is broken settles as failed", async () => {
  server.files[`${FOLDER}${manifest.files.model.path}`] = { body: "not the model" };
  await page.goto(server.url);
  await page.evaluate(async ([folder, options]) => (await import("/sdk/index.js")).load(folder, options).catch(() => {}), [FOLDER, granted()]);
  // The runtime may still be compiling; that it arrives later does not undo the failure.
  await pause(1500);
  await page.goto(`${server.url}/?next`);
  await eventually(() => collector.frames.length, "the page frame");
  assert.deepEqual(headers().map(({ kind, stage }) => [kind, stage]), [[2, "failed"]]);
});

test("the beacon counts a page whose SDK never came, and load() takes over from it", async () => {
  const beacon = ([options, model]) => import("/sdk/beacon.js").then(({ beacon }) => beacon({ ...options, model }));
  await page.goto(server.url);
  await page.evaluate(beacon, [granted(), manifest.name]);
  await page.goto(`${server.url}/?next`);
  await eventually(() => collector.frames.length, "the beacon's frame");
  const [frame] = headers();
  assert.deepEqual([frame.kind, frame.stage, frame.name, frame.version], [2, "navigated", manifest.name, "000000000000"]);

  await page.evaluate(beacon, [granted(), manifest.name]);
  await page.evaluate(async ([folder, options, record]) => {
    const { load } = await import("/sdk/index.js");
    await (await load(folder, options)).predict(record);
  }, [FOLDER, granted(), records[0]]);
  await page.goto(`${server.url}/?last`);
  await eventually(() => collector.frames.length === 2, "the window of the page that answered");
  await pause(300);
  assert.deepEqual(headers().map(({ kind, sequence }) => [kind, sequence]), [[2, 0], [1, 0]]);
});

test("a numbered frame is frozen: a retry sends the same bytes, and later counters wait for the next number", async () => {
  collector.answer = (number) => (number < 2 ? { status: 503 } : { status: 202, body: { accepted: true } });
  await open(granted());
  await predict();
  await flush();
  await predict(1);
  await flush();
  assert.equal(collector.frames.length, 2);
  await flush();
  await flush();
  assert.deepEqual(sequences(), [0, 0, 0, 1]);
  assert.deepEqual(collector.frames[1].body, collector.frames[0].body);
  assert.deepEqual(collector.frames[2].body, collector.frames[0].body);
  const loss = await page.evaluate(() => model.report().loss);
  assert.deepEqual(loss.filter(({ frames }) => frames), [{ reason: "retried", frames: 2 }]);
});

test("a frame that the collector refuses is dropped, counted, and not sent again", async () => {
  collector.answer = (number) => (number === 0 ? { status: 413 } : { status: 202, body: { accepted: true } });
  await open(granted());
  await predict();
  await flush();
  await predict();
  await flush();
  assert.deepEqual(sequences(), [0, 1]);
  const loss = await page.evaluate(() => model.report().loss);
  assert.deepEqual(loss.filter(({ frames }) => frames), [{ reason: "refused", frames: 1 }]);
});

test("after three refused sends the page stops, without an error event", async () => {
  collector.answer = () => ({ status: 403 });
  await open(granted());
  for (let i = 0; i < 5; i++) {
    await predict();
    await flush();
  }
  await page.goto(`${server.url}/?next`);
  await pause(300);
  assert.equal(collector.frames.length, 3);
});

test("offline nothing is given up: the counters merge and go out later", async () => {
  await open(granted());
  await context.setOffline(true);
  for (let i = 0; i < 5; i++) {
    await predict();
    await flush();
  }
  assert.equal(collector.frames.length, 0);
  await context.setOffline(false);
  await flush();
  await flush();
  assert.deepEqual(sequences(), [0, 1]);
});

test("outcomes go out with the next flush, and refused ones come back as error events", async () => {
  await open(granted());
  const { id } = await predict();
  await page.evaluate((id) => model.outcome(id, { label: "yes", group: { sex: "female" }, business: { repaid_value: 130 } }), id);
  await flush();
  assert.deepEqual(collector.outcomes.map(({ json }) => json), [{ outcomes: [{ id, label: "yes", group: { sex: "female" }, business: { repaid_value: 130 } }] }]);
  assert.equal(collector.outcomes[0].key, "pub_test");
  assert.match(collector.outcomes[0].headers["content-type"], /^text\/plain/);
  collector.refused = [{ index: 0, reason: "unknown receipt" }];
  await page.evaluate((id) => model.outcome(id, { label: "no" }), id);
  await flush();
  assert.deepEqual(await page.evaluate(() => events), [["error", "usage"]]);
  assert.equal(await page.evaluate(() => { try { model.outcome("no receipt", {}); } catch ({ code }) { return code; } }), "usage");
});

test("another champion is loaded in the background and swapped in between predictions", async () => {
  const fallback = "manual-check";
  release("aaaaaaaaaaaa", { bands: [{ at_least: 0, action: fallback }] });
  server.files[`${FOLDER}channel.json`].delay_ms = 0;
  const next = server.files[`${FOLDER}channel.json`];
  delete server.files[`${FOLDER}channel.json`];
  await open(granted());
  const before = await predict();
  server.files[`${FOLDER}channel.json`] = next;
  await flush();
  await eventually(() => page.evaluate(() => events.length), "the update event");
  assert.deepEqual(await page.evaluate(() => events), [["update", { from: manifest.version, to: "aaaaaaaaaaaa" }]]);
  const after = await predict();
  assert.deepEqual([before.version, after.version, after.action], [manifest.version, "aaaaaaaaaaaa", fallback]);
  assert.equal(after.score, before.score);
  await flush();
  assert.deepEqual(headers().map(({ version, sequence }) => [version, sequence]), [[manifest.version, 0], ["aaaaaaaaaaaa", 1]]);
  assert.equal(new Set(headers().map(({ session }) => session)).size, 1);
});

test("the old version's window is sent under its own version before the new one counts", async () => {
  await open(granted());
  await predict();
  await flush();
  await predict(1);
  release("bbbbbbbbbbbb");
  await flush();
  await eventually(() => page.evaluate(() => events.length), "the update event");
  await predict();
  await flush();
  assert.deepEqual(headers().map(({ version }) => version), [manifest.version, manifest.version, "bbbbbbbbbbbb"]);
});

test("a tampered update is an error event, and the last good version keeps working", async () => {
  await open(granted());
  await predict();
  const other = { ...manifest.files.model, sha256: "0".repeat(64) };
  release("cccccccccccc", { files: { ...manifest.files, model: other } });
  await flush();
  await eventually(() => page.evaluate(() => events.length), "the error event");
  assert.deepEqual(await page.evaluate(() => events), [["error", "bundle-corrupt"]]);
  assert.equal((await predict()).version, manifest.version);
  const asked = server.served.length;
  await flush();
  await pause(200);
  assert.equal(server.served.length, asked, "the next attempt waits");
});

test("a worker's counters are cut ahead, so that leaving the page does not lose them", async () => {
  await open({ ...granted(), worker: true });
  await predict();
  await predict(1);
  await pause(1300);
  await page.goto(`${server.url}/?next`);
  await eventually(() => collector.frames.length, "the worker's frame");
  await pause(300);
  assert.deepEqual(headers().map(({ kind, sequence }) => [kind, sequence]), [[1, 0]]);
});
