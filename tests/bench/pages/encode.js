/**
 * A complete record as onnxruntime-web's feeds: what a page has to write by hand for a model with one input per feature.
 * Uses nothing from outside, because its text is also put into a page that may fetch no further script.
 */
export function encode(Tensor, features, record) {
  const feeds = {};
  for (const { name, type, values } of features) {
    const value = record[name];
    const data = type === "int64" ? BigInt64Array.of(BigInt(values.indexOf(value))) : Float32Array.of(Number(value));
    feeds[name] = new Tensor(type, data, [1, 1]);
  }
  return feeds;
}
