// The cold page: one record answered as early as a page can, by each engine. Size, bytes, cold and shaped all load these pages.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bundleFolder, bundleJson, golden, runtimeFile } from "../browser/support.mjs";
import { generate } from "./javascript.mjs";
import { planOf, shared, sharedBytes } from "./models.mjs";
import { readOnnx } from "./onnx.mjs";
import { encode } from "./pages/encode.js";
import { tfjsModel } from "./tfjs.mjs";

export const OURS = "compiled";
export const PEER = "onnxruntime-web";
export const SLOW = "slow-4g-4x-cpu";
const CPU_RATE = 4;
export const manifest = bundleJson("manifest.json");
assert.equal(manifest.engine, OURS, "The bundle of loan-approval has no plan: pack it again.");

/** What an encoder of records has to know of each feature. */
export const features = manifest.features.map(({ name, values }) => ({ name, values, type: manifest.inputs.find((input) => input.name === name).type }));

/** Golden records in which nothing is missing: filling gaps is the kit's own work, and the peers' pages have no code for it. */
export const complete = completeRecords();

function completeRecords() {
  const { records, predictions } = golden();
  return records
    .map((record, i) => ({ record, expected: predictions[i].probabilities }))
    .filter(({ record }) => manifest.features.every(({ name }) => record[name] != null));
}

/** The shared models that are loaded cold, with the weights at rest that our plan has. The peers' files are float32. */
const COLD = { mlp: ["float16"], mnist_cnn: ["float16"], minilm_l2: ["float16", "int8"] };
const TOLERANCE = 1e-4;

/**
 * What a page is: `script` leaves `outputs`, typed arrays by output name. `early` are the files that it will ask for, scripts first.
 * They become hints when `hints` is on, for every engine alike; without, a page is what follows each project's first example.
 * `head` is what a host page has besides; such pages are in a folder of their own.
 */
function page({ script, early }, { hints = false, head = "" } = {}) {
  const hint = (path) => (/\.m?js$/.test(path) ? `<link rel="modulepreload" href="${path}">` : `<link rel="preload" href="${path}" as="fetch" crossorigin>`);
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>First prediction</title><link rel="icon" href="data:,">
${hints ? early.map(hint).join("\n") : ""}
<script type="module">
${script}
const answered_ms = performance.now();
console.log(JSON.stringify({ answered_ms, outputs: Object.fromEntries(Object.entries(outputs).map(([name, data]) => [name, Array.from(data, Number)])) }));
</script>
${head}
`;
}

const EARLY = {
  [OURS]: ["/sdk/index.js", `/sdk/${runtimeFile()}`],
  [PEER]: ["/peer/ort.wasm.bundle.min.mjs", "/peer/ort-wasm-simd-threaded.wasm"],
  tfjs: ["/tfjs/tfjs.js", "/tfjs/tfjs-backend-wasm-simd.wasm"],
  javascript: [],
};

/**
 * loan-approval, from the record: `{ model, pages: [{ engine, path, tolerance }], files, expected }`. Our page loads the bundle; the
 * others encode the record by hand, with tfjs by generated JavaScript up to the linear model, which is all that it computes.
 */
export function loanApproval(options) {
  const [{ record, expected }] = complete;
  const graph = readOnnx(readFileSync(join(bundleFolder, manifest.files.model.path)));
  // The value that the linear model multiplies: what is left when its bias and its product are taken off the margin.
  const from = (name) => graph.nodes.find(({ outputs }) => outputs.includes(name)).inputs[0];
  const encoded = from(from(manifest.roles.margin));
  const { spec, weights } = tfjsModel(graph, encoded);
  const { probabilities } = manifest.roles;
  const bare = `${encode}\nconst bare = class { constructor(type, data) { return data; } };\nconst feeds = encode(bare, ${JSON.stringify(features)}, ${JSON.stringify(record)});`;
  const model = `/models/loan-approval/${manifest.files.model.path}`;
  return {
    model: "loan-approval",
    expected: { [probabilities]: manifest.task.classes.map((name) => expected[name]) },
    files: {
      "/javascript/loan-approval.js": generate(graph),
      "/javascript/loan-approval-encode.js": generate(graph, encoded),
      "/tfjs/loan-approval.bin": weights,
    },
    ...pagesOf("loan-approval", options, {
      [OURS]: {
        early: ["/models/loan-approval/channel.json"],
        script: `import { load } from "/sdk/index.js";
const model = await load("/models/loan-approval/", { worker: false });
const prediction = await model.predict(${JSON.stringify(record)});
const outputs = { ${probabilities}: ${JSON.stringify(manifest.task.classes)}.map((name) => prediction.probabilities[name]) };`,
      },
      [PEER]: {
        early: [model],
        script: `import { env, InferenceSession, Tensor } from "/peer/ort.wasm.bundle.min.mjs";
${encode}
env.wasm.numThreads = 1;
const session = await InferenceSession.create("${model}", { executionProviders: ["wasm"] });
const out = await session.run(encode(Tensor, ${JSON.stringify(features)}, ${JSON.stringify(record)}));
const outputs = { ${probabilities}: out.${probabilities}.data };`,
      },
      tfjs: {
        early: ["/javascript/loan-approval-encode.js", "/tfjs/loan-approval.bin"],
        script: `import { predict } from "/javascript/loan-approval-encode.js";
${bare}
${tfjsScript("/tfjs/loan-approval.bin", spec)}
const { ${probabilities} } = model.run(predict(feeds, 1), 1);
const outputs = { ${probabilities} };`,
      },
      javascript: {
        early: ["/javascript/loan-approval.js"],
        script: `import { predict } from "/javascript/loan-approval.js";
${bare}
const { ${probabilities} } = predict(feeds, 1);
const outputs = { ${probabilities} };`,
      },
    }),
  };
}

/** The weights come while the runtime starts. */
const tfjsScript = (path, spec) => `import { open, start } from "/tfjs/tfjs.js";
const weights = fetch("${path}").then((response) => response.arrayBuffer());
await start();
const model = open(${JSON.stringify(spec)}, await weights);`;

/** The shared models that are loaded cold, in the same form. What is expected, the peer's first answer tells. */
export function sharedSubjects(options, names = Object.keys(COLD)) {
  return names.filter((name) => shared[name]).map((name) => sharedSubject(name, options));
}

function sharedSubject(name, options) {
  const bytes = sharedBytes(name);
  const files = { [`/shared/${name}.onnx`]: bytes };
  // Made in the page by a formula, so that no page weighs more for its input.
  const floats = "const floats = (length) => Float32Array.from({ length }, (_, i) => ((i * 37) % 101) / 50 - 1);";
  const ids = "const ids = (length, of) => BigInt64Array.from({ length }, (_, i) => BigInt(of(i)));";
  const data = ({ name, dtype, shape }) => {
    const length = shape.reduce((product, size) => product * size, 1);
    if (dtype === "f32") return `floats(${length})`;
    return `ids(${length}, ${/mask/.test(name) ? "() => 1" : /type/.test(name) ? "() => 0" : "(i) => (i * 37) % 101"})`;
  };
  const type = ({ dtype }) => JSON.stringify(dtype === "f32" ? "float32" : "int64");
  const { inputs } = shared[name];
  const made = inputs.some(({ dtype }) => dtype === "f32") ? floats : ids;
  const feeds = (write) => `{ ${inputs.map((input) => `${input.name}: ${write(type(input), data(input), JSON.stringify(input.shape))}`).join(", ")} }`;
  const datas = "const outputs = Object.fromEntries(Object.entries(out).map(([name, { data }]) => [name, data]));";
  const engines = {};
  for (const weights of COLD[name]) {
    const plan = planOf(name, weights);
    const path = `/plans/${name}.${weights}.plan`;
    if (plan.bytes) files[path] = plan.bytes;
    engines[`${OURS}-${weights}`] = {
      weights, deviation: plan.deviation, refused: plan.refused,
      // What is known to be off may be off; on other inputs than those of the compiler somewhat more.
      tolerance: Math.max(TOLERANCE, 4 * (plan.deviation ?? 0)),
      early: [path],
      script: `import { Session } from "/sdk/index.js";
${made}
const session = await Session.create("${path}");
const out = await session.run(${feeds((type, data, shape) => `{ type: ${type}, shape: ${shape}, data: ${data} }`)});
${datas}`,
    };
  }
  engines[PEER] = {
    early: [`/shared/${name}.onnx`],
    script: `import { env, InferenceSession, Tensor } from "/peer/ort.wasm.bundle.min.mjs";
${made}
env.wasm.numThreads = 1;
const session = await InferenceSession.create("/shared/${name}.onnx", { executionProviders: ["wasm"] });
const out = await session.run(${feeds((type, data, shape) => `new Tensor(${type}, ${data}, ${shape})`)});
${datas}`,
  };
  const built = tfjsModel(readOnnx(bytes));
  if (built) {
    files[`/tfjs/${name}.bin`] = built.weights;
    engines.tfjs = {
      early: [`/tfjs/${name}.bin`],
      script: `${made}
${tfjsScript(`/tfjs/${name}.bin`, built.spec)}
const outputs = model.run(${feeds((_, data) => data)}, 1);`,
    };
  }
  return { model: name, expected: null, files, ...pagesOf(name, options, engines) };
}

function pagesOf(model, options, engines) {
  const pages = Object.entries(engines).map(([key, { script, early, tolerance = TOLERANCE, weights, deviation, refused }]) => {
    const engine = key.split(`-${weights}`)[0];
    return { engine, weights, deviation, refused, tolerance, path: `/${options?.head ? "hosted" : "first"}/${model}-${key}.html`, html: page({ script, early: [...EARLY[engine], ...early] }, options) };
  });
  return { pages, html: Object.fromEntries(pages.map(({ path, html }) => [path, html])) };
}

/** All that subjects serve. */
export const firstFiles = (subjects) => Object.assign({}, ...subjects.flatMap(({ files, html }) => [files, html]));

/**
 * Loads a page of a subject in a fresh context, without a cache, and gives the milliseconds from navigation to its answer and the
 * paths that it had asked for by then. `network` is "plain", SLOW, or "cpu", which slows only the processor. Fails when the answer
 * is not what the subject expects; a subject that expects nothing yet takes it from onnxruntime-web's page.
 */
export async function firstPrediction(browser, site, subject, { engine, path, tolerance }, network = "plain") {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const cdp = await context.newCDPSession(page);
    await cdp.send("Network.enable");
    await cdp.send("Network.setCacheDisabled", { cacheDisabled: true });
    if (network === SLOW) await cdp.send("Network.emulateNetworkConditions", { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 0.75e6 / 8 });
    if (network !== "plain") await cdp.send("Emulation.setCPUThrottlingRate", { rate: CPU_RATE });
    site.served.length = 0;
    const [{ answered_ms, outputs }] = await Promise.all([answered(page), page.goto(`${site.url}${path}`, { waitUntil: "commit" })]);
    const fetched = site.served.map((line) => line.replace(/^GET /, ""));
    if (engine === PEER) subject.expected ??= outputs;
    check(`${subject.model}, ${engine}`, outputs, subject.expected, tolerance);
    return { answered_ms, fetched };
  } finally {
    await context.close();
  }
}

function check(what, outputs, expected, tolerance) {
  assert.ok(expected, `${what}: there is nothing to compare with; load the page of ${PEER} first.`);
  for (const [name, values] of Object.entries(expected)) {
    assert.equal(outputs[name]?.length, values.length, `${what}: elements of ${name}`);
    // Written so that NaN counts as a difference.
    const at = values.findIndex((value, i) => !(Math.abs(outputs[name][i] - value) <= tolerance * Math.max(1, Math.abs(value))));
    assert.ok(at < 0, `${what}: ${name}[${at}] is ${outputs[name][at]}, expected ${values[at]} ± ${tolerance}`);
  }
}

function answered(page) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no first prediction within two minutes")), 120_000);
    const settle = (how) => (value) => (clearTimeout(timer), how(value));
    page.on("pageerror", settle(reject));
    page.on("console", (message) => {
      if (message.type() === "log" && message.text().startsWith("{")) settle(resolve)(JSON.parse(message.text()));
      else if (message.type() === "error") settle(reject)(new Error(message.text()));
    });
  });
}
