// What a page sees that has been at it for a while: one run, a batch, opening a model, memory, and what counting costs.
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { bundleFolder, root } from "../browser/support.mjs";
import { complete, features, manifest, PEER } from "./first.mjs";
import { generate } from "./javascript.mjs";
import { invented, planOf, planOfBytes, shared, sharedBytes } from "./models.mjs";
import { readOnnx, withOpenBatch } from "./onnx.mjs";
import { mount } from "./site.mjs";
import { tfjsModel } from "./tfjs.mjs";

const PAIRS = 30;
const INPUTS = 8;
const BATCH = 256;
const BATCHED = ["rf100", "gb200", "logreg", "mlp"];
/** The peers that get a model made by hand; plain JavaScript is what tabular models are also served as. */
const BUILT = { tfjs: ["mlp", "mnist_cnn", "logreg"], javascript: ["logreg", "gb200", "rf100"] };
/** Exported for one row at a time: for batches their first dimension is left open. */
const OPENED = ["mlp"];
const CREATE = { runs: 15, least: 3, limit_ms: 12_000 };
const MEMORY_RUNS = 100;

const bundle = "/models/loan-approval/";
const loan = { bundle, model: bundle + manifest.files.model.path, plan: bundle + manifest.files.plan.path, javascript: "/javascript/loan-approval.js" };
const records = complete.map(({ record }) => record);

/** What the pages run, and each shared model as every engine wants it. `models` says what there is, by name. */
export function steadyFiles() {
  const models = {};
  const files = {
    ...mount("/pages/", join(root, "tests/bench/pages"), ["steady.js", "engines.js", "encode.js"]),
    "/steady.html": '<!doctype html><meta charset="utf-8"><title>Steady state</title><link rel="icon" href="data:,">',
    // Where pages send counters; the session's number picks the last part of the path.
    ...Object.fromEntries(Array.from({ length: 256 }, (_, shard) => [`/v1/ingest/${shard}`, '{"accepted":true,"champion":null}'])),
    [loan.javascript]: generate(readOnnx(readFileSync(join(bundleFolder, manifest.files.model.path)))),
  };
  for (const name of Object.keys(shared)) {
    const bytes = sharedBytes(name);
    const given = { model: `/shared/${name}.onnx` };
    files[given.model] = bytes;
    const plan = planOf(name, "float32");
    if (plan.bytes) files[(given.plan = `/plans/${name}.float32.plan`)] = plan.bytes;
    const batched = {};
    if (OPENED.includes(name)) {
      const opened = withOpenBatch(bytes);
      files[(batched.model = `/shared/${name}-open.onnx`)] = opened;
      files[(batched.plan = `/plans/${name}-open.plan`)] = planOfBytes(`${name}-open`, opened, "float32").bytes;
    }
    if (BUILT.tfjs.includes(name)) {
      const { spec, weights } = tfjsModel(readOnnx(bytes));
      files[`/tfjs/${name}.bin`] = weights;
      given.tfjs = { spec, weights: `/tfjs/${name}.bin` };
    }
    if (BUILT.javascript.includes(name)) files[(given.javascript = `/javascript/${name}.js`)] = generate(readOnnx(bytes));
    models[name] = { given, batched, refused: plan.refused && { compiled: plan.refused } };
  }
  return { files, models };
}

/** One run of every model on every engine: `{ model, samples, refused, load }[]`, samples by engine in milliseconds per run. */
export async function steady(browser, site, models) {
  const tensors = { ...loan, rows: 1, inputs: records.slice(0, INPUTS).map(recordTensors) };
  const subjects = [
    ["loan-approval", "openRecords", { ...loan, features, records, classes: manifest.task.classes, probabilities: manifest.roles.probabilities }],
    ["loan-approval-tensors", "openTensors", tensors],
    ...Object.entries(models).map(([name, { given }]) => [name, "openTensors", { ...given, rows: 1, inputs: invented(shared[name].inputs, INPUTS) }]),
  ];
  return inTurn(browser, site, models, subjects);
}

/** The same for batches. */
export async function batch(browser, site, models) {
  const given = (name) => ({ ...models[name].given, ...models[name].batched, rows: BATCH, inputs: invented(shared[name].inputs, INPUTS, BATCH) });
  const subjects = BATCHED.filter((name) => models[name]).map((name) => [name, "openTensors", given(name)]);
  return inTurn(browser, site, models, subjects);
}

/** A prediction that is counted and sent, counted only, and not counted. */
export async function telemetry(browser, site) {
  return inTurn(browser, site, {}, [["loan-approval", "openTelemetry", { bundle: loan.bundle, collector: site.url, records }]]);
}

async function inTurn(browser, site, models, subjects) {
  const results = [];
  for (const [model, open, given] of subjects) {
    results.push(await inPage(browser, site, async (page) => {
      const { refused, differences } = await page.evaluate(async ([open, given]) => {
        const bench = await import("/pages/steady.js");
        const { refused, differences } = (globalThis.subject = await bench[open](given));
        return { refused, differences };
      }, [open, given]);
      const samples = await page.evaluate((pairs) => globalThis.subject.measure(pairs), PAIRS);
      return { model, samples, refused: { ...models[model]?.refused, ...refused }, differences, load: loadavg()[0] };
    }));
  }
  return results;
}

/** Opening a model from bytes that are there, on a runtime that is there. */
export async function create(browser, site, models) {
  const results = [];
  for (const [model, { given, refused }] of Object.entries(models)) {
    const open = async ([given, limits]) => (await import("/pages/steady.js")).create(given, limits);
    const found = await inPage(browser, site, (page) => page.evaluate(open, [{ ...given, rows: 1, inputs: [] }, CREATE]));
    results.push({ model, samples: found.samples, refused: { ...refused, ...found.refused }, differences: {}, load: loadavg()[0] });
  }
  return results;
}

/**
 * Bytes held by a page that has run a model a hundred times on one engine: `{ model, values, parts, refused }[]`, values by
 * engine. They are the WebAssembly memories and the JavaScript heap after a collection, with the array buffers in it.
 */
export async function memory(browser, site, models) {
  const results = [];
  for (const [model, { given, refused }] of Object.entries(models)) {
    const result = { model, values: {}, parts: {}, refused: { ...refused } };
    for (const engine of Object.keys(ENGINE_FILES).filter((engine) => given[ENGINE_FILES[engine]])) {
      const inputs = invented(shared[model].inputs, 1);
      await inPage(browser, site, async (page) => {
        const use = async ([given, engine, runs]) => (await import("/pages/steady.js")).useOne(given, engine, runs);
        const refusal = await page.evaluate(use, [{ ...given, rows: 1, inputs }, engine, MEMORY_RUNS]);
        if (refusal) return (result.refused[engine] = refusal), (result.values[engine] = null);
        const cdp = await page.context().newCDPSession(page);
        await cdp.send("HeapProfiler.collectGarbage");
        const { usedSize, backingStorageSize } = await cdp.send("Runtime.getHeapUsage");
        const wasm = await page.evaluate(() => globalThis.wasmBytes());
        result.parts[engine] = { wasm, heap: usedSize, backing: backingStorageSize };
        result.values[engine] = wasm + usedSize + backingStorageSize;
      }, collectMemories);
    }
    results.push(result);
  }
  return results;
}

/** What of a model's files an engine needs. */
const ENGINE_FILES = { compiled: "plan", tract: "model", [PEER]: "model", tfjs: "tfjs", javascript: "javascript" };

/** Runs in the page before all else: remembers every memory that is made or exported, because each engine hides its own. */
function collectMemories() {
  const memories = new Set();
  globalThis.wasmBytes = () => [...memories].reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
    construct(target, given) {
      const made = new target(...given);
      memories.add(made);
      return made;
    },
  });
  const keep = (instance) => Object.values(instance.exports).forEach((value) => value instanceof WebAssembly.Memory && memories.add(value));
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const original = WebAssembly[name];
    WebAssembly[name] = async (...given) => {
      const made = await original.apply(WebAssembly, given);
      keep(made.instance ?? made);
      return made;
    };
  }
  WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
    construct(target, given) {
      const made = new target(...given);
      keep(made);
      return made;
    },
  });
}

/** A page of its own for each measurement, so that none inherits another's heap. */
async function inPage(browser, site, use, before) {
  const page = await browser.newPage();
  try {
    if (before) await page.addInitScript(before);
    await page.goto(`${site.url}/steady.html`);
    return await use(page);
  } finally {
    await page.close();
  }
}

function recordTensors(record) {
  return Object.fromEntries(features.map(({ name, type, values }) => {
    const value = record[name];
    return [name, { type, shape: [1, 1], data: [type === "int64" ? values.indexOf(value) : Number(value)] }];
  }));
}
