// Runs in the page: both engines on one model, checked against each other, then timed in turn.
import { load, Session } from "/sdk/index.js";
import { env, InferenceSession, Tensor } from "/peer/ort.wasm.bundle.min.mjs";
import { encode } from "./encode.js";

env.wasm.numThreads = 1;
env.logLevel = "error";

const TOLERANCE = 1e-4;
/** So long is a sample, where one run is shorter: the page's clock ticks in tenths of a millisecond. */
const SAMPLE_MS = 10;
const WARM_UP = { ms: 1500, runs: 12 };

const TYPED = { float32: Float32Array, int64: BigInt64Array };

/** From a record to probabilities: the bundle against a page that encodes by hand. */
export async function openRecords({ bundle, model, features, classes, probabilities, records }) {
  const ours = await attempt(async () => {
    const loaded = await load(bundle, { worker: false });
    return {
      run: (i) => loaded.predict(records[i % records.length]),
      read: (prediction) => ({ probabilities: classes.map((name) => prediction.probabilities[name]) }),
      close: () => loaded.dispose(),
    };
  });
  const peer = await attempt(async () => {
    const session = await InferenceSession.create(model, { executionProviders: ["wasm"] });
    return {
      run: (i) => session.run(encode(Tensor, features, records[i % records.length])),
      read: (out) => ({ probabilities: out[probabilities].data }),
      close: () => session.release(),
    };
  });
  return subject(ours, peer, records.length);
}

/** From tensors to tensors: `inputs` is a list of what to run, each `{ name: { type, shape, data } }` with plain numbers. */
export async function openTensors({ model, inputs }) {
  const typed = inputs.map((feeds) => Object.entries(feeds).map(([name, { type, shape, data }]) => [name, { type, shape, data: TYPED[type].from(data, type === "int64" ? BigInt : Number) }]));
  const ours = await attempt(async () => {
    const session = await Session.create(model, { engine: "tract" });
    const ready = typed.map(Object.fromEntries);
    return { run: (i) => session.run(ready[i % ready.length]), read: datas, close: () => session.dispose() };
  });
  const peer = await attempt(async () => {
    const session = await InferenceSession.create(model, { executionProviders: ["wasm"] });
    const ready = typed.map((feeds) => Object.fromEntries(feeds.map(([name, { type, shape, data }]) => [name, new Tensor(type, data, shape)])));
    return { run: (i) => session.run(ready[i % ready.length]), read: datas, close: () => session.release() };
  });
  return subject(ours, peer, inputs.length);
}

const datas = (out) => Object.fromEntries(Object.entries(out).map(([name, { data }]) => [name, data]));

/** What `make` gives, or why there is nothing: the code of a refusal. */
async function attempt(make) {
  try {
    return await make();
  } catch (error) {
    return { refused: error.code ?? error.message ?? String(error) };
  }
}

async function subject(ours, peer, count) {
  for (const side of [ours, peer]) {
    if (side.run) Object.assign(side, await attempt(async () => ({ first: side.read(await side.run(0)) })));
  }
  const living = [ours, peer].filter(({ refused }) => refused === undefined);
  return {
    refused: [ours.refused ?? null, peer.refused ?? null],
    difference: living.length === 2 ? await difference(ours, peer, count) : null,
    measure: (pairs) => measure([ours, peer], pairs),
    close: () => [ours, peer].forEach((side) => side.close?.()),
  };
}

/** Where the engines disagree beyond the tolerance, in words; null when they agree on every input. */
async function difference(ours, peer, count) {
  for (let i = 0; i < count; i++) {
    const [mine, theirs] = [ours.read(await ours.run(i)), peer.read(await peer.run(i))];
    for (const [name, expected] of Object.entries(theirs)) {
      const got = mine[name];
      if (got?.length !== expected.length) return `input ${i}: ${name} has ${got?.length ?? "no"} elements, onnxruntime-web gives ${expected.length}`;
      for (let k = 0; k < expected.length; k++) {
        const [a, b] = [Number(got[k]), Number(expected[k])];
        // Written so that NaN on one side counts as a difference.
        if (!(Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b))) && !Object.is(a, b)) return `input ${i}: ${name}[${k}] is ${a}, onnxruntime-web gives ${b}`;
      }
    }
  }
  return null;
}

/** Milliseconds per run of each side, in turn A B A B; null for a side that refused. */
async function measure(sides, pairs) {
  const living = sides.filter(({ refused }) => refused === undefined);
  for (const side of living) await warmUp(side);
  for (const side of living) side.samples = [];
  for (let pair = 0; pair < pairs; pair++) {
    for (const side of living) {
      const started = performance.now();
      for (let k = 0; k < side.runs; k++) await side.run(pair + k);
      side.samples.push((performance.now() - started) / side.runs);
    }
  }
  return sides.map(({ samples, runs }) => (samples ? { samples, runs } : null));
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
