// Runs in the page: the engines on one model, checked against onnxruntime-web, then timed in turn.
import { creators, ENGINES, peer, sdk } from "./engines.js";
import { encode } from "./encode.js";

const PEER = "onnxruntime-web";
const TOLERANCE = 1e-4;
/** So long is a sample, where one run is shorter: the page's clock ticks in tenths of a millisecond. */
const SAMPLE_MS = 10;
/** So many models of one engine are open at once, at most. */
const CREATED_AT_ONCE = 50;
const WARM_UP = { ms: 1000, runs: 12 };

/** From a record to probabilities: the bundle against pages that encode by hand. */
export async function openRecords({ bundle, model, javascript, features, classes, probabilities, records }) {
  const { load } = await sdk();
  const { InferenceSession, Tensor } = await peer();
  const { predict } = await import(javascript);
  // What generated code takes is the array of a tensor.
  const bare = class { constructor(_, data) { return data; } };
  const record = (i) => records[i % records.length];
  return subject({
    compiled: async () => {
      const loaded = await load(bundle, { worker: false });
      return { run: (i) => loaded.predict(record(i)), read: (prediction) => ({ [probabilities]: classes.map((name) => prediction.probabilities[name]) }), close: () => loaded.dispose() };
    },
    [PEER]: async () => {
      const session = await InferenceSession.create(model, { executionProviders: ["wasm"] });
      return { run: (i) => session.run(encode(Tensor, features, record(i))), read: (out) => ({ [probabilities]: out[probabilities].data }), close: () => session.release() };
    },
    javascript: () => ({ run: (i) => predict(encode(bare, features, record(i)), 1), read: (out) => ({ [probabilities]: out[probabilities] }), close() {} }),
  }, records.length);
}

/** From tensors to tensors, on every engine that has the model. */
export async function openTensors(given) {
  return subject(await creators(given), given.inputs.length);
}

/** What one prediction costs that is counted and sent, counted only, and not counted. */
export async function openTelemetry({ bundle, collector, records }) {
  const { load } = await sdk();
  const record = (i) => records[i % records.length];
  const side = (options, more) => async () => {
    const loaded = await load(bundle, { worker: false, ...options });
    return { run: (i) => loaded.predict(record(i), more), read: ({ probabilities }) => ({ probabilities: Object.values(probabilities) }), close: () => loaded.dispose() };
  };
  return subject({ sent: side({ collector: { url: collector }, consent: "granted" }), counted: side({}), uncounted: side({}, { count: false }) }, records.length, "uncounted");
}

/** What `make` gives, or why there is nothing: the code of a refusal. */
async function attempt(make) {
  try {
    return await make();
  } catch (error) {
    return { refused: error.code ?? error.message ?? String(error) };
  }
}

async function subject(makers, count, reference = PEER) {
  const sides = {};
  for (const [engine, make] of Object.entries(makers)) {
    const side = await attempt(make);
    // Some engines refuse only when they run.
    if (side.run) Object.assign(side, await attempt(async () => void side.read(await side.run(0))));
    sides[engine] = side;
  }
  for (const [engine, side] of Object.entries(sides)) {
    if (engine !== reference && side.refused === undefined && sides[reference].refused === undefined) side.difference = await difference(side, sides[reference], count, reference);
  }
  const pick = (key) => Object.fromEntries(Object.entries(sides).flatMap(([engine, side]) => (side[key] ? [[engine, side[key]]] : [])));
  return {
    refused: pick("refused"),
    differences: pick("difference"),
    measure: (pairs) => measure(sides, pairs),
  };
}

/** Where the engines disagree beyond the tolerance, in words; null when they agree on every input. */
async function difference(mine, theirs, count, reference) {
  for (let i = 0; i < count; i++) {
    const [got, expected] = [mine.read(await mine.run(i)), theirs.read(await theirs.run(i))];
    for (const [name, values] of Object.entries(expected)) {
      if (got[name]?.length !== values.length) return `input ${i}: ${name} has ${got[name]?.length ?? "no"} elements, ${reference} gives ${values.length}`;
      for (let k = 0; k < values.length; k++) {
        const [a, b] = [Number(got[name][k]), Number(values[k])];
        // Written so that NaN on one side counts as a difference.
        if (!(Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b))) && !Object.is(a, b)) return `input ${i}: ${name}[${k}] is ${a}, ${reference} gives ${b}`;
      }
    }
  }
  return null;
}

/** Milliseconds per run of each engine, in turn A B A B; what refused or answered wrongly is not there. */
async function measure(sides, pairs) {
  const living = Object.entries(sides).filter(([, { refused, difference }]) => refused === undefined && !difference);
  for (const [, side] of living) await warmUp(side);
  const samples = Object.fromEntries(living.map(([engine]) => [engine, []]));
  for (let pair = 0; pair < pairs; pair++) {
    for (const [engine, side] of living) {
      const started = performance.now();
      for (let k = 0; k < side.runs; k++) await side.run(pair + k);
      samples[engine].push((performance.now() - started) / side.runs);
    }
  }
  return samples;
}

/** Until the browser has compiled what is hot; what a run costs by then decides how many make a sample. */
async function warmUp(side) {
  const started = performance.now();
  let runs = 0, cost = Infinity;
  while (runs < WARM_UP.runs || performance.now() - started < WARM_UP.ms) {
    const block = Math.max(1, Math.min(1024, Math.ceil(SAMPLE_MS / cost / 2)));
    const from = performance.now();
    for (let k = 0; k < block; k++) await side.run(runs++);
    cost = Math.max(1e-3, (performance.now() - from) / block);
  }
  side.runs = Math.max(1, Math.ceil(SAMPLE_MS / cost));
}

/** Milliseconds from bytes to a model that is ready to run, in turn, the runtimes being there. Stops early at `limit_ms`, after `least`. */
export async function create(given, { runs, least, limit_ms }) {
  const makers = await creators(given, ENGINES.filter((engine) => engine !== "javascript"));
  const [samples, refused, counts] = [{}, {}, {}];
  const started = performance.now();
  // The first of each pays for the runtime; the second tells how many make a sample.
  for (let run = -2; run < runs && (run < least || performance.now() - started < limit_ms); run++) {
    for (const [engine, make] of Object.entries(makers)) {
      if (refused[engine]) continue;
      const sides = [];
      const from = performance.now();
      for (let k = 0; k < (counts[engine] ?? 1); k++) sides.push(await attempt(make));
      const took = (performance.now() - from) / sides.length;
      for (const side of sides) side.close?.();
      if (sides[0].refused !== undefined) refused[engine] = sides[0].refused;
      else if (run >= 0) (samples[engine] ??= []).push(took);
      else counts[engine] = run < -1 ? 1 : Math.min(CREATED_AT_ONCE, Math.ceil(SAMPLE_MS / Math.max(took, 0.1)));
    }
  }
  return { samples, refused };
}

/** Opens the model with one engine alone and runs it. */
export async function useOne(given, engine, runs) {
  const side = await attempt((await creators(given, [engine]))[engine]);
  if (side.refused !== undefined) return side.refused;
  for (let i = 0; i < runs; i++) await side.run(i);
  globalThis.kept = side;
  return null;
}
