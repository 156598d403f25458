// The models of the benches: the shared ones with their plans, and inputs for them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../browser/support.mjs";
import { target } from "./site.mjs";

/** Models for speed only, beside the checkout on machines that have them; they are never part of the repository. */
const folder = join(root, "../shared/bench");
const list = join(folder, "models.json");
const plans = join(target, "plans");
const nearside = process.env.NEARSIDE ?? join(root, "target/release/nearside");

/** `{ file, inputs: [{ name, dtype, shape }] }` by name; empty where there are none. */
export const shared = existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : {};

export const sharedBytes = (name) => readFileSync(join(folder, shared[name].file));

/**
 * The plan of a model: `{ bytes, deviation }`, the deviation being what `nearside compile` states: the most by which an output
 * is off what tract gives with the weights as they were. `{ refused }` for a model that has no plan. Kept until the
 * model or the binary is newer.
 */
export function planOf(name, weights) {
  return compile(join(folder, shared[name].file), name, weights);
}

/** The same for a model made here. */
export function planOfBytes(name, bytes, weights) {
  mkdirSync(plans, { recursive: true });
  const model = join(plans, `${name}.onnx`);
  if (!existsSync(model) || !readFileSync(model).equals(bytes)) writeFileSync(model, bytes);
  return compile(model, name, weights);
}

function compile(model, name, weights) {
  assert.ok(existsSync(nearside), `${nearside} is missing: run \`make build\`, or name the binary in NEARSIDE.`);
  const plan = join(plans, `${name}.${weights}.plan`);
  const report = `${plan}.json`;
  const fresh = (path) => existsSync(path) && [model, nearside].every((source) => statSync(path).mtimeMs > statSync(source).mtimeMs);
  if (!fresh(plan) || !fresh(report)) {
    mkdirSync(plans, { recursive: true });
    try {
      writeFileSync(report, execFileSync(nearside, ["compile", model, "-o", plan, "--weights", weights, "--json"], { stdio: ["ignore", "pipe", "pipe"] }));
    } catch (error) {
      // A status is the command's own no; without one it did not run.
      if (typeof error.status !== "number") throw error;
      return { refused: `no plan (${String(error.stderr).trim().split("\n")[0]})` };
    }
  }
  return { bytes: readFileSync(plan), deviation: JSON.parse(readFileSync(report, "utf8")).deviation.most };
}

/** Inputs made up from a fixed seed; several, so that no branch predictor learns the one way through a forest by heart. */
export function invented(inputs, count, rows = 1) {
  let state = 1;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Array.from({ length: count }, () => Object.fromEntries(inputs.map(({ name, dtype, shape: [, ...rest] }) => {
    const shape = [rows, ...rest];
    const length = shape.reduce((product, size) => product * size, 1);
    const element = dtype === "f32" ? () => Math.floor(1024 * next()) / 256 - 2 : /mask/.test(name) ? () => 1 : /type/.test(name) ? () => 0 : () => Math.floor(next() * 100);
    return [name, { type: dtype === "f32" ? "float32" : "int64", shape, data: Array.from({ length }, element) }];
  })));
}
