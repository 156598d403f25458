// Loading, answering, explaining and failing, in a real page with the real runtime.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test, { after, afterEach, before, beforeEach } from "node:test";
import { release } from "./release.mjs";
import { assertGolden, bundleFolder, bundleJson, eventually, golden, launch, requireBuild, root, runtimeFile, serve, sha256 } from "./support.mjs";

requireBuild();
const { records, predictions } = golden();
const manifest = bundleJson("manifest.json");
const channel = bundleJson("channel.json");
const groups = records.map((_, i) => Object.fromEntries(manifest.groups.map(({ name, values }) => [name, values[i % values.length]])));
const modelPath = `/models/loan-approval/${manifest.files.plan.path}`;
const onnxPath = `/models/loan-approval/${manifest.files.model.path}`;
const wasmFile = join(root, "www/sdk/dist", runtimeFile());
const wasmPath = `/sdk/${runtimeFile()}`;

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

const publish = (change, pointer) => release(server.files, change, pointer);

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

test("the runtime is the first thing that load() asks for, and it waits for no answer", async () => {
  server.files["/models/loan-approval/channel.json"] = { body: readFileSync(join(bundleFolder, "channel.json")), delay_ms: 2000 };
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  const done = failure();
  await eventually(() => server.served.includes(`GET ${wasmPath}`), "the runtime to be asked for");
  assert.ok(!server.served.includes(`GET ${modelPath}`));
  assert.equal(await done, null);
  assert.deepEqual(asked.slice(0, 3), ["/sdk/index.js", wasmPath, "/models/loan-approval/channel.json"]);
});

test("the SDK is one script up to the first prediction, and fetches the rest when it is asked for", async () => {
  const scripts = () => server.served.filter((line) => line.endsWith(".js")).map((line) => line.replace("GET /sdk/", ""));
  await page.evaluate(async (record) => {
    const { load } = await import("/sdk/index.js");
    window.model = await load("/models/loan-approval/");
    await model.explain(await model.predict(record));
  }, records[0]);
  assert.deepEqual(scripts(), ["index.js"]);
  const same = await page.evaluate(async ([record, claimed]) => model.verify(record, claimed), [records[0], { ...predictions[0], version: manifest.version }]);
  assert.equal(same, true);
  assert.deepEqual(scripts(), ["index.js", "index-verifier.js"]);
  const thread = await page.evaluate(async () => {
    const { load } = await import("/sdk/index.js");
    return (await load("/models/loan-approval/", { worker: true })).thread;
  });
  assert.equal(thread, "worker");
  assert.deepEqual(scripts(), ["index.js", "index-verifier.js", "index-worker.js", "worker-entry.js"]);
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

test("NaN, nothing where nothing is allowed, and undefined are told apart", async () => {
  const required = manifest.features.filter(({ missing }) => missing === "error").map(({ name }) => name);
  const optional = manifest.features.find(({ kind, missing }) => kind === "number" && missing !== "error").name;
  assert.ok(required.length > 0);
  const got = await page.evaluate(async ([record, required, optional]) => {
    const { load } = await import("/sdk/index.js");
    const answers = {};
    for (const worker of [false, true]) {
      const model = await load("/models/loan-approval/", { worker });
      const ask = (change) => model.predict({ ...record, ...change }).then(({ action }) => ({ action }), ({ code, message }) => ({ code, message }));
      const { [required]: _, ...without } = record;
      const asked = {
        nan: await ask({ [optional]: NaN }), infinite: await ask({ [optional]: Infinity }), word: await ask({ [optional]: "a lot" }), object: await ask({ [optional]: {} }),
        absent: await model.predict(without).catch(({ code, message }) => ({ code, message })),
        undefined: await ask({ [required]: undefined }), null: await ask({ [required]: null }), empty: await model.predict({}).catch(({ code, message }) => ({ code, message })),
        nothing: await model.predict(undefined).catch(({ code, message }) => ({ code, message })),
        function: await ask({ [optional]: () => 1 }),
        fine: await ask({ [optional]: undefined }),
      };
      answers[model.thread] = asked;
    }
    return answers;
  }, [records[0], required[0], optional]);
  assert.deepEqual(Object.keys(got), ["calling", "worker"]);
  for (const { fine, ...wrong } of Object.values(got)) {
    for (const [name, { code, message }] of Object.entries(wrong)) {
      assert.equal(code, "invalid-record", `${name}: ${message}`);
      assert.ok(message.length > 10, name);
    }
    for (const name of ["nan", "word"]) assert.match(wrong[name].message, new RegExp(optional), name);
    for (const name of ["absent", "undefined", "null"]) assert.match(wrong[name].message, new RegExp(required[0]), name);
    assert.ok(fine.action, "undefined means missing, which this feature may be");
  }
});

test("the record of the README's first lines is answered as it is written there", async () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const script = /<script type="module">\n([\s\S]*?)<\/script>/.exec(readme)[1];
  await page.evaluate((text) => {
    const script = Object.assign(document.createElement("script"), { type: "module", textContent: text });
    document.head.append(script);
  }, script.replace("https://your.site", "").replace(/console\.log\((.*)\);/, "window.said = [$1];"));
  const said = await eventually(() => page.evaluate(() => window.said), "the README's script to answer");
  const [label, score, action, violations, text] = said;
  assert.ok(manifest.task.classes.includes(label));
  assert.ok(score > 0 && score < 1 && action.length > 2 && text.length > 10);
  assert.deepEqual(violations, []);
});

test("an uncounted prediction leaves no trace, in the page and in a worker", async () => {
  const got = await page.evaluate(async ([record, wrong]) => {
    const { load } = await import("/sdk/index.js");
    const reports = [];
    for (const worker of [false, true]) {
      const model = await load("/models/loan-approval/", { worker });
      const before = JSON.stringify(model.report());
      const { id } = await model.predict(record, { count: false });
      await model.predict({ ...record, ...wrong }, { count: false }).catch(() => {});
      reports.push([id.length > 20, JSON.stringify(model.report()) === before]);
      await model.predict(record);
      reports.push([model.report().predictions, model.report().sessions]);
    }
    return reports;
  }, [records[0], { [manifest.features[0].name]: {} }]);
  assert.deepEqual(got, [[true, true], [1, 1], [true, true], [1, 1]]);
});

test("the canvas has its ten blocks, with what this page has counted and no collector", async () => {
  const got = await page.evaluate(async ([records]) => {
    const { load } = await import("/sdk/index.js");
    const views = [];
    for (const worker of [false, true]) {
      const model = await load("/models/loan-approval/", { worker });
      const empty = await model.canvas();
      for (const record of records) await model.predict(record);
      views.push({ empty, full: await model.canvas() });
    }
    return views;
  }, [records]);
  for (const { empty, full } of got) {
    assert.equal(empty.name, manifest.name);
    assert.deepEqual(empty.blocks.map(({ number }) => number), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.ok(empty.blocks.every(({ stated }) => stated.length > 0));
    assert.ok(empty.blocks.every(({ state }) => state === "grey"), "nothing was counted yet");
    const live = full.blocks.flatMap(({ live }) => live);
    assert.ok(live.some(({ value }) => value.includes(String(records.length))), JSON.stringify(live));
    assert.ok(full.blocks.some(({ state }) => state !== "grey"));
  }
  assert.equal(server.served.filter((line) => line.endsWith(manifest.files.canvas.path)).length, 2, "once for each model");
});

test("a bundle without a canvas says so", async () => {
  const { canvas, ...files } = manifest.files;
  publish({ version: "ffffffffffff", files });
  const error = await page.evaluate(async () => {
    const { load } = await import("/sdk/index.js");
    return (await load("/models/loan-approval/")).canvas().catch(({ code, message }) => [code, message]);
  });
  assert.equal(error[0], "usage");
  assert.match(error[1], /ffffffffffff.*canvas.*pack/);
});

test("an alert event comes when this page's own verdict turns worse", async () => {
  // How fast this machine is, is not the point.
  const budgets = { ...manifest.budgets, first_prediction_ms: 600_000, latency_p95_ms: null };
  publish({ version: "ffffffffffff", telemetry: { ...manifest.telemetry, flush_ms: 100 }, budgets });
  const feature = manifest.features.find(({ range }) => range);
  const got = await page.evaluate(async ([record, change]) => {
    const { load } = await import("/sdk/index.js");
    const model = await load("/models/loan-approval/");
    const alerts = [];
    model.addEventListener("alert", ({ detail }) => alerts.push(detail));
    const pause = () => new Promise((resolve) => setTimeout(resolve, 150));
    await pause();
    await model.predict(record);
    const before = alerts.length;
    for (let i = 0; i < 40; i++) await model.predict({ ...record, ...change });
    for (let i = 0; i < 3; i++) {
      await pause();
      await model.predict({ ...record, ...change });
    }
    return { before, alerts, verdict: model.report().verdict };
  }, [records[0], { [feature.name]: feature.range[1] + 1 }]);
  assert.equal(got.before, 0);
  assert.equal(got.alerts.length, 1, "once for each time that it turns");
  assert.ok(["warn", "bad"].includes(got.alerts[0].state));
  assert.equal(got.alerts[0].state, got.verdict.state);
  assert.ok(got.alerts[0].words.length > 0);
});

test("a session runs the plan of a bundle on the small runtime, and says what is none", async () => {
  const got = await page.evaluate(async ([plan, onnx]) => {
    const { Session } = await import("/sdk/index.js");
    const session = await Session.create(plan, { engine: "compiled" });
    const inputs = Object.fromEntries(session.inputs.map(({ name, type }) => [name, { type, shape: [2, 1], data: [0, 1] }]));
    const { probabilities } = await session.run(inputs);
    const [first] = session.inputs;
    const code = (promise) => promise.then(() => null, ({ code }) => code);
    return {
      description: session.description, shape: probabilities.shape, sum: probabilities.data[0] + probabilities.data[1],
      wrong: [
        await code(session.run({ ...inputs, [first.name]: { ...inputs[first.name], shape: [3, 1] } })),
        await code(session.run({ ...inputs, [first.name]: { ...inputs[first.name], data: ["a", "b"] } })),
        await code(session.run({})),
        await code(Session.create(onnx, { engine: "compiled" })),
        await code(Session.create(plan, { engine: "tract" })),
        await code(Session.create(new Uint8Array([0x4e, 0x53, 0x50, 9, 9]))),
      ],
    };
  }, [modelPath, onnxPath]);
  assert.deepEqual([got.description, got.shape], [null, [2, manifest.task.classes.length]]);
  assert.ok(Math.abs(got.sum - 1) < 1e-5);
  assert.deepEqual(got.wrong, ["wrong-shape", "wrong-type", "wrong-input", "no-plan", "usage", "invalid-model"]);
  assert.ok(server.served.filter((line) => line.endsWith(".wasm"))[0].endsWith(runtimeFile()));
});

test("a model and a session end with the block that they are declared in", async () => {
  const got = await page.evaluate(async ([record, path]) => {
    const { load, Session } = await import("/sdk/index.js");
    Symbol.dispose ??= Symbol.for("Symbol.dispose");
    const [model, session] = [await load("/models/loan-approval/"), await Session.create(path)];
    for (const each of [model, session]) each[Symbol.dispose]();
    return [await model.predict(record).catch(({ code }) => code), await session.run({}).catch(({ code }) => code)];
  }, [records[0], onnxPath]);
  assert.deepEqual(got, ["disposed", "disposed"]);
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
  const version = "dddddddddddd";
  publish({ version });
  const got = await page.evaluate(async ([record, claimed]) => {
    const { load, verify } = await import("/sdk/index.js");
    const model = await load("/models/loan-approval/");
    return [model.version, await verify(record, claimed), await verify(record, { ...claimed, label: "neither" })];
  }, [records[0], { ...predictions[0], version: manifest.version }]);
  assert.deepEqual(got, [version, true, false]);
});

test("a tampered model is refused with both hashes and what to do", async () => {
  const bytes = readFileSync(join(bundleFolder, manifest.files.plan.path));
  bytes[bytes.length >> 1] ^= 1;
  server.files[modelPath] = { body: bytes };
  const error = await failure();
  assert.deepEqual([error.name, error.code], ["NearsideError", "bundle-corrupt"]);
  assert.match(error.message, new RegExp(`${manifest.files.plan.path}.*want sha256 ${manifest.files.plan.sha256}.*got [0-9a-f]{64}.*Deploy`));
});

test("a manifest of another version than the channel's is refused", async () => {
  publish({ version: "eeeeeeeeeeee" }, { version: "000000000000" });
  const error = await failure();
  assert.equal(error.code, "bundle-corrupt");
  assert.match(error.message, /is version eeeeeeeeeeee, but channel\.json wants 000000000000/);
});

test("a file with another policy than the packed one is refused, whole as it is in itself", async () => {
  const { champion } = channel;
  assert.match(champion.model_sha256, /^[0-9a-f]{64}$/);
  const body = publish({ bands: [{ at_least: 0, action: manifest.bands[0].action }] }, champion);
  server.files[modelPath] = { body };
  const error = await failure();
  assert.equal(error.code, "bundle-corrupt");
  assert.match(error.message, new RegExp(`${champion.model}.*of the channel.*want sha256 ${champion.model_sha256}, got ${sha256(body)}`));
});

test("a channel that knows the manifest alone loads manifest and plan, both checked", async () => {
  const { model_sha256: _, ...champion } = channel.champion;
  const put = () => (server.files["/models/loan-approval/channel.json"] = { body: JSON.stringify({ ...channel, champion }) });
  put();
  assert.equal(await failure(), null);
  assert.ok([modelPath, `/models/loan-approval/${champion.manifest}`].every((path) => server.served.includes(`GET ${path}`)));
  champion.sha256 = "0".repeat(64);
  put();
  assert.equal((await failure()).code, "bundle-corrupt");
});

test("a file for pages of another version than this SDK reads leaves the model itself", async () => {
  const body = publish({ version: "ffffffffffff" });
  body[3] = 9;
  const [{ body: text }] = [server.files["/models/loan-approval/channel.json"]];
  const changed = JSON.parse(text);
  changed.champion.model_sha256 = sha256(body);
  server.files["/models/loan-approval/channel.json"] = { body: JSON.stringify(changed) };
  server.files["/models/loan-approval/plan.ffffffffffff.plan"] = { body };
  const [answer, engine] = await page.evaluate(async ([record]) => {
    const { load } = await import("/sdk/index.js");
    const model = await load("/models/loan-approval/");
    return [await model.predict(record), model.manifest.engine];
  }, records);
  assertGolden(answer, predictions[0]);
  assert.equal(engine, "tract");
});

/** What a page asks for together, wave by wave: an answer comes only when nothing else is asked for any more. */
async function waves(html, done) {
  const waiting = [];
  const all = [];
  let timer;
  const slow = await serve({ files: { "/start.html": { body: html, type: "text/html" } }, gate: (path) => new Promise((resolve) => {
    waiting.push([path, resolve]);
    clearTimeout(timer);
    timer = setTimeout(() => {
      all.push(waiting.map(([path]) => path));
      for (const [, resolve] of waiting.splice(0)) resolve();
    }, 250);
  }) });
  const page = await browser.newPage();
  try {
    await page.goto(`${slow.url}/start.html`);
    await page.waitForFunction(done);
    return all;
  } finally {
    await page.close();
    await slow.close();
  }
}

test("with the documented hints a prediction is two round trips behind the page, without them three", async () => {
  const wasm = `/sdk/${runtimeFile()}`;
  const hints = `<link rel="modulepreload" href="/sdk/index.js">
    <link rel="preload" href="/models/loan-approval/channel.json" as="fetch" crossorigin>`;
  const start = (hints) => `<!doctype html><link rel="icon" href="data:,">${hints}<script type="module">
    import { load } from "/sdk/index.js";
    const model = await load("/models/loan-approval/");
    globalThis.answer = await model.predict(${JSON.stringify(records[0])});
  </script>`;
  const found = await waves(start(hints), () => globalThis.answer);
  assert.deepEqual(found, [["/start.html"], ["/sdk/index.js", "/models/loan-approval/channel.json"], [wasm, modelPath]]);
  assert.equal((await waves(start(""), () => globalThis.answer)).length, 4);
});

test("a channel file from before manifests were hashed is read as it is", async () => {
  const { sha256: _, ...champion } = channel.champion;
  server.files["/models/loan-approval/channel.json"] = { body: JSON.stringify({ ...channel, champion }) };
  assert.equal(await failure(), null);
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
  publish({ version: "ffffffffffff", engine: "abacus" });
  assert.equal((await failure()).code, "no-plan");
});

test("who asks for tract gets the model itself, on the full runtime, with the same answers", async () => {
  const [answers, asked] = await page.evaluate(async (records) => {
    const { load } = await import("/sdk/index.js");
    const model = await load("/models/loan-approval/", { engine: "tract" });
    const answers = [];
    for (const record of records) answers.push(await model.predict(record));
    return [answers, model.manifest.engine];
  }, records);
  answers.forEach((answer, i) => assertGolden(answer, predictions[i]));
  assert.equal(asked, "tract");
  assert.deepEqual(server.served.filter((line) => line.endsWith(".wasm")), [`GET /sdk/${runtimeFile("full")}`]);
  assert.ok(server.served.includes(`GET ${onnxPath}`));
  assert.ok(!server.served.includes(`GET ${modelPath}`));
});

test("a bundle without a plan runs on the full runtime; who asks for a plan there is told", async () => {
  publish({ version: "ffffffffffff", engine: "tract" }, { engine: "tract", model: manifest.files.model.path, model_sha256: undefined });
  const [answer, code] = await page.evaluate(async ([record]) => {
    const { load } = await import("/sdk/index.js");
    const model = await load("/models/loan-approval/");
    const code = await load("/models/loan-approval/", { engine: "compiled" }).catch(({ code }) => code);
    return [await model.predict(record), code];
  }, records);
  assertGolden(answer, predictions[0]);
  assert.equal(code, "no-plan");
});

test("a wrong MIME type still loads, with a warning; a page instead of the runtime does not", async () => {
  server.files[wasmPath] = { body: readFileSync(wasmFile), type: "application/octet-stream" };
  assert.equal(await failure(), null);
  assert.ok(console_.some((line) => line.includes("application/wasm") && line.includes("application/octet-stream")), console_.join("\n"));
  await page.reload();
  server.files[wasmPath] = { body: "<!doctype html>", type: "text/html" };
  const error = await failure();
  assert.equal(error.code, "wrong-mime");
  assert.match(error.message, /nearside[\w.]*\.wasm.*text\/html/);
  await page.reload();
  server.files[wasmPath] = { status: 404, body: "" };
  assert.equal((await failure()).code, "network");
});

test("an abort ends load at once and the next load works", async () => {
  server.files[wasmPath] = { body: readFileSync(wasmFile), delay_ms: 500 };
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
  assert.equal(progress.model, manifest.files.plan.bytes);
  assert.equal(progress.runtime, readFileSync(wasmFile).length);
  assert.deepEqual(Object.keys(progress).sort(), ["channel", "model", "runtime"]);
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

test("slow predictions move to a worker by themselves, and the report goes on", async () => {
  const got = await page.evaluate(async ([records]) => {
    const { load } = await import("/sdk/index.js");
    let worker;
    const { Worker } = globalThis;
    globalThis.Worker = class extends Worker {
      constructor(...given) {
        super(...given);
        worker = this;
      }
    };
    const model = await load("/models/loan-approval/");
    const threads = [];
    const predict = async (index) => {
      const { score } = await model.predict(records[index]);
      threads.push(model.thread);
      return score;
    };
    const scores = [await predict(0), await predict(1), await predict(2)];
    const quick = model.thread;
    // Each look at the clock costs 20 ms, as on a machine that is overloaded.
    const real = performance.now.bind(performance);
    let behind = 0;
    performance.now = () => real() + (behind += 20);
    scores.push(await predict(3), await predict(4));
    performance.now = () => real() + behind;
    while (model.thread !== "worker") await new Promise((resolve) => setTimeout(resolve, 10));
    const moved = model.report();
    scores.push(...(await Promise.all([predict(5), predict(6)])));
    const after = model.report();
    worker.dispatchEvent(new ErrorEvent("error", { message: "out of memory", cancelable: true }));
    scores.push(await predict(7));
    return { quick, threads, scores, moved, after, last: model.report() };
  }, [records]);
  assert.equal(got.quick, "calling", "quick predictions stay in the page");
  assert.deepEqual(got.threads.slice(-3), ["worker", "worker", "calling"]);
  got.scores.forEach((score, i) => assert.ok(Math.abs(score - predictions[i].score) < 1e-5));
  const counted = ({ predictions, sessions, loads, loss }) => ({ predictions, sessions, answered: loads.answered, lost: loss.filter(({ frames }) => frames) });
  const answers = (report) => report.latency.find(({ stage }) => stage === "answer").count;
  for (const [report, number] of [[got.moved, 5], [got.after, 7], [got.last, 8]]) {
    assert.deepEqual(counted(report), { predictions: number, sessions: 1, answered: 1, lost: [] });
    assert.equal(answers(report), number);
    assert.equal(report.scores.counts.reduce((sum, count) => sum + count, 0), number);
  }
  assert.deepEqual(server.served.filter((line) => line.endsWith(".wasm")), [`GET ${wasmPath}`]);
});

test("a second load of the same bundle counts neither another page load nor the work of the first", async () => {
  const got = await page.evaluate(async ([record]) => {
    const { load } = await import("/sdk/index.js");
    const models = [];
    for (let i = 0; i < 2; i++) {
      const model = await load("/models/loan-approval/");
      await model.predict(record);
      models.push(model);
    }
    const times = (model, stage) => model.report().latency.find((entry) => entry.stage === stage)?.count ?? 0;
    return models.map((model) => ({ loads: model.report().loads.total, compile: times(model, "compile"), first: times(model, "first"), load: times(model, "load") }));
  }, records);
  assert.deepEqual(got, [{ loads: 1, compile: 1, first: 1, load: 1 }, { loads: 0, compile: 0, first: 0, load: 1 }]);
});

test("Session.create takes an address, bytes or a response, and disposes", async () => {
  // What a category is in the model: its place in the manifest.
  const codes = Object.fromEntries(manifest.features.map(({ name, values, kind }) => [name, kind === "category" ? values.indexOf(records[0][name]) : Number(records[0][name])]));
  const got = await page.evaluate(async ([path, example]) => {
    const { Session } = await import("/sdk/index.js");
    const bytes = await (await fetch(path)).arrayBuffer();
    const runs = [];
    for (const source of [path, new URL(path, location.href), bytes, new Uint8Array(bytes), await fetch(path)]) {
      const session = await Session.create(source);
      const inputs = {};
      for (const { name, type } of session.inputs) {
        const value = example[name];
        const data = type === "int64" ? BigInt64Array.of(BigInt(value)) : Float32Array.of(value);
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
  }, [onnxPath, codes]);
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
