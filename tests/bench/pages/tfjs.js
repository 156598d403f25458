// Runs in the page, bundled with TensorFlow.js: a chain of layers by the core API, on the WebAssembly backend.
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { fused, maxPool, mul, ready, reshape, setBackend, sigmoid, softmax, sub, tensor, tidy } from "@tensorflow/tfjs-core";

/** Downloads and starts the runtime. */
export async function start() {
  setWasmPaths("/tfjs/");
  setThreadsCount(1);
  if (!(await setBackend("wasm"))) throw new Error("the WebAssembly backend of TensorFlow.js did not start");
  await ready();
}

/** The model of `spec` with its weights in an ArrayBuffer: float32 arrays by input name in, arrays by output name out. */
export function open({ input, layers, result }, weights) {
  const all = new Float32Array(weights);
  const kept = [];
  const load = ({ at, shape }) => {
    const made = tensor(all.subarray(at, at + shape.reduce((product, size) => product * size, 1)), shape);
    kept.push(made);
    return made;
  };
  const steps = layers.map((layer) => STEPS[layer.kind](layer, load));
  const image = layers[0].kind === "conv";
  return {
    run(feeds, rows) {
      const data = feeds[input];
      // One channel: channels first and channels last are the same bytes.
      const side = Math.sqrt(data.length / rows);
      const out = tidy(() => steps.reduce((value, step) => step(value), tensor(data, image ? [rows, side, side, 1] : [rows, data.length / rows], "float32")));
      const found = out.dataSync();
      out.dispose();
      return named(found, rows, result);
    },
    close: () => kept.forEach((one) => one.dispose()),
  };
}

const STEPS = {
  dense({ weights, bias, activation }, load) {
    const [b, loadedBias] = [load(weights), bias && load(bias)];
    return (a) => fused.matMul({ a, b, bias: loadedBias, activation });
  },
  conv({ filter, bias, activation }, load) {
    const [loaded, loadedBias] = [load(filter), load(bias)];
    return (x) => fused.conv2d({ x, filter: loaded, strides: 1, pad: "same", bias: loadedBias, activation });
  },
  scale({ offset, scale }, load) {
    const [from, by] = [load(offset), load(scale)];
    return (x) => mul(sub(x, from), by);
  },
  pool: ({ size, strides }) => (x) => maxPool(x, size, strides, "valid"),
  flatten: () => (x) => reshape(x, [x.shape[0], -1]),
  softmax: () => softmax,
  sigmoid: () => sigmoid,
};

/** Probabilities with the label that a page would read off them; "complement" is a single column, the second class. */
function named(found, rows, { probabilities, classes }) {
  if (classes === null) return { [probabilities]: found };
  const both = classes === "all" ? found : new Float32Array(2 * rows);
  const label = new BigInt64Array(rows);
  for (let row = 0; row < rows; row++) {
    if (classes === "complement") (both[2 * row] = 1 - found[row]), (both[2 * row + 1] = found[row]);
    if (both[2 * row + 1] > both[2 * row]) label[row] = 1n;
  }
  return { label, [probabilities]: both };
}
