// Steady state: how long one run takes in a page that has been at it for a while.
import { existsSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { root } from "../browser/support.mjs";
import { complete, features, manifest, OURS, PEER } from "./first.mjs";
import { say } from "./rows.mjs";
import { mount } from "./site.mjs";

/** Models for speed only, beside the checkout on machines that have them; they are never part of the repository. */
const shared = join(root, "../shared/bench");
const PAIRS = 40;
const INPUTS = 8;

/** What the page runs, and the shared models. */
export function steadyFiles() {
  const names = ["steady.js", "encode.js"];
  return {
    ...mount("/pages/", join(root, "tests/bench/pages"), names),
    "/steady.html": '<!doctype html><meta charset="utf-8"><title>Steady state</title><link rel="icon" href="data:,">',
    ...mount("/shared/", shared, Object.values(sharedModels()).map(({ file }) => file)),
  };
}

function sharedModels() {
  const list = join(shared, "models.json");
  return existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : {};
}

/** Runs every model on both engines: `{ model, samples, refused, load }[]`, samples by engine in milliseconds per run. */
export async function steady(browser, site) {
  const model = `/models/loan-approval/${manifest.files.model.path}`;
  const records = complete.map(({ record }) => record);
  const subjects = [
    { model: "loan-approval", engine: OURS, open: "openRecords", given: { bundle: "/models/loan-approval/", model, features, records, classes: manifest.task.classes, probabilities: manifest.roles.probabilities } },
    { model: "loan-approval-tensors", engine: "tract", open: "openTensors", given: { model, inputs: records.slice(0, INPUTS).map(recordTensors) } },
    ...Object.entries(sharedModels()).map(([name, { file, inputs }]) => ({ model: name, engine: "tract", open: "openTensors", given: { model: `/shared/${file}`, inputs: invented(inputs) } })),
  ];
  if (subjects.length === 2) say("steady: THERE ARE NO SHARED MODELS beside this checkout (../shared/bench/models.json), so only loan-approval is timed.");
  const results = [];
  for (const subject of subjects) results.push(await run(browser, site, subject));
  return results;
}

/** One model in a page of its own, so that none inherits another's heap. */
async function run(browser, site, { model, engine, open, given }) {
  const page = await browser.newPage();
  try {
    await page.goto(`${site.url}/steady.html`);
    const { refused, difference } = await page.evaluate(async ([open, given]) => {
      const bench = await import("/pages/steady.js");
      const { refused, difference } = (globalThis.subject = await bench[open](given));
      return { refused, difference };
    }, [open, given]);
    const result = { model, samples: { [engine]: null, [PEER]: null }, refused: { [engine]: refused[0], [PEER]: refused[1] } };
    // What answers wrongly is not timed.
    if (difference) return { ...result, wrong: difference };
    const measured = await page.evaluate((pairs) => globalThis.subject.measure(pairs), PAIRS);
    [engine, PEER].forEach((name, i) => (result.samples[name] = measured[i]?.samples ?? null));
    return { ...result, load: loadavg()[0] };
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

/** Inputs made up from a fixed seed; several, so that no branch predictor learns the one way through a forest by heart. */
function invented(inputs) {
  let state = 1;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Array.from({ length: INPUTS }, () => Object.fromEntries(inputs.map(({ name, dtype, shape }) => {
    const length = shape.reduce((product, size) => product * size, 1);
    const element = dtype === "f32" ? () => 4 * next() - 2 : /mask/.test(name) ? () => 1 : /type/.test(name) ? () => 0 : () => Math.floor(next() * 100);
    return [name, { type: dtype === "f32" ? "float32" : "int64", shape, data: Array.from({ length }, element) }];
  })));
}
