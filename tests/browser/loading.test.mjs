// Loading, answering, explaining and failing, in a real page with the real runtime.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test, { after, afterEach, before, beforeEach } from "node:test";
import { assertGolden, bundleFolder, bundleJson, eventually, golden, launch, requireBuild, root, serve } from "./support.mjs";

requireBuild();
const { records, groups, predictions } = golden();
const manifest = bundleJson("manifest.json");
const modelPath = `/models/loan-approval/${manifest.files.model.path}`;
const wasmPath = "/sdk/nearside-full.wasm";

let browser, server, page, console_;
before(async () => (browser = await launch()));
after(() => browser.close());
beforeEach(async () => {
  server = await serve({ brotli: true });
  page = await browser.newPage();
  console_ = [];
  page.on("console", (message) => console_.push(message.text()));
  await page.goto(server.url);
});
afterEach(async () => {
  await page.close();
  await server.close();
});

/** Runs `load` in the page and gives its error, or null. */
const failure = (options = "{}") => page.evaluate(async (text) => {
  const { load } = await import("/sdk/index.js");
  try {
    await load("/models/loan-approval/", new Function(`return ${text}`)());
    return null;
  } catch ({ name, code, message }) {
    return { name, code, message };
  }
}, options);

test("golden predictions come out of the page, and only one runtime is fetched", async () => {
  const got = await page.evaluate(async ([records, groups]) => {
    const { load } = await import("/sdk/index.js");
    const model = await load("/models/loan-approval/");
    const answers = [];
    for (const [i, record] of records.entries()) answers.push(await model.predict(record, { groups: groups[i] }));
    return { answers, version: model.version, name: model.name, thread: model.thread, report: model.report() };
  }, [records, groups]);
  got.answers.forEach((answer, i) => assertGolden(answer, predictions[i]));
  assert.deepEqual([got.name, got.version, got.thread], [manifest.name, manifest.version, "calling"]);
  assert.equal(got.answers[0].version, manifest.version);
  assert.match(got.answers[0].id, /^[\w-]{20,43}$/);
  assert.equal(got.report.predictions, records.length);
  assert.deepEqual(server.served.filter((line) => line.endsWith(".wasm")), [`GET ${wasmPath}`]);
  assert.ok(!server.served.some((line) => /baseline|golden|card|evaluation/.test(line)), "nothing but channel, manifest and model");
});

test("the runtime is asked for before the channel file has answered", async () => {
  server.files["/models/loan-approval/channel.json"] = { body: readFileSync(join(bundleFolder, "channel.json")), delay_ms: 2000 };
  const done = failure();
  await eventually(() => server.served.includes(`GET ${wasmPath}`), "the runtime to be asked for");
  assert.ok(!server.served.includes(`GET ${modelPath}`));
  assert.equal(await done, null);
});

test("without a channel file the manifest beside it is the bundle", async () => {
  server.files["/models/loan-approval/channel.json"] = { status: 404, body: "" };
  assert.equal(await failure(), null);
});

test("a record that cannot be read is refused, and the page goes on", async () => {
  const record = records[0];
  const number = manifest.features.find(({ kind }) => kind === "number" || kind === "integer").name;
  const got = await page.evaluate(async ([record, number]) => {
    const { load, NearsideError } = await import("/sdk/index.js");
    const model = await load("/models/loan-approval/");
    const errors = [];
    for (const wrong of [{ ...record, [number]: "a lot" }, null, [1, 2]]) {
      await model.predict(wrong).catch((error) => errors.push([error.code, error instanceof NearsideError, error.message]));
    }
    return { errors, answer: await model.predict(record), report: model.report() };
  }, [record, number]);
  assert.deepEqual(got.errors.map(([code, ours]) => [code, ours]), Array(3).fill(["invalid-record", true]));
  assert.match(got.errors[0][2], new RegExp(number));
  assertGolden(got.answer, predictions[0]);
  assert.equal(got.report.predictions, 1);
});

test("a record outside the limits is answered with its violations", async () => {
  const feature = manifest.features.find(({ range }) => range);
  const answer = await page.evaluate(async ([record, name, value]) => {
    const { load } = await import("/sdk/index.js");
    return (await load("/models/loan-approval/")).predict({ ...record, [name]: value });
  }, [records[0], feature.name, feature.range[1] + 1]);
  assert.equal(answer.boundary.inside, false);
  const [violation] = answer.boundary.violations.filter((violation) => violation.feature === feature.name);
  assert.equal(violation.rule, "above");
  assert.ok(violation.message.length > 10);
});

test("an explanation adds up to the margin, and is of the prediction's own record", async () => {
  const got = await page.evaluate(async ([first, second]) => {
    const { load } = await import("/sdk/index.js");
    const model = await load("/models/loan-approval/");
    const record = { ...first };
    const prediction = await model.predict(record);
    Object.assign(record, second);
    const byPrediction = await model.explain(prediction, { method: "shap" });
    const byRecord = await model.explain(first);
    const copy = await model.explain(JSON.parse(JSON.stringify(prediction))).catch((error) => error.code);
    const method = await model.explain(prediction, { method: "lime" }).catch((error) => error.code);
    return { score: prediction.score, byPrediction, byRecord, copy, method };
  }, records);
  const sum = got.byPrediction.contributions.reduce((total, { contribution }) => total + contribution, got.byPrediction.base);
  assert.ok(Math.abs(sum - got.byPrediction.margin) < 1e-3, `${sum} and ${got.byPrediction.margin}`);
  assert.ok(Math.abs(1 / (1 + Math.exp(-got.byPrediction.margin)) - got.score) < 1e-3);
  assert.deepEqual(got.byPrediction, got.byRecord);
  assert.deepEqual([got.copy, got.method], ["usage", "usage"]);
});

test("verify compares with an answer made anew, and counts nothing", async () => {
  const got = await page.evaluate(async ([record]) => {
    const { load, verify } = await import("/sdk/index.js");
    const none = await verify(record, { version: "0" }).catch((error) => error.code);
    const model = await load("/models/loan-approval/");
    const claimed = JSON.parse(JSON.stringify(await model.predict(record)));
    const same = await verify(record, claimed);
    const forged = await verify(record, { ...claimed, action: "forged" });
    const shifted = await verify(record, { ...claimed, score: claimed.score + 0.001 });
    const unknown = await verify(record, { ...claimed, version: "ffffffffffff" }).catch((error) => error.code);
    return { none, same, forged, shifted, unknown, counted: model.report().predictions };
  }, records);
  assert.deepEqual(got, { none: "usage", same: true, forged: false, shifted: false, unknown: "usage", counted: 1 });
});

test("verify knows the version before the one on air", async () => {
  const channel = bundleJson("channel.json");
  const version = "dddddddddddd";
  server.files[`/models/loan-approval/manifest.${version}.json`] = { body: JSON.stringify({ ...manifest, version }) };
  const champion = { ...channel.champion, version, manifest: `manifest.${version}.json` };
  server.files["/models/loan-approval/channel.json"] = { body: JSON.stringify({ ...channel, champion, previous: channel.champion }) };
  const got = await page.evaluate(async ([record, claimed]) => {
    const { load, verify } = await import("/sdk/index.js");
    const model = await load("/models/loan-approval/");
    return [model.version, await verify(record, claimed), await verify(record, { ...claimed, label: "neither" })];
  }, [records[0], { ...predictions[0], version: manifest.version }]);
  assert.deepEqual(got, [version, true, false]);
});

test("a tampered model is refused with both hashes and what to do", async () => {
  const bytes = readFileSync(join(bundleFolder, manifest.files.model.path));
  bytes[bytes.length >> 1] ^= 1;
  server.files[modelPath] = { body: bytes };
  const error = await failure();
  assert.deepEqual([error.name, error.code], ["NearsideError", "bundle-corrupt"]);
  assert.match(error.message, new RegExp(`${manifest.files.model.path}.*want sha256 ${manifest.files.model.sha256}.*got [0-9a-f]{64}.*Deploy`));
});

test("a manifest of another version than the channel's is refused", async () => {
  const { champion } = bundleJson("channel.json");
  server.files[`/models/loan-approval/${champion.manifest}`] = { body: JSON.stringify({ ...manifest, version: "000000000000" }) };
  assert.equal((await failure()).code, "bundle-corrupt");
});

test("a missing bundle and a page in its place are told apart", async () => {
  const folder = (name) => page.evaluate(async (name) => (await import("/sdk/index.js")).load(name).catch(({ code, message }) => [code, message]), name);
  assert.equal((await folder("/models/nothing/"))[0], "network");
  server.files["/models/loan-approval/channel.json"] = { body: "<!doctype html><title>App</title>", type: "text/html" };
  const [code, message] = await folder("/models/loan-approval/");
  assert.equal(code, "bundle-format");
  assert.match(message, /HTML page/);
});

test("a bundle for an engine that is not here says no-plan", async () => {
  const { champion } = bundleJson("channel.json");
  server.files[`/models/loan-approval/${champion.manifest}`] = { body: JSON.stringify({ ...manifest, engine: "compiled" }) };
  assert.equal((await failure()).code, "no-plan");
});

test("a wrong MIME type still loads, with a warning; a page instead of the runtime does not", async () => {
  server.files[wasmPath] = { body: readFileSync(join(root, "www/sdk/dist/nearside-full.wasm")), type: "application/octet-stream" };
  assert.equal(await failure(), null);
  assert.ok(console_.some((line) => line.includes("application/wasm") && line.includes("application/octet-stream")), console_.join("\n"));
  await page.reload();
  server.files[wasmPath] = { body: "<!doctype html>", type: "text/html" };
  const error = await failure();
  assert.equal(error.code, "wrong-mime");
  assert.match(error.message, /nearside-full\.wasm.*text\/html/);
  await page.reload();
  server.files[wasmPath] = { status: 404, body: "" };
  assert.equal((await failure()).code, "network");
});

test("an abort ends load at once and the next load works", async () => {
  server.files[wasmPath] = { body: readFileSync(join(root, "www/sdk/dist/nearside-full.wasm")), delay_ms: 500 };
  const got = await page.evaluate(async ([record]) => {
    const { load } = await import("/sdk/index.js");
    const controller = new AbortController();
    const first = load("/models/loan-approval/", { signal: controller.signal }).catch(({ code }) => code);
    const second = load("/models/loan-approval/");
    setTimeout(() => controller.abort(), 100);
    const code = await first;
    const already = await load("/models/loan-approval/", { signal: AbortSignal.abort() }).catch(({ code }) => code);
    const model = await second;
    const predict = await model.predict(record, { signal: AbortSignal.abort() }).catch(({ code }) => code);
    return { code, already, predict, score: (await model.predict(record)).score };
  }, records);
  assert.deepEqual([got.code, got.already, got.predict], ["aborted", "aborted", "aborted"]);
  assert.ok(Math.abs(got.score - predictions[0].score) < 1e-5);
});

test("progress counts every download to its end", async () => {
  const progress = await page.evaluate(async () => {
    const { load } = await import("/sdk/index.js");
    const seen = {};
    await load("/models/loan-approval/", { onProgress: ({ phase, loaded }) => (seen[phase] = Math.max(loaded, seen[phase] ?? 0)) });
    return seen;
  });
  assert.equal(progress.model, manifest.files.model.bytes);
  assert.equal(progress.runtime, readFileSync(join(root, "www/sdk/dist/nearside-full.wasm")).length);
  assert.deepEqual(Object.keys(progress).sort(), ["channel", "manifest", "model", "runtime"]);
});

test("a fault in the runtime rejects one call; the next runs on a new instance", async () => {
  const got = await page.evaluate(async ([record]) => {
    // The real module, with one export that traps while `broken` is set.
    let broken = false;
    const instantiate = WebAssembly.instantiate;
    WebAssembly.instantiate = async (module, imports) => {
      const instance = await instantiate(module, imports);
      const exports = { ...instance.exports };
      const { predictor_predict } = exports;
      exports.predictor_predict = (...values) => {
        if (broken) throw new WebAssembly.RuntimeError("unreachable");
        return predictor_predict(...values);
      };
      return { instance: { exports }, module };
    };
    const { load } = await import("/sdk/index.js");
    const [model, other] = await Promise.all([load("/models/loan-approval/"), load("/models/loan-approval/")]);
    const events = [];
    model.addEventListener("error", ({ detail }) => events.push(detail.code));
    await model.predict(record);
    broken = true;
    const code = await model.predict(record).catch(({ code }) => code);
    broken = false;
    const scores = [(await model.predict(record)).score, (await other.predict(record)).score];
    return { code, events, scores, counted: model.report().predictions };
  }, records);
  assert.deepEqual([got.code, got.events], ["engine-dead", ["engine-dead"]]);
  for (const score of got.scores) assert.ok(Math.abs(score - predictions[0].score) < 1e-5);
  assert.equal(got.counted, 1);
});

test("a module worker gives the same answers, reports and explanations", async () => {
  const got = await page.evaluate(async ([records, groups]) => {
    const { load } = await import("/sdk/index.js");
    const model = await load("/models/loan-approval/", { worker: true });
    const empty = model.report().predictions;
    const answers = await Promise.all(records.map((record, i) => model.predict(record, { groups: groups[i] })));
    const refused = await model.predict([1]).catch(({ code }) => code);
    const explanation = await model.explain(answers[0]);
    const result = { thread: model.thread, empty, answers, refused, explanation, report: model.report() };
    model.dispose();
    return { ...result, gone: await model.predict(records[0]).catch(({ code }) => code) };
  }, [records, groups]);
  assert.deepEqual([got.thread, got.empty, got.refused, got.gone], ["worker", 0, "invalid-record", "disposed"]);
  got.answers.forEach((answer, i) => assertGolden(answer, predictions[i]));
  assert.equal(got.report.predictions, records.length);
  assert.ok(got.explanation.contributions.length > 0);
  assert.deepEqual(server.served.filter((line) => line.endsWith(".wasm")), [`GET ${wasmPath}`]);
});

test("a worker that may not start leaves the model in the page, with an error event", async () => {
  const got = await page.evaluate(async ([record]) => {
    const { load } = await import("/sdk/index.js");
    const model = await load("/models/loan-approval/", { worker: () => new Worker("/sdk/nothing.js", { type: "module" }) });
    const event = new Promise((resolve) => model.addEventListener("error", ({ detail }) => resolve(detail.code)));
    return { thread: model.thread, code: await event, score: (await model.predict(record)).score };
  }, records);
  assert.deepEqual([got.thread, got.code], ["calling", "worker-blocked"]);
  assert.ok(Math.abs(got.score - predictions[0].score) < 1e-5);
});

test("when the worker is gone, the page's own thread takes over", async () => {
  const got = await page.evaluate(async ([record]) => {
    const { load } = await import("/sdk/index.js");
    let worker;
    const model = await load("/models/loan-approval/", { worker: () => (worker = new Worker("/sdk/worker-entry.js", { type: "module" })) });
    const threads = [model.thread];
    const lost = model.predict(record).catch(({ code }) => code);
    worker.dispatchEvent(new ErrorEvent("error", { message: "out of memory", cancelable: true }));
    const scores = [(await model.predict(record)).score, (await model.predict(record)).score];
    return { threads: [...threads, model.thread], lost: await lost, scores };
  }, records);
  assert.deepEqual([got.threads, got.lost], [["worker", "calling"], "engine-dead"]);
  for (const score of got.scores) assert.ok(Math.abs(score - predictions[0].score) < 1e-5);
});

test("Session.create takes an address, bytes or a response, and disposes", async () => {
  const got = await page.evaluate(async ([path, example]) => {
    const { Session } = await import("/sdk/index.js");
    const bytes = await (await fetch(path)).arrayBuffer();
    const runs = [];
    for (const source of [path, new URL(path, location.href), bytes, new Uint8Array(bytes), await fetch(path)]) {
      const session = await Session.create(source);
      const inputs = {};
      for (const { name, type } of session.inputs) {
        const value = example[name];
        const data = type === "string" ? [String(value)] : type === "int64" ? BigInt64Array.of(BigInt(value)) : type === "float64" ? Float64Array.of(value) : Float32Array.of(value);
        inputs[name] = { type, shape: [1, 1], data };
      }
      const out = await session.run(inputs);
      runs.push(Object.fromEntries(Object.entries(out).map(([name, { data, shape }]) => [name, [Array.from(data, Number), shape]])));
      session.dispose();
      if (runs.length === 1) runs.disposed = await session.run(inputs).catch(({ code }) => code);
    }
    const plan = await Session.create(path, { engine: "compiled" }).catch(({ code, message }) => [code, message]);
    const rubbish = await Session.create(new Uint8Array(100)).catch(({ code }) => code);
    return { runs: [...runs], disposed: runs.disposed, plan, rubbish };
  }, [modelPath, records[0]]);
  for (const run of got.runs) assert.deepEqual(run, got.runs[0]);
  const [values] = got.runs[0][manifest.roles.probabilities];
  manifest.task.classes.forEach((name, i) => assert.ok(Math.abs(values[i] - predictions[0].probabilities[name]) < 1e-5));
  assert.equal(got.disposed, "disposed");
  assert.equal(got.plan[0], "no-plan");
  assert.match(got.plan[1], /tract/);
  assert.equal(got.rubbish, "invalid-model");
});

test("the slim entry runs on the WebAssembly that it is given", async () => {
  const got = await page.evaluate(async ([record, wasm]) => {
    const { load } = await import("/sdk/slim.js");
    const missing = await load("/models/loan-approval/").catch(({ code }) => code);
    const module = await WebAssembly.compileStreaming(fetch(wasm));
    return { missing, score: (await (await load("/models/loan-approval/", { wasm: module })).predict(record)).score };
  }, [records[0], wasmPath]);
  assert.equal(got.missing, "usage");
  assert.ok(Math.abs(got.score - predictions[0].score) < 1e-5);
});
