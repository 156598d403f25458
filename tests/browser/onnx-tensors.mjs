// ONNX TensorProto files as the tensors of the SDK: reads what the ONNX backend tests keep beside each model.

const TYPES = {
  1: ["float32", Float32Array, 4], 2: ["uint8", Uint8Array, 5], 3: ["int8", Int8Array, 5], 4: ["uint16", Uint16Array, 5],
  5: ["int16", Int16Array, 5], 6: ["int32", Int32Array, 5], 7: ["int64", BigInt64Array, 7], 8: ["string", Array, 6],
  9: ["bool", Uint8Array, 5], 10: ["float16", Uint16Array, 5], 11: ["float64", Float64Array, 10],
  12: ["uint32", Uint32Array, 11], 13: ["uint64", BigUint64Array, 11],
};

/** Reads the bytes of one `.pb` file: `{ type, shape, data }`. */
export function readTensor(bytes) {
  // A Buffer is a view into a pool; its own slice() would be, too.
  const fields = readFields(new Uint8Array(bytes));
  const numbers = (field) => fields.filter(([number]) => number === field).flatMap(([, value]) => (value instanceof Uint8Array ? readVarints(value) : [value]));
  const shape = numbers(1).map(Number);
  const [type, Values, field] = TYPES[Number(numbers(2)[0])];
  const raw = fields.find(([number]) => number === 9)?.[1];
  if (type === "string") {
    const texts = fields.filter(([number]) => number === 6).map(([, value]) => new TextDecoder().decode(value));
    return { type, shape, data: texts };
  }
  if (raw?.length) return { type, shape, data: new Values(raw.slice().buffer) };
  const packed = fields.filter(([number]) => number === field).map(([, value]) => value);
  if (type === "float32" || type === "float64") {
    const whole = Buffer.concat(packed.filter((value) => value instanceof Uint8Array));
    return { type, shape, data: new Values(new Uint8Array(whole).buffer) };
  }
  const integers = packed.flatMap((value) => (value instanceof Uint8Array ? readVarints(value) : [value]));
  return { type, shape, data: Values.from(integers.map((value) => (type.endsWith("64") ? value : Number(BigInt.asIntN(32, value))))) };
}

/** A tensor as JSON can carry it into a page. */
export function portable({ type, shape, data }) {
  return { type, shape, data: Array.from(data, (value) => (typeof value === "bigint" ? String(value) : Number.isFinite(value) || typeof value === "string" ? value : String(value))) };
}

/** Says how an output differs from what it must be; nothing when it does not. */
export function difference(got, wanted, { rtol, atol }) {
  if (String(got.shape) !== String(wanted.shape)) return `shape [${got.shape}] where [${wanted.shape}] is wanted`;
  const half = wanted.type === "float16";
  if (got.type !== (half ? "float32" : wanted.type)) return `${got.type} where ${wanted.type} is wanted`;
  const floats = got.type.startsWith("float");
  for (let i = 0; i < wanted.data.length; i++) {
    const want = half ? fromHalf(Number(wanted.data[i])) : wanted.data[i];
    const [a, b] = floats ? [Number(got.data[i]), Number(want)] : [String(got.data[i]), String(want)];
    const near = floats ? a === b || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= atol + rtol * Math.abs(b) : a === b;
    if (!near) return `value ${i} is ${a} where ${b} is wanted`;
  }
  return undefined;
}

function fromHalf(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

/** The fields of a protobuf message in their order: `[number, value]`, a value being a BigInt or bytes. */
export function readFields(bytes) {
  const fields = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const number = key >> 3;
    switch (key & 7) {
      case 0: fields.push([number, BigInt.asIntN(64, varint())]); break;
      case 1: fields.push([number, bytes.slice(at, (at += 8))]); break;
      case 2: { const length = Number(varint()); fields.push([number, bytes.slice(at, (at += length))]); break; }
      case 5: fields.push([number, bytes.slice(at, (at += 4))]); break;
      default: throw new Error(`a field of wire type ${key & 7}`);
    }
  }
  return fields;
}

function readVarints(bytes) {
  const values = [];
  let value = 0n, shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) (values.push(BigInt.asIntN(64, value)), (value = 0n), (shift = 0n));
  }
  return values;
}
