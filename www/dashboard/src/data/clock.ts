/** The time of the collector. Its windows are stamped by its own clock, and the viewer's may be hours off. */

/** The `Date` header counts whole seconds and travels; a smaller difference says nothing. */
const PRECISION_MS = 2000;

let ahead = 0;

/** Takes the time from an answer of the collector. */
export function hear(response: Response): void {
  const stamped = Date.parse(response.headers.get("date") ?? "");
  if (Number.isNaN(stamped)) return;
  const difference = stamped - Date.now();
  if (Math.abs(difference - ahead) > PRECISION_MS) ahead = difference;
}

/** Milliseconds since the epoch, by the collector's clock as far as it is known, else by the viewer's. */
export function now(): number {
  return Date.now() + ahead;
}
