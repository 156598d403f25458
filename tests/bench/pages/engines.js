// Runs in the page: the same model opened by each engine. A side is `{ run(i), read(out), close() }`, where `run` may give
// a promise and `read` gives typed arrays by output name.
// `given`: { model, plan, javascript, tfjs: { spec, weights }, rows, inputs: [{ name: { type, shape, data } }] }, files by
// their address. An engine without its file does not run the model.

const TYPED = { float32: Float32Array, int64: BigInt64Array };

/** The engines in the order in which they take turns. */
export const ENGINES = ["compiled", "tract", "onnxruntime-web", "tfjs", "javascript"];

const loaded = new Map();

/** Each engine's own script, fetched once and only where it is used; its runtime starts here where it can. */
function library(name, load) {
  if (!loaded.has(name)) loaded.set(name, load());
  return loaded.get(name);
}

export const sdk = () => library("sdk", () => import("/sdk/index.js"));

export const peer = () => library("peer", async () => {
  const ort = await import("/peer/ort.wasm.bundle.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return ort;
});

const tfjs = () => library("tfjs", async () => {
  const library = await import("/tfjs/tfjs.js");
  await library.start();
  return library;
});

const bytesOf = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());

/** By engine: what it needs of `given`, and how it is made ready. `create` takes the bytes of what it needs. */
const MAKERS = {
  compiled: { needs: ({ plan }) => plan, async maker() { return nearside((await sdk()).Session, {}); } },
  tract: { needs: ({ model }) => model, async maker() { return nearside((await sdk()).Session, { engine: "tract" }); } },
  "onnxruntime-web": {
    needs: ({ model }) => model,
    async maker() {
      const { InferenceSession, Tensor } = await peer();
      return async (bytes, { inputs }) => {
        const session = await InferenceSession.create(bytes, { executionProviders: ["wasm"] });
        const ready = inputs.map((feeds) => mapped(feeds, ({ type, shape, data }) => new Tensor(type, data, shape)));
        return { run: (i) => session.run(ready[i % ready.length]), read: datas, close: () => session.release() };
      };
    },
  },
  tfjs: {
    needs: ({ tfjs }) => tfjs?.weights,
    async maker() {
      const { open } = await tfjs();
      return (bytes, { inputs, rows, tfjs: { spec } }) => {
        const model = open(spec, bytes.buffer);
        const ready = inputs.map((feeds) => mapped(feeds, ({ data }) => data));
        return { run: (i) => model.run(ready[i % ready.length], rows), read: (out) => out, close: model.close };
      };
    },
  },
  javascript: {
    needs: ({ javascript }) => javascript,
    async maker() {
      return async (_, { inputs, rows, javascript }) => {
        const { predict } = await import(javascript);
        const ready = inputs.map((feeds) => mapped(feeds, ({ data }) => data));
        return { run: (i) => predict(ready[i % ready.length], rows), read: (out) => out, close() {} };
      };
    },
  },
};

const mapped = (feeds, change) => Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, change(tensor)]));
const datas = (out) => mapped(out, ({ data }) => data);

function nearside(Session, options) {
  return async (bytes, { inputs }) => {
    const session = await Session.create(bytes, options);
    return { run: (i) => session.run(inputs[i % inputs.length]), read: datas, close: () => session.dispose() };
  };
}

/** The engines that have what they need, each with `create()`, which opens the model from bytes that are there already. */
export async function creators(given, engines = ENGINES) {
  const inputs = given.inputs.map((feeds) => mapped(feeds, ({ type, shape, data }) => ({ type, shape, data: TYPED[type].from(data, type === "int64" ? BigInt : Number) })));
  const made = {};
  for (const engine of engines) {
    const file = MAKERS[engine].needs(given);
    if (!file) continue;
    const [create, bytes] = [await MAKERS[engine].maker(), await bytesOf(file)];
    made[engine] = () => create(bytes, { ...given, inputs });
  }
  return made;
}
