import type { Manifest, RawRecord } from "./types.js";

/** A day in ISO 8601, alone or with a time and a zone: the forms that the command line reads, too. */
const MOMENT = /^(\d{4}-\d\d-\d\d)(?:[T ]((?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?)(Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?)?$/;

/** The milliseconds since 1970 UTC of a date, or of a text that says one; anything else stays what it is. */
export function moment(value: RawRecord[string]): Exclude<RawRecord[string], Date> {
  if (value instanceof Date) return value.getTime();
  const parts = typeof value === "string" ? MOMENT.exec(value.trim()) : null;
  if (!parts) return value as string;
  const [, day, time = "00:00", zone = "Z"] = parts;
  // A day that the month does not have would become one of the next month.
  const midnight = new Date(`${day}T00:00Z`);
  if (Number.isNaN(midnight.getTime()) || !midnight.toISOString().startsWith(day!)) return value as string;
  return Date.parse(`${day}T${time}${zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone}`);
}

/** The record as the runtime reads it: timestamps in milliseconds. */
export function inNumbers(record: RawRecord, { features }: Manifest): RawRecord {
  const moments = features.filter(({ kind }) => kind === "timestamp");
  // What is no record is left to the runtime, which says so.
  if (!moments.length || record === null || typeof record !== "object" || Array.isArray(record)) return record;
  const read = { ...record };
  for (const { name } of moments) if (name in read) read[name] = moment(read[name]);
  return read;
}
