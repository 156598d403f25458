// TensorFlow.js reads no ONNX: here its models are built by its own API, with the weights of the file.
// The page gets one script, bundled and minified of core and WebAssembly backend with only the operators in use, which is
// the leanest that the project offers; its layers and converter packages would come on top.
import { join } from "node:path";
import { rolldown } from "rolldown";
import { root } from "../browser/support.mjs";
import { mount } from "./site.mjs";

/** The runtime and the script. */
export async function tfjsFiles() {
  const bundle = await rolldown({ input: join(root, "tests/bench/pages/tfjs.js"), platform: "browser", logLevel: "silent" });
  try {
    const { output: [{ code }] } = await bundle.generate({ format: "es", minify: true, codeSplitting: false });
    return { "/tfjs/tfjs.js": code, ...mount("/tfjs/", join(root, "node_modules/@tensorflow/tfjs-backend-wasm/dist"), ["tfjs-backend-wasm-simd.wasm"]) };
  } finally {
    await bundle.close();
  }
}

/**
 * `{ spec, weights }` of a chain of layers, for `open` of pages/tfjs.js; null for any other graph. A graph that ends in two
 * classes with their probabilities begins with `after`, the value that a page computes by itself.
 */
export function tfjsModel({ inputs, outputs, nodes, tensors }, after) {
  const blobs = [];
  const keep = (shape, data) => {
    const at = blobs.reduce((sum, { length }) => sum + length, 0);
    blobs.push(Float32Array.from(data));
    return { at, shape };
  };
  const layers = [];
  let channels = 1, flattened = 1;
  for (const { op, inputs: names, attributes } of after ? nodes.slice(nodes.findIndex(({ outputs }) => outputs.includes(after)) + 1) : nodes) {
    const given = names.map((name) => tensors[name]);
    const last = layers.at(-1);
    if (op === "Gemm" && attributes.transB && attributes.alpha === 1 && attributes.beta === 1) {
      layers.push({ kind: "dense", weights: dense(given[1], flattened, keep), bias: keep(given[2].shape, given[2].data) });
      flattened = 1;
    } else if (op === "MatMul" && given[1]) layers.push({ kind: "dense", weights: keep(given[1].shape, given[1].data) });
    else if (op === "Add" && given[1] && last?.kind === "dense") last.bias = keep([given[1].data.length], given[1].data);
    else if (op === "Relu" && last) last.activation = "relu";
    else if (op === "Softmax") layers.push({ kind: "softmax" });
    else if (op === "Sigmoid") return made([...layers, { kind: "sigmoid" }], { probabilities: "probabilities", classes: "complement" });
    else if (op === "Conv" && same(attributes)) layers.push({ kind: "conv", filter: filter(given[1], keep), bias: keep(given[2].shape, given[2].data) }), ([channels] = given[1].shape);
    else if (op === "MaxPool") layers.push({ kind: "pool", size: attributes.kernel_shape, strides: attributes.strides });
    else if (op === "Flatten") layers.push({ kind: "flatten" }), (flattened = channels);
    else if (op === "Scaler") layers.push({ kind: "scale", offset: keep([attributes.offset.length], attributes.offset), scale: keep([attributes.scale.length], attributes.scale) });
    else if (op === "LinearClassifier" && attributes.post_transform === "LOGISTIC") {
      const [count, width] = [attributes.intercepts.length, attributes.coefficients.length / attributes.intercepts.length];
      const weights = keep([width, count], transposed(attributes.coefficients, count, width));
      return made([...layers, { kind: "dense", weights, bias: keep([count], attributes.intercepts) }, { kind: "sigmoid" }], { probabilities: outputs[1], classes: "all" });
    } else return null;
  }
  return made(layers, { probabilities: outputs[0], classes: null });

  function made(layers, result) {
    return { spec: { input: after ?? inputs[0], layers, result }, weights: Buffer.concat(blobs.map(({ buffer }) => Buffer.from(buffer))) };
  }
}

const same = ({ group, strides, dilations, kernel_shape: [size], pads }) => group === 1 && [...strides, ...dilations].every((step) => step === 1) && pads.every((pad) => pad === (size - 1) / 2);

/** [out, in] as [in, out]. The inputs after a flattened image of many channels are put from channels-first into channels-last order. */
function dense({ shape: [count, width], data }, channels, keep) {
  const area = width / channels;
  const reordered = Array.from({ length: width * count }, (_, i) => {
    const [from, out] = [Math.floor(i / count), i % count];
    return data[out * width + (from % channels) * area + Math.floor(from / channels)];
  });
  return keep([width, count], reordered);
}

function transposed(data, rows, columns) {
  return Array.from({ length: rows * columns }, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]);
}

/** [out, in, height, width] as [height, width, in, out]. */
function filter({ shape: [out, inner, height, width], data }, keep) {
  const moved = [];
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) for (let i = 0; i < inner; i++) for (let o = 0; o < out; o++) moved.push(data[((o * inner + i) * height + y) * width + x]);
  return keep([height, width, inner, out], moved);
}
