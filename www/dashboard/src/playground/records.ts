/** Varied records from a bundle's own schema, the same ones for the same seed. */

import type { Feature, Fields, Manifest, Value } from "../types.js";

/** Uniform numbers in 0..1 (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The record that the bundle gives as its example. */
export function example(manifest: Manifest): Fields {
  return Object.fromEntries(manifest.features.map((feature) => [feature.name, exampleOf(feature)]));
}

/** A packed example is a value of the feature's kind, or null; a number went through 32 bits, which hold 7 digits. */
function exampleOf({ kind, example: packed }: Feature): Value {
  if (kind === "timestamp" && typeof packed === "number") return new Date(packed).toISOString();
  return typeof packed === "number" ? Number(packed.toPrecision(7)) : (packed as Value);
}

/** One value per group, drawn evenly. */
export function drawGroups(manifest: Manifest, random: () => number): Record<string, string> {
  return Object.fromEntries(manifest.groups.flatMap((group) => (group.values.length > 0 ? [[group.name, pick(group.values, random)]] : [])));
}

/** A record within the schema: numbers spread as the reference bins are, categories evenly. */
export function drawRecord(manifest: Manifest, random: () => number): Fields {
  return Object.fromEntries(manifest.features.map((feature) => [feature.name, draw(feature, random)]));
}

function draw(feature: Feature, random: () => number): Value {
  switch (feature.kind) {
    case "boolean":
      return random() < 0.5;
    case "category":
      return feature.values.length > 0 ? pick(feature.values, random) : exampleOf(feature);
    case "integer":
      return Math.round(between(feature, random));
    case "number":
      return Number(between(feature, random).toPrecision(4));
    case "timestamp": {
      const usual = typeof feature.example === "number" ? feature.example : 0;
      const [low, high] = feature.range ?? [-Infinity, Infinity];
      const ms = usual + (random() - 0.5) * 60 * 86_400_000;
      return new Date(Math.min(high, Math.max(low, Math.trunc(ms)))).toISOString();
    }
    case "text":
      return exampleOf(feature);
  }
}

/** Each reference bin is as likely as the next; the outer ones reach as far as their neighbours are wide, within the range. */
function between(feature: Feature, random: () => number): number {
  const edges = feature.bins;
  const first = edges[0];
  const last = edges.at(-1);
  if (first === undefined || last === undefined) {
    const [low, high] = feature.range ?? [0, 1];
    return low + random() * (high - low);
  }
  const [low, high] = feature.range ?? [-Infinity, Infinity];
  const left = Math.max(low, first - ((edges[1] ?? first) - first));
  const right = Math.min(high, last + (last - (edges.at(-2) ?? last)));
  const all = [left, ...edges, right];
  const bin = Math.min(all.length - 2, Math.floor(random() * (all.length - 1)));
  const from = all[bin] ?? left;
  return from + random() * ((all[bin + 1] ?? right) - from);
}

function pick(values: string[], random: () => number): string {
  return values[Math.floor(random() * values.length)] ?? "";
}
