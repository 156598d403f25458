// The packed model is plain ONNX: another engine, onnxruntime, fed from the manifest alone, gives the golden predictions.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import * as ort from "onnxruntime-web";
import { bundleFolder, bundleJson, golden } from "../browser/support.mjs";

ort.env.wasm.numThreads = 1;
const manifest = bundleJson("manifest.json");
const { records, predictions, tolerance } = golden();

/** The tensor of one value, [1, 1], as the schema says: float32 with NaN for nothing, or the int64 index of a category with -1. */
function tensor(feature, value) {
  const missing = value === undefined || value === null;
  if (feature.kind === "category") {
    return new ort.Tensor("int64", BigInt64Array.of(BigInt(missing ? -1 : feature.values.indexOf(value))), [1, 1]);
  }
  return new ort.Tensor("float32", Float32Array.of(missing ? NaN : Number(value)), [1, 1]);
}

const feed = (record) => Object.fromEntries(manifest.features.map((feature) => [feature.name, tensor(feature, record[feature.name])]));

const near = (got, wanted, what) => assert.ok(Math.abs(got - wanted) <= 1e-5, `${what}: ${got} in onnxruntime, ${wanted} is golden`);

test("onnxruntime gives the golden predictions of the packed model", async () => {
  assert.ok(tolerance <= 1e-5 && records.length >= 20);
  const session = await ort.InferenceSession.create(readFileSync(join(bundleFolder, manifest.files.model.path)), { executionProviders: ["wasm"] });
  assert.deepEqual(session.inputNames, manifest.features.map(({ name }) => name));
  assert.deepEqual(session.outputNames, manifest.outputs.map(({ name }) => name));
  const { classes, positive } = manifest.task;
  for (const [row, record] of records.entries()) {
    const { label, probabilities, margin } = await session.run(feed(record));
    assert.deepEqual(probabilities.dims, [1, classes.length]);
    classes.forEach((name, place) => near(probabilities.data[place], predictions[row].probabilities[name], `row ${row}, ${name}`));
    near(1 / (1 + Math.exp(-margin.data[0])), probabilities.data[classes.indexOf(positive)], `row ${row}, the margin`);
    assert.equal(classes[Number(label.data[0])], predictions[row].label, `row ${row}`);
  }
  await session.release();
});

test("missing and unknown values go through the graph's own imputation", async () => {
  const session = await ort.InferenceSession.create(readFileSync(join(bundleFolder, manifest.files.model.path)), { executionProviders: ["wasm"] });
  const optional = manifest.features.filter(({ missing }) => missing !== "error");
  assert.ok(optional.some(({ kind }) => kind === "category") && optional.some(({ kind }) => kind === "number"));
  for (const { name } of optional) {
    const { probabilities } = await session.run(feed({ ...records[0], [name]: null }));
    const [no, yes] = probabilities.data;
    assert.ok(no > 0 && yes > 0 && Math.abs(no + yes - 1) < 1e-6, `${name}: ${no} and ${yes}`);
  }
  await session.release();
});
