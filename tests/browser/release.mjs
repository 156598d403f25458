// Other versions of the loan-approval bundle, put on air by the static server of a spec: the file for pages as `src/bundle/page.rs`
// and `src/wire` describe it, written once more by hand.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bundleFolder, bundleJson, sha256 } from "./support.mjs";

const FOLDER = "/models/loan-approval/";

/**
 * Puts the packed version with `change` in its manifest on air. `pointer` replaces parts of what the channel says of it. Gives the bytes of
 * the file for pages.
 */
export function release(files, change, pointer = {}) {
  const [packed, channel] = [bundleJson("manifest.json"), bundleJson("channel.json")];
  const next = { ...packed, ...change };
  const page = repack(next);
  const names = { manifest: `manifest.${next.version}.json`, model: `plan.${next.version}.plan` };
  if (next.engine === "compiled") next.files = { ...next.files, plan: { path: names.model, sha256: sha256(page), bytes: page.length } };
  const body = JSON.stringify(next);
  files[`${FOLDER}${names.manifest}`] = { body };
  files[`${FOLDER}${names.model}`] = { body: page, type: "application/octet-stream" };
  const champion = { ...channel.champion, version: next.version, ...names, sha256: sha256(body), model_sha256: sha256(page), ...pointer };
  files[`${FOLDER}channel.json`] = { body: JSON.stringify({ ...channel, champion, previous: channel.champion }) };
  return page;
}

/** The file for pages of a manifest, with the packed plan. */
function repack(manifest) {
  const packed = readFileSync(join(bundleFolder, bundleJson("manifest.json").files.plan.path));
  const plan = packed.subarray(12 + packed.readUInt32LE(4) + packed.readUInt32LE(8));
  const { plan: _, build: __, ...files } = manifest.files;
  const json = Buffer.from(JSON.stringify({ ...manifest, files }));
  const own = fields(manifest);
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(json.length, 0);
  lengths.writeUInt32LE(own.length, 4);
  return Buffer.concat([Buffer.from("NSB\x01", "latin1"), lengths, json, own, plan]);
}

/** A manifest as its fields, one behind the other. */
export function fields(manifest) {
  const bytes = [];
  const whole = (number) => {
    for (; number >= 128; number = Math.floor(number / 128)) bytes.push((number % 128) | 128);
    bytes.push(number);
  };
  const float = (number) => bytes.push(...new Uint8Array(Float64Array.of(number).buffer));
  const text = (string) => (whole(Buffer.byteLength(string)), bytes.push(...Buffer.from(string)));
  const option = (put) => (value) => value == null ? bytes.push(0) : (bytes.push(1), put(value));
  const list = (put) => (items) => (whole(items.length), items.forEach(put));
  const one = (...names) => (name) => bytes.push(names.indexOf(name));

  const size = (size) => typeof size === "number" ? option(whole)(size) : (bytes.push(0), text(size));
  const element = one("float32", "float64", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool", "string");
  const port = ({ name, type, shape }) => (text(name), element(type), list(size)(shape));
  const value = (value) => {
    if (value === null) bytes.push(0);
    else if (typeof value === "boolean") bytes.push(1, Number(value));
    else if (typeof value === "number") bytes.push(2), float(value);
    else bytes.push(3), text(value);
  };
  const feature = (feature) => {
    text(feature.name);
    one("number", "integer", "category", "boolean", "text")(feature.kind);
    option(text)(feature.unit);
    option((range) => range.forEach(float))(feature.range);
    list(text)(feature.values);
    one("error", "median", "mean", "mode", "zero", "model")(feature.missing);
    option(text)(feature.note);
    list(float)(feature.bins);
    value(feature.example);
    option(({ input, column }) => (text(input), whole(column)))(feature.feeds);
  };

  whole(manifest.format);
  [manifest.name, manifest.version, manifest.canvas_digest, manifest.engine].forEach(text);
  option(text)(manifest.plan_sha256);
  const { task, roles, explanation, telemetry, budgets } = manifest;
  one("classification", "regression")(task.kind);
  text(task.target);
  list(text)(task.classes);
  option(text)(task.positive);
  list(port)(manifest.inputs);
  list(port)(manifest.outputs);
  [roles.label, roles.probabilities, roles.margin, roles.class, roles.score, roles.value].forEach(option(text));
  list(feature)(manifest.features);
  list(({ name, values }) => (text(name), list(text)(values)))(manifest.groups);
  list(({ at_least, action }) => (float(at_least), text(action)))(manifest.bands);
  list(text)(manifest.favourable);
  option(text)(manifest.fallback);
  option(({ method, base, reference, offsets }) => (text(method), float(base), list(float)(reference), list(float)(offsets)))(explanation);
  whole(telemetry.first_flush_ms);
  whole(telemetry.flush_ms);
  one("required", "not_required")(telemetry.consent);
  float(budgets.first_prediction_ms);
  option(float)(budgets.latency_p95_ms);
  list(({ name, unit, direction, goal }) => (text(name), option(text)(unit), one("increase", "decrease")(direction), option(float)(goal)))(manifest.business_metrics);
  return Buffer.from(bytes);
}
