// Reads what the peers without ONNX need of a file: nodes with their attributes, and initializers. No control flow, no
// external data, no strings: what the shared models hold.
import { readFields } from "../browser/onnx-tensors.mjs";

/** Field numbers of onnx.proto, by message. */
const MODEL_GRAPH = 7;
const GRAPH = { node: 1, initializer: 5, input: 11, output: 12, value: 13 };
const NODE = { input: 1, output: 2, op: 4, attribute: 5 };
const ATTRIBUTE = { name: 1, float: 2, int: 3, string: 4, tensor: 5, floats: 7, ints: 8, strings: 9 };
const TENSOR = { dims: 1, type: 2, floats: 4, int32s: 5, int64s: 7, name: 8, raw: 9 };
const FLOAT = 1, INT64 = 7;

/** `{ inputs, outputs, nodes: [{ op, inputs, outputs, attributes }], tensors: { name: { shape, data } } }`, numbers throughout. */
export function readOnnx(bytes) {
  const graph = message(one(message(bytes), MODEL_GRAPH));
  const nameOf = (value) => text(one(message(value), 1));
  return {
    inputs: all(graph, GRAPH.input).map(nameOf),
    outputs: all(graph, GRAPH.output).map(nameOf),
    nodes: all(graph, GRAPH.node).map((bytes) => node(message(bytes))),
    tensors: Object.fromEntries(all(graph, GRAPH.initializer).map((bytes) => tensor(message(bytes))).map((found) => [found.name, found])),
  };
}

/** A copy in which the first dimension of every input and output is left open, where the file says 1. */
export function withOpenBatch(bytes) {
  const copy = Buffer.from(bytes);
  const graph = message(one(message(copy), MODEL_GRAPH));
  for (const value of [GRAPH.input, GRAPH.output, GRAPH.value].flatMap((number) => all(graph, number))) {
    // ValueInfoProto.type.tensor_type.shape.dim[0]
    const [dimension] = all([2, 1, 2].reduce((fields, number) => message(one(fields, number)), message(value)), 1);
    // `dim_value: 1` gives way to `denotation: ""`, which says nothing and is as long.
    if (dimension?.length === 2 && dimension[0] === 0x08 && dimension[1] === 1) dimension.set([0x1a, 0]);
  }
  return copy;
}

function node(fields) {
  return {
    op: text(one(fields, NODE.op)),
    inputs: all(fields, NODE.input).map(text),
    outputs: all(fields, NODE.output).map(text),
    attributes: Object.fromEntries(all(fields, NODE.attribute).map((bytes) => attribute(message(bytes)))),
  };
}

/** A list wins over a single value: exporters write the one or the other. */
function attribute(fields) {
  const name = text(one(fields, ATTRIBUTE.name));
  if (fields.has(ATTRIBUTE.floats)) return [name, floats(fields, ATTRIBUTE.floats)];
  if (fields.has(ATTRIBUTE.ints)) return [name, ints(fields, ATTRIBUTE.ints)];
  if (fields.has(ATTRIBUTE.strings)) return [name, all(fields, ATTRIBUTE.strings).map(text)];
  if (fields.has(ATTRIBUTE.tensor)) return [name, tensor(message(one(fields, ATTRIBUTE.tensor)))];
  if (fields.has(ATTRIBUTE.string)) return [name, text(one(fields, ATTRIBUTE.string))];
  if (fields.has(ATTRIBUTE.float)) return [name, floats(fields, ATTRIBUTE.float)[0]];
  return [name, ints(fields, ATTRIBUTE.int)[0]];
}

function tensor(fields) {
  const name = fields.has(TENSOR.name) ? text(one(fields, TENSOR.name)) : "";
  const type = ints(fields, TENSOR.type)[0];
  const raw = one(fields, TENSOR.raw);
  let data;
  if (type === FLOAT) data = raw ? Array.from({ length: raw.length / 4 }, (_, i) => raw.readFloatLE(4 * i)) : floats(fields, TENSOR.floats);
  else if (type === INT64) data = raw ? Array.from({ length: raw.length / 8 }, (_, i) => Number(raw.readBigInt64LE(8 * i))) : ints(fields, TENSOR.int64s);
  else throw new Error(`onnx.mjs reads float32 and int64 tensors; "${name}" is of type ${type}.`);
  return { name, shape: ints(fields, TENSOR.dims), data };
}

/** The fields of a message: number → values in their order; a value is a number, four or eight bytes, or bytes. */
function message(bytes) {
  const fields = new Map();
  for (const [number, value] of readFields(bytes)) {
    const values = fields.get(number) ?? fields.set(number, []).get(number);
    values.push(typeof value === "bigint" ? Number(value) : value);
  }
  return fields;
}

const all = (fields, number) => fields.get(number) ?? [];
const one = (fields, number) => all(fields, number).at(-1);
const text = (bytes) => bytes.toString("utf8");

/** Repeated numbers, packed or one by one. */
function floats(fields, number) {
  return all(fields, number).flatMap((bytes) => Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i)));
}

function ints(fields, number) {
  return all(fields, number).flatMap((value) => (typeof value === "number" ? [value] : unpack(value)));
}

function unpack(bytes) {
  const found = [];
  let value = 0n, shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) found.push(Number(BigInt.asIntN(64, value))), (value = shift = 0n);
  }
  return found;
}
