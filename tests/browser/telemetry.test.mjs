// What leaves the page, when, and what never does: real pages, the real runtime, and a collector on another origin.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test, { after, afterEach, before, beforeEach } from "node:test";
import { release as publish } from "./release.mjs";
import { bundleFolder, bundleJson, eventually, golden, launch, pause, readFrame, recordingCollector, requireBuild, root, runtimeFile, serve, sha256 } from "./support.mjs";

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
const losses = () => page.evaluate(() => model.report().loss.filter(({ frames }) => frames));
const setConsent = (granted) => page.evaluate((granted) => model.consent(granted), granted);
const visibility = (state) => page.evaluate((state) => {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}, state);

/** Where the counters of a window stand: the head that is the same in every layout, and the times of the stages. */
const PLACES = { predictions: 0, sessions: 1, refused: 2, loads: 8 };
const [STAGES, BUCKETS] = [792, 550];

/** The counters of all windows that the collector got, added up, by place. */
function windows() {
  const sums = new Map();
  for (const { body } of collector.frames.filter(({ body }) => body[4] === 1)) {
    let at = 13;
    const varint = () => {
      for (let value = 0, scale = 1; ; scale *= 128) {
        const byte = body[at++];
        value += (byte & 127) * scale;
        if (byte < 128) return value;
      }
    };
    varint(), varint();
    at += body[at] + 7;
    varint();
    for (let place = 0, left = varint(); left > 0; left--) {
      place += varint();
      sums.set(place, (sums.get(place) ?? 0) + varint());
    }
  }
  const count = (place) => sums.get(place) ?? 0;
  const range = (start, end) => [...sums].reduce((sum, [place, count]) => sum + (place >= start && place < end ? count : 0), 0);
  const stages = Object.fromEntries(["download", "compile", "load", "first", "answer", "run"].map((name, i) => [name, range(STAGES + i * BUCKETS, STAGES + (i + 1) * BUCKETS)]));
  return { predictions: count(PLACES.predictions), sessions: count(PLACES.sessions), refused: count(PLACES.refused), loads: range(PLACES.loads, PLACES.loads + 6), stages };
}

/** Makes the clock of the page so slow that predictions move to a worker, until they have. */
async function moveToWorker() {
  await page.evaluate(async (record) => {
    const real = performance.now.bind(performance);
    let behind = 0;
    performance.now = () => real() + (behind += 20);
    for (let i = 0; i < 3; i++) await model.predict(record);
    performance.now = () => real() + behind;
    while (model.thread !== "worker") await new Promise((resolve) => setTimeout(resolve, 10));
  }, records[0]);
}

/** Holds the page's frames back on their way to the collector. `arrive()` lets them go on. */
async function holdFrames() {
  let open, seen;
  const gate = new Promise((resolve) => (open = resolve));
  const held = new Promise((resolve) => (seen = resolve));
  await page.route("**/v1/ingest/**", async (route) => {
    seen();
    await gate;
    await route.continue();
  });
  return { held, arrive: open };
}

/** Puts a second version of the bundle on air: other bands, the same model. */
function release(version, change = {}, pointer = {}) {
  publish(server.files, { version, ...change }, pointer);
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

test("what was counted under a no stays in the page when predictions move to a worker before the yes", async () => {
  await open({ ...granted(), consent: "denied" });
  await moveToWorker();
  await setConsent(true);
  for (let i = 0; i < 6; i++) await predict(i);
  await flush();
  await flush();
  const { predictions, sessions, loads, stages } = windows();
  assert.deepEqual({ predictions, sessions, loads }, { predictions: 6, sessions: 1, loads: 0 });
  assert.deepEqual([stages.download, stages.compile, stages.load, stages.first], [0, 0, 0, 0]);
  assert.equal(await page.evaluate(() => model.report().predictions), 9, "the page's own report has all of it");
});

test("a no without a prediction also keeps the times of loading from a later yes", async () => {
  for (const answers of [["denied", true], ["granted", false, true]]) {
    collector.frames.length = 0;
    const [consent, ...later] = answers;
    await open({ ...granted(), consent });
    for (const answer of later) await setConsent(answer);
    for (let i = 0; i < 6; i++) await predict(i);
    await flush();
    const { predictions, sessions, stages } = windows();
    assert.deepEqual({ predictions, sessions }, { predictions: 6, sessions: 1 });
    assert.deepEqual([stages.download, stages.compile, stages.load], [0, 0, 0], answers.join());
    assert.equal(stages.first, 1);
  }
});

test("frames and outcomes that a no has taken back are not sent by a flush that was under way", async () => {
  collector.answer = () => ({ status: 503 });
  await open(granted());
  const { id } = await predict();
  await flush();
  await predict(1);
  await page.evaluate(() => dispatchEvent(new Event("pagehide")));
  await eventually(() => collector.frames.length >= 3, "two frozen frames");
  collector.frames.length = 0;
  collector.answer = () => ({ status: 202, body: { accepted: true } });
  await page.evaluate((id) => model.outcome(id, { label: "yes" }), id);
  const { held, arrive } = await holdFrames();
  const flushed = flush();
  await held;
  await setConsent(false);
  await setConsent(true);
  arrive();
  await flushed;
  assert.deepEqual([sequences(), collector.outcomes], [[0], []]);
  await flush();
  assert.deepEqual([sequences(), collector.outcomes], [[0], []]);
  assert.equal((await losses()).find(({ reason }) => reason === "consent").frames, 2);
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

test("the user's own yes is told to the collector with every frame and outcome, and nothing else is", async () => {
  const asked = [];
  context.on("request", (request) => request.method() === "POST" && asked.push(new URL(request.url()).searchParams.get("consent")));
  await open(granted());
  await predict();
  await flush();
  assert.deepEqual(asked, [null], "a setting of the page is not the user's word");
  await setConsent(true);
  const { id } = await predict();
  await page.evaluate((id) => model.outcome(id, { label: "yes" }), id);
  await flush();
  await predict();
  await visibility("hidden");
  await eventually(() => collector.frames.length === 3, "the frame of the page that was hidden");
  assert.deepEqual(asked, [null, "user", "user", "user"]);
});

test("flush() says what the collector has taken", async () => {
  await open(granted());
  assert.deepEqual(await flush(), { sent: 0, acknowledged: 0 });
  const { id } = await predict();
  await page.evaluate((id) => model.outcome(id, { label: "yes" }), id);
  assert.deepEqual(await flush(), { sent: 2, acknowledged: 2 });
  collector.answer = () => ({ status: 503 });
  await predict();
  assert.deepEqual(await flush(), { sent: 1, acknowledged: 0 });
  await setConsent(false);
  await predict();
  assert.deepEqual(await flush(), { sent: 0, acknowledged: 0 });
  // A second call waits for the frame that the first one has sent.
  await setConsent(true);
  await predict();
  collector.answer = () => ({ status: 202, body: { accepted: true } });
  const both = await page.evaluate(() => Promise.all([model.flush(), model.flush()]));
  assert.deepEqual(both, [{ sent: 1, acknowledged: 1 }, { sent: 1, acknowledged: 1 }]);
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
  const wasm = `/sdk/${runtimeFile()}`;
  server.files[wasm] = { body: readFileSync(join(root, "www/sdk/dist", runtimeFile())), delay_ms: 20_000 };
  await page.goto(server.url);
  await page.evaluate(async ([folder, options]) => {
    const { load } = await import("/sdk/index.js");
    load(folder, options).catch(() => {});
  }, [FOLDER, granted()]);
  await eventually(() => server.served.some((line) => line.includes(manifest.files.plan.path)), "the model file to be asked for");
  await pause(200);
  await page.goto(`${server.url}/?next`);
  await eventually(() => collector.frames.length, "the page frame");
  await pause(300);
  assert.equal(collector.frames.length, 1, "exactly one settlement");
  const [frame] = headers();
  assert.deepEqual([frame.kind, frame.sequence, frame.name, frame.version, frame.stage], [2, 0, manifest.name, manifest.version, "script"]);
  assert.ok(frame.elapsed_ms > 100 && frame.elapsed_ms < 20_000, `elapsed ${frame.elapsed_ms}`);
});

test("a page that is hidden while it loads and answers later has not been left", async () => {
  const wasm = `/sdk/${runtimeFile()}`;
  server.files[wasm] = { body: readFileSync(join(root, "www/sdk/dist", runtimeFile())), delay_ms: 1000 };
  await page.goto(server.url);
  await page.evaluate(async ([folder, options]) => {
    const { load } = await import("/sdk/index.js");
    window.loading = load(folder, options);
  }, [FOLDER, granted()]);
  await visibility("hidden");
  await page.evaluate(async () => (window.model = await window.loading));
  await visibility("visible");
  await predict();
  await flush();
  await page.goto(`${server.url}/?next`);
  await pause(500);
  assert.deepEqual(headers().map(({ kind }) => kind), [1]);
  assert.equal(windows().loads, 1);
});

test("a page that is hidden while it loads and never comes back has been left", async () => {
  const wasm = `/sdk/${runtimeFile()}`;
  server.files[wasm] = { body: readFileSync(join(root, "www/sdk/dist", runtimeFile())), delay_ms: 20_000 };
  await page.goto(server.url);
  await page.evaluate(async ([folder, options]) => {
    const { load } = await import("/sdk/index.js");
    load(folder, options).catch(() => {});
  }, [FOLDER, granted()]);
  await eventually(() => server.served.some((line) => line.includes(manifest.files.plan.path)), "the model file to be asked for");
  await visibility("hidden");
  await pause(200);
  assert.equal(collector.frames.length, 0);
  // It ends without a pagehide event, as on a phone that is short of memory.
  const session = await context.newCDPSession(page);
  await Promise.race([session.send("Page.crash").catch(() => {}), pause(1000)]);
  await eventually(() => collector.frames.length, "the page frame");
  assert.deepEqual(headers().map(({ kind, stage }) => [kind, stage]), [[2, "script"]]);
});

test("where the browser cannot tell when a page is gone, one that stays hidden for ten seconds has been left", async () => {
  await context.addInitScript(() => delete globalThis.fetchLater);
  const wasm = `/sdk/${runtimeFile()}`;
  server.files[wasm] = { body: readFileSync(join(root, "www/sdk/dist", runtimeFile())), delay_ms: 30_000 };
  collector.answer = (number) => (number === 0 ? { status: 503 } : { status: 202, body: { accepted: true } });
  await page.goto(server.url);
  await page.evaluate(async ([folder, options]) => {
    const { load } = await import("/sdk/index.js");
    load(folder, options).catch(() => {});
  }, [FOLDER, granted()]);
  await visibility("hidden");
  await eventually(() => collector.frames.length, "the page frame", 15_000);
  // That one was not taken, so the page has not settled with it; the end of the page settles it, under the same number.
  await page.goto(`${server.url}/?next`);
  await eventually(() => collector.frames.length === 2, "the page frame once more");
  assert.deepEqual(headers().map(({ kind, sequence, stage }) => [kind, sequence, stage]), [[2, 0, "script"], [2, 0, "script"]]);
  assert.ok(headers()[0].elapsed_ms > 9500);
});

test("a load that begins long after the page was done counts its time from the call", async () => {
  const loadNow = (count) => page.evaluate(async ([folder, options, record]) => {
    const { load } = await import("/sdk/index.js");
    const called = performance.now();
    const model = await load(folder, options);
    await model.predict(record);
    const [first] = model.report().latency.filter(({ stage }) => stage === "first");
    return { first: first.p50, waited: performance.now() - called, since: performance.now() };
  }, [FOLDER, {}, records[0]]);
  await page.goto(server.url);
  const early = await loadNow();
  assert.ok(early.first > early.waited && early.first < early.since * 1.1, JSON.stringify(early));
  await page.goto(server.url);
  await pause(3000);
  const late = await loadNow();
  assert.ok(late.first < late.waited * 1.1, JSON.stringify(late));

  await page.goto(server.url);
  await pause(3000);
  server.files[`/sdk/${runtimeFile()}`] = { body: readFileSync(join(root, "www/sdk/dist", runtimeFile())), delay_ms: 20_000 };
  await page.evaluate(async ([folder, options]) => {
    const { load } = await import("/sdk/index.js");
    load(folder, options).catch(() => {});
  }, [FOLDER, granted()]);
  await page.goto(`${server.url}/?next`);
  await eventually(() => collector.frames.length, "the page frame");
  assert.ok(headers()[0].elapsed_ms < 2500, `left ${headers()[0].elapsed_ms} ms after the call`);
});

test("a page that is ready but never asked settles as far as the model", async () => {
  await open(granted());
  await page.goto(`${server.url}/?next`);
  await eventually(() => collector.frames.length, "the page frame");
  assert.deepEqual(headers().map(({ kind, stage }) => [kind, stage]), [[2, "model"]]);
});

test("a page whose bundle is broken settles as failed", async () => {
  server.files[`${FOLDER}${manifest.files.plan.path}`] = { body: "not the model" };
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

/** A page with the stub inline, as the SDK's build has made it. */
function stubPage(attributes) {
  const stub = readFileSync(join(root, "www/sdk/dist/stub.js"), "utf8");
  server.files["/stub"] = { body: `<!doctype html><title>A page</title><script ${attributes}>${stub}</script><body>`, type: "text/html" };
  return `${server.url}/stub`;
}

test("the inline stub counts who leaves before any script has come", async () => {
  await page.goto(stubPage(`data-model="${manifest.name}" data-collector="${collector.url}/" data-key="pub_test" data-consent="granted"`));
  await pause(200);
  await page.goto(`${server.url}/?next`);
  await eventually(() => collector.frames.length, "the stub's frame");
  const [{ path, key, headers: sent }] = collector.frames;
  const [{ kind, sequence, session, name, version, stage, elapsed_ms }] = headers();
  assert.deepEqual({ kind, sequence, name, version, stage }, { kind: 2, sequence: 0, name: manifest.name, version: "000000000000", stage: "navigated" });
  assert.ok(elapsed_ms >= 200 && elapsed_ms < 10_000, `${elapsed_ms} ms`);
  assert.deepEqual([path, key, sent.cookie, collector.other], [`/v1/ingest/${session % 256n}`, "pub_test", undefined, []]);
});

test("the inline stub sends nothing without consent, against Global Privacy Control, or once it was taken over", async () => {
  const model = `data-model="${manifest.name}" data-collector="${collector.url}"`;
  for (const consent of ["", 'data-consent="ask"', 'data-consent="denied"']) {
    await page.goto(stubPage(`${model} ${consent}`));
    await page.goto(`${server.url}/?next`);
  }
  const signal = await context.newPage();
  await signal.addInitScript(() => Object.defineProperty(navigator, "globalPrivacyControl", { value: true }));
  await signal.goto(stubPage(`${model} data-consent="granted"`));
  await signal.goto(`${server.url}/?next`);
  await pause(300);
  assert.equal(collector.frames.length, 0);

  await page.goto(stubPage(`${model} data-consent="granted"`));
  const session = await page.evaluate(() => String(globalThis[Symbol.for("nearside.pages")][0].session));
  await page.evaluate(async ([folder, options, record]) => {
    const { load } = await import("/sdk/index.js");
    await (await load(folder, options)).predict(record);
  }, [FOLDER, granted(), records[0]]);
  await page.goto(`${server.url}/?last`);
  await eventually(() => collector.frames.length, "the window of the page that answered");
  await pause(300);
  assert.deepEqual(headers().map(({ kind, sequence, session }) => [kind, sequence, String(session)]), [[1, 0, session]]);
});

test("a page session is counted once: over two loads, a move to a worker, a fault in the runtime, and a no", async () => {
  await context.addInitScript(() => {
    const { instantiate } = WebAssembly;
    WebAssembly.instantiate = async (module, imports) => {
      const instance = await instantiate(module, imports);
      const { predictor_predict } = instance.exports;
      const exports = { ...instance.exports, predictor_predict: (...values) => {
        if (globalThis.broken) throw new WebAssembly.RuntimeError("unreachable");
        return predictor_predict(...values);
      } };
      return { instance: { exports }, module };
    };
  });
  await open(granted());
  await page.evaluate(async ([folder, options, record]) => {
    const { load } = await import("/sdk/index.js");
    window.other = await load(folder, options);
    await other.predict(record);
    await model.predict(record);
    globalThis.broken = true;
    await other.predict(record).catch(() => {});
    globalThis.broken = false;
    await other.predict(record);
    await other.predict(record);
    await model.predict(record);
  }, [FOLDER, granted(), records[0]]);
  await moveToWorker();
  await page.evaluate(() => Promise.all([model.flush(), other.flush()]));
  await page.evaluate(() => Promise.all([model.flush(), other.flush()]));
  assert.equal(windows().sessions, 1);
  assert.equal(windows().stages.compile <= 1, true);
  assert.deepEqual(await page.evaluate(() => [model.report().sessions, other.report().sessions]), [1, 1]);
  const sessions = new Set(headers().map(({ session }) => session));
  assert.equal(sessions.size, 1, "both models are of one page session");

  collector.frames.length = 0;
  collector.answer = () => ({ status: 503 });
  await open(granted());
  await predict();
  await flush();
  await setConsent(false);
  await setConsent(true);
  collector.frames.length = 0;
  collector.answer = () => ({ status: 202, body: { accepted: true } });
  await predict();
  await flush();
  assert.deepEqual([windows().predictions, windows().sessions], [1, 1], "the frame that a no has taken back counted nothing");
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

test("a page that is hidden offline sends what it has when it is back", async () => {
  await open(granted());
  const { id } = await predict();
  await page.evaluate((id) => model.outcome(id, { label: "yes" }), id);
  await context.setOffline(true);
  for (let i = 0; i < 4; i++) {
    await visibility("hidden");
    await pause(100);
    await visibility("visible");
    await predict(i);
  }
  await visibility("hidden");
  await pause(100);
  assert.deepEqual([collector.frames, collector.outcomes], [[], []]);
  await context.setOffline(false);
  await visibility("visible");
  await flush();
  await flush();
  assert.equal(windows().predictions, 5);
  assert.equal(new Set(sequences()).size, sequences().length, "nothing came twice");
  assert.deepEqual(collector.outcomes.map(({ json }) => json.outcomes[0].id), [id]);
});

test("a queued beacon acknowledges nothing: the frame is sent again under its number", async () => {
  // A browser whose requests are lost while it takes beacons, as when an ad blocker eats them later.
  await page.addInitScript(() => {
    window.beacons = 0;
    navigator.sendBeacon = () => ++window.beacons > 0;
  });
  await open(granted());
  await page.route("**/v1/ingest/**", (route) => route.abort());
  await predict();
  for (let i = 0; i < 5; i++) {
    await visibility("hidden");
    await pause(50);
    await page.evaluate(() => Object.defineProperty(document, "visibilityState", { value: "visible", configurable: true }));
  }
  assert.ok((await page.evaluate(() => window.beacons)) >= 5, "it goes on");
  await page.unroute("**/v1/ingest/**");
  assert.deepEqual(await flush(), { sent: 1, acknowledged: 1 });
  assert.deepEqual(sequences(), [0]);
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
  release("cccccccccccc", {}, { model_sha256: "0".repeat(64) });
  await flush();
  await eventually(() => page.evaluate(() => events.length), "the error event");
  assert.deepEqual(await page.evaluate(() => events), [["error", "bundle-corrupt"]]);
  assert.equal((await predict()).version, manifest.version);
  const asked = server.served.length;
  await flush();
  await pause(200);
  assert.equal(server.served.length, asked, "the next attempt waits");
});

test("a worker's counters are in the page, so that leaving it does not lose them", async () => {
  await open({ ...granted(), worker: true });
  await page.evaluate(async (records) => {
    for (const record of records) await model.predict(record);
    await model.predict([1]).catch(() => {});
    await model.predict({}).catch(() => {});
  }, records.slice(0, 6));
  await page.goto(`${server.url}/?next`);
  await eventually(() => collector.frames.length, "the worker's frame");
  await pause(300);
  assert.deepEqual(headers().map(({ kind, sequence }) => [kind, sequence]), [[1, 0]]);
  const { predictions, sessions, refused, loads } = windows();
  assert.deepEqual({ predictions, sessions, refused, loads }, { predictions: 6, sessions: 1, refused: 1, loads: 1 });
});

test("a worker that ends takes no counters along, and its next version starts its own", async () => {
  await open({ ...granted(), worker: true });
  await page.evaluate(async (records) => {
    for (const record of records) await model.predict(record);
  }, records.slice(0, 6));
  release("aaaaaaaaaaaa");
  await flush();
  await eventually(() => page.evaluate(() => events.length), "the update event");
  assert.equal(await page.evaluate(() => model.thread), "worker");
  await page.evaluate(async (records) => {
    const asked = records.map((record) => model.predict(record));
    await Promise.all(asked);
  }, records.slice(0, 7));
  assert.deepEqual(await page.evaluate(() => [model.report().predictions, model.report().sessions]), [7, 1]);
  await flush();
  const versions = headers().map(({ version }) => version);
  assert.deepEqual(versions, [manifest.version, "aaaaaaaaaaaa"]);
  assert.deepEqual([windows().predictions, windows().sessions], [13, 2], "a session for each version");
});

test("when too many frames wait, the window of an old version waits, too, and is lost only with its engine", async () => {
  await open(granted());
  collector.answer = () => ({ status: 503 });
  for (let i = 0; i < 8; i++) {
    await predict(i);
    await page.evaluate(() => dispatchEvent(new Event("pagehide")));
  }
  for (let i = 0; i < 6; i++) await predict(i);
  // Eight frames are frozen and nothing is taken, but the collector names the next version all the same.
  release("aaaaaaaaaaaa");
  const answer = collector.answer;
  collector.answer = (number) => (number % 9 ? { status: 503 } : answer());
  await eventually(async () => (await flush(), page.evaluate(() => events.length)), "the update event");
  collector.answer = answer;
  collector.frames.length = 0;
  for (let i = 0; i < 3; i++) await flush();
  assert.ok(windows().predictions >= 6, `${windows().predictions} predictions`);
  assert.ok(!(await losses()).some(({ reason }) => reason === "dropped"), "nothing was dropped");
});
