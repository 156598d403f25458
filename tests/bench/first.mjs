// The cold page: one record answered as early as a page can, by either engine. Size, bytes and cold all load it.
import assert from "node:assert/strict";
import { bundleJson, golden } from "../browser/support.mjs";
import { encode } from "./pages/encode.js";

export const PEER = "onnxruntime-web";
export const SLOW = "slow-4g-4x-cpu";
export const manifest = bundleJson("manifest.json");

/** The engine that runs the bundle today. */
export const OURS = manifest.engine;

/** What an encoder of records has to know of each feature. */
export const features = manifest.features.map(({ name, values }) => ({ name, values, type: manifest.inputs.find((input) => input.name === name).type }));

/** Golden records in which nothing is missing: filling gaps is the kit's own work, and the peer's page has no code for it. */
export const complete = completeRecords();
const [{ record, expected }] = complete;

function completeRecords() {
  const { records, predictions } = golden();
  return records
    .map((record, i) => ({ record, expected: predictions[i].probabilities }))
    .filter(({ record }) => manifest.features.every(({ name }) => record[name] != null));
}

const page = (script) => `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>First prediction</title><link rel="icon" href="data:,">
<script type="module">
${script}
console.log(JSON.stringify({ answered_ms: performance.now(), probabilities }));
</script>
`;

/** The pages, by path. Neither has hints such as preload: what a page gets that follows the two projects' first examples. */
export const firstPages = {
  [`/${OURS}.html`]: page(`import { load } from "/sdk/index.js";
const model = await load("/models/loan-approval/", { worker: false });
const { probabilities } = await model.predict(${JSON.stringify(record)});`),
  [`/${PEER}.html`]: page(`import { env, InferenceSession, Tensor } from "/peer/ort.wasm.bundle.min.mjs";
${encode}
env.wasm.numThreads = 1;
const session = await InferenceSession.create("/models/loan-approval/${manifest.files.model.path}", { executionProviders: ["wasm"] });
const out = await session.run(encode(Tensor, ${JSON.stringify(features)}, ${JSON.stringify(record)}));
const probabilities = Object.fromEntries(${JSON.stringify(manifest.task.classes)}.map((name, i) => [name, out.${manifest.roles.probabilities}.data[i]]));`),
};

/**
 * Loads an engine's page in a fresh context, without a cache, and gives the milliseconds from navigation to its answer and the paths
 * that it had asked for by then. `network` is "plain" or SLOW. Fails when the answer is not the golden one.
 */
export async function firstPrediction(browser, site, engine, network = "plain") {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const cdp = await context.newCDPSession(page);
    await cdp.send("Network.enable");
    await cdp.send("Network.setCacheDisabled", { cacheDisabled: true });
    if (network === SLOW) {
      await cdp.send("Network.emulateNetworkConditions", { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 0.75e6 / 8 });
      await cdp.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    }
    site.served.length = 0;
    const [{ answered_ms, probabilities }] = await Promise.all([answered(page), page.goto(`${site.url}/${engine}.html`, { waitUntil: "commit" })]);
    const fetched = site.served.map((line) => line.replace(/^GET /, ""));
    for (const [name, value] of Object.entries(expected)) {
      assert.ok(Math.abs(probabilities[name] - value) <= 1e-4, `${engine}: the probability of "${name}" is ${probabilities[name]}, golden ${value}`);
    }
    return { answered_ms, fetched };
  } finally {
    await context.close();
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
