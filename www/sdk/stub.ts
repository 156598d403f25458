/*
 * The stub: a page carries it inline, ahead of everything that it loads, so that a visitor who leaves before any script
 * has arrived is counted too. `load()` and the beacon take over from it. It is built as a classic script of its own,
 * dist/stub.js, to be pasted or inlined by a build tool:
 *
 *   <script data-model="loan-approval" data-collector="https://collect.example.com" data-key="pub_…"
 *     data-consent="granted">…</script>
 *
 * `data-model` is the name in the manifest. Without `data-collector`, or without `data-consent="granted"`, or under Global
 * Privacy Control, it sends nothing and only keeps the page session for `load()`.
 */
{
  const { model = "", collector, key, consent } = document.currentScript!.dataset;
  const session = crypto.getRandomValues(new Uint8Array(8));
  const entry = {
    name: model,
    session: new BigUint64Array(session.buffer)[0]!,
    sent: 0,
    stop: () => removeEventListener("pagehide", leave),
  };
  const shared = globalThis as { [key: symbol]: unknown[] | undefined };
  (shared[Symbol.for("nearside.pages")] ||= []).push(entry);
  addEventListener("pagehide", leave);

  function leave(): void {
    const { globalPrivacyControl: denied } = navigator as { globalPrivacyControl?: boolean };
    if (!collector || consent !== "granted" || denied || entry.sent++) return;
    // A page frame as in frame.ts, of the stage "navigated".
    const [navigation] = performance.getEntriesByType("navigation") as (PerformanceNavigationTiming & { activationStart?: number })[];
    const name = new TextEncoder().encode(model);
    const bytes = [78, 83, 70, 1, 2, ...session, 0, 0, name.length, ...name, 0, 0, 0, 0, 0, 0, 0];
    let rest = Math.max(0, performance.now() - (navigation?.activationStart || 0));
    for (; rest >= 128; rest /= 128) bytes.push((rest % 128) | 128);
    bytes.push(rest);
    let crc = ~0;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 8; bit--; ) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
    }
    crc = ~crc;
    bytes.push(crc, crc >> 8, crc >> 16, crc >> 24);
    const query = key ? `?key=${encodeURIComponent(key)}` : "";
    const body = Uint8Array.from(bytes);
    const url = `${collector.replace(/\/+$/, "")}/v1/ingest/${session[0]}${query}`;
    fetch(url, { method: "POST", body, keepalive: true, credentials: "omit" }).catch(() => {});
  }
}
