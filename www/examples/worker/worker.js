// A Cloudflare Worker that answers POST /predict with the bundle that it serves as static assets.
//
//   curl https://…/predict -d '{ "record": { … }, "groups": { "sex": "female" } }'
import { load } from "nearside";

const BUNDLE = "/models/loan-approval/";
const FLUSH_MS = 30_000;

let model;
let flushedAt = Date.now();

export default {
  async fetch(request, env, context) {
    if (new URL(request.url).pathname !== "/predict") return problem(404, "There is only POST /predict.");
    if (request.method !== "POST") return problem(405, "Send the record with POST.");
    const body = await request.json().catch(() => undefined);
    if (typeof body?.record !== "object") return problem(400, 'Send JSON: { "record": { … }, "groups": { … } }.');

    try {
      model ??= await load(new URL(BUNDLE, request.url), {
        fetch: (url, init) => env.ASSETS.fetch(url, init),
        // The operator's own decision for this service; each visitor's signal is looked at below.
        consent: "granted",
        ...(env.COLLECTOR_URL && { collector: { url: env.COLLECTOR_URL, key: env.COLLECTOR_KEY } }),
      });
      // The visitor's browser may say that nothing about them is to be shared: they get their answer, and count nowhere.
      const count = request.headers.get("sec-gpc") !== "1";
      const prediction = await model.predict(body.record, { groups: body.groups, count });
      // Nothing runs between requests, so a request now and then carries the counters away.
      if (Date.now() - flushedAt > FLUSH_MS) {
        flushedAt = Date.now();
        context.waitUntil(model.flush());
      }
      return Response.json(prediction);
    } catch (error) {
      return problem(error.code === "invalid-record" ? 422 : 500, error.message);
    }
  },
};

function problem(status, detail) {
  return Response.json({ title: "No prediction", status, detail }, { status, headers: { "content-type": "application/problem+json" } });
}
