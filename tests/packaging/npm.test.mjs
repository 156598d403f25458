// Packs the npm package, installs it the way users do, and compares its predictions with the golden ones: in a page
// built by Vite, in Node, and in workerd.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import test, { after, before } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Miniflare } from "miniflare";
import { rolldown } from "rolldown";
import { assertGolden, bundleFolder, bundleJson, eventually, golden, launch, requireBuild, root, serve } from "../browser/support.mjs";

requireBuild();
const { records, predictions } = golden();
const manifest = bundleJson("manifest.json");
const groups = records.map((_, i) => Object.fromEntries(manifest.groups.map(({ name, values }) => [name, values[i % values.length]])));
const run = promisify(execFile);
const temp = mkdtempSync(join(tmpdir(), "nearside-packaging-"));
const app = join(temp, "app");
let listed;

before(async () => {
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", temp], { cwd: root });
  const [packed] = JSON.parse(stdout);
  listed = packed.files.map(({ path }) => path);
  mkdirSync(app);
  writeFileSync(join(app, "package.json"), JSON.stringify({ name: "app", version: "1.0.0", private: true, type: "module" }));
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", join(temp, packed.filename)], { cwd: app });
});
after(() => rmSync(temp, { recursive: true, force: true }));

test("the tarball holds the built package and nothing else", () => {
  const inside = listed.filter((path) => path.startsWith("www/sdk/dist/"));
  const outside = listed.filter((path) => !inside.includes(path));
  const known = /^(package\.json|(www\/sdk\/)?README\.md|LICENSE[\w-]*)$/;
  assert.deepEqual(outside.filter((path) => !known.test(path)), []);
  for (const name of ["index.js", "index.d.ts", "node.js", "workerd.js", "slim.js", "beacon.js", "explain.js", "worker-entry.js", "stub.js", "nearside.js", "nearside.d.ts", "nearside.wasm", "nearside-full.wasm", "nearside-canvas.wasm", "nearside-canvas.js"]) {
    assert.ok(inside.includes(`www/sdk/dist/${name}`), `${name} is in the tarball`);
  }
  const strange = inside.filter((path) => !/\.(js|d\.ts|wasm)$/.test(path));
  assert.deepEqual(strange, [], "no sources, no maps, no ignore files");
});

test("every path that package.json names is in the tarball, and there is nothing to install", () => {
  const { exports, types, dependencies, scripts } = JSON.parse(readFileSync(join(app, "node_modules/nearside/package.json"), "utf8"));
  const named = [types, ...Object.values(exports).flatMap((entry) => (typeof entry === "string" ? entry : Object.values(entry)))];
  for (const path of named) assert.ok(listed.includes(path.replace("./", "")), path);
  assert.equal(dependencies, undefined);
  assert.deepEqual(Object.keys(scripts ?? {}).filter((name) => /install|prepare/.test(name)), []);
  assert.deepEqual(readdirSync(join(app, "node_modules")).filter((name) => !name.startsWith(".")), ["nearside"]);
});

test("no browser file imports from Node", () => {
  const dist = join(app, "node_modules/nearside/www/sdk/dist");
  const importing = readdirSync(dist).filter((name) => name.endsWith(".js") && /["']node:/.test(readFileSync(join(dist, name), "utf8")));
  assert.deepEqual(importing, ["node.js"]);
});

test("what a page fetches for its first prediction is one script", () => {
  const dist = join(app, "node_modules/nearside/www/sdk/dist");
  for (const name of ["index.js", "slim.js", "beacon.js", "worker-entry.js", "stub.js"]) {
    const text = readFileSync(join(dist, name), "utf8");
    assert.doesNotMatch(text, /\bimport\s*[{*"'`]|\bfrom\s*["'`]\.|export\s*\*/, `${name} imports nothing`);
    for (const [, needed] of text.matchAll(/\bimport\([`"']\.\/([\w.-]+)[`"']\)/g)) assert.ok(existsSync(join(dist, needed)), `${name} may ask for ${needed}`);
  }
});

test("a twin that does not fit the glue of its plain build ends the build, and says what differs", async () => {
  const [wasm, out] = [join(temp, "wasm"), join(temp, "twins")];
  const put = (folder, from) => {
    mkdirSync(join(wasm, folder), { recursive: true });
    cpSync(join(root, "www/sdk/dist", from), join(wasm, folder, "nearside_bg.wasm"));
    if (!folder.endsWith("-relaxed")) cpSync(join(root, "target/wasm", folder, "nearside.js"), join(wasm, folder, "nearside.js"));
  };
  put("small", "nearside.wasm");
  put("full", "nearside-full.wasm");
  put("canvas", "nearside-canvas.wasm");
  put("small-relaxed", "nearside.wasm");
  put("full-relaxed", "nearside-full.wasm");
  const build = () => run(process.execPath, [join(root, "www/sdk/build.mjs"), wasm, out]);
  await build();
  assert.match(readFileSync(join(out, "assets.js"), "utf8"), /nearside\.relaxed\.wasm.*nearside-full\.relaxed\.wasm/);
  put("full-relaxed", "nearside.wasm");
  const error = await build().then(() => assert.fail("it was built"), (error) => error);
  assert.equal(error.code, 1);
  assert.match(error.stderr, /full-relaxed is not a twin of full/);
  assert.match(error.stderr, /only full: export full_runtime \(function\)/);
  assert.match(error.stderr, /make wasm WASM_PROFILE=wasm/);
});

test("the types compile in a strict project, with and without a bundler", async () => {
  const source = `
import { load, Session, verify, NearsideError, type Model, type Prediction, type Tensor } from "nearside";
import { reasons, type Reason } from "nearside/explain";
import { beacon } from "nearside/beacon";
import { load as slim } from "nearside/slim";
import { create } from "nearside/nearside.js";

export async function all(signal: AbortSignal): Promise<Prediction> {
  beacon({ model: "loan-approval", collector: { url: "https://c.example", key: "pub" }, consent: "ask" });
  const model: Model = await load("/m/", { collector: { url: "https://c.example" }, consent: "granted", worker: "auto", signal, onProgress: ({ phase, loaded, total }) => void [phase, loaded, total] });
  model.addEventListener("update", ({ detail }) => detail.from satisfies string);
  model.addEventListener("error", ({ detail }) => detail.code satisfies string);
  model.addEventListener("alert", ({ detail }) => detail.words satisfies string[]);
  (await model.canvas()).blocks.map(({ title, state }) => [title, state satisfies "grey" | "good" | "warn" | "bad"]);
  (await model.flush()).acknowledged satisfies number;
  const prediction = await model.predict({ income: 42_000, purpose: "car" }, { groups: { sex: "female" }, count: true, signal });
  const found: Reason[] = reasons(await model.explain(prediction, { method: "shap" }));
  model.outcome(prediction.id, { label: "yes", business: { repaid_value: found.length } });
  const session: Session = await Session.create(new Uint8Array(4), { engine: "auto" });
  const out: Record<string, Tensor> = await session.run({ x: { type: "float32", shape: [1, 4], data: new Float32Array(4) } });
  if (!(await verify({ income: 1 }, prediction))) throw new NearsideError("usage", Object.keys(out).join());
  (await slim("/m/", { wasm: new URL("https://x/nearside-full.wasm") })).dispose();
  create().has_tract() satisfies boolean;
  session.description satisfies { producer: string } | null;
  // @ts-expect-error there is no such option
  await load("/m/", { colector: {} });
  return prediction;
}
`;
  writeFileSync(join(app, "types.ts"), source);
  for (const [module, moduleResolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]) {
    const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", "--types", "", "--module", module, "--moduleResolution", moduleResolution];
    const compiled = run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), ...options, "types.ts"], { cwd: app });
    await assert.doesNotReject(compiled.catch((error) => Promise.reject(new Error(error.stdout))), moduleResolution);
  }
});

test("Vite builds it with no plug-in, and Chromium predicts", async (t) => {
  writeFileSync(join(app, "index.html"), '<!doctype html><title>App</title><script type="module" src="/main.js"></script>');
  writeFileSync(join(app, "main.js"), `
import { load } from "nearside";
window.answers = async (records, groups, options) => {
  const model = await load("/models/loan-approval/", options);
  const answers = [];
  for (const [i, record] of records.entries()) answers.push(await model.predict(record, { groups: groups[i] }));
  return { answers, thread: model.thread };
};
`);
  await run(process.execPath, [join(root, "node_modules/vite/bin/vite.js"), "build", "--logLevel", "error"], { cwd: app });
  const built = readdirSync(join(app, "dist"), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const runtimes = built.filter((path) => path.endsWith(".wasm")).map((path) => relative(app, path).replace(/-[\w-]{8}\.wasm$/, "-HASH.wasm"));
  const shipped = listed.filter((path) => path.endsWith(".wasm")).map((path) => path.replace(/.*\/(.*)\.wasm$/, "dist/assets/$1-HASH.wasm"));
  assert.deepEqual(runtimes.sort(), shipped.sort());

  const files = Object.fromEntries(built.map((path) => [`/${relative(join(app, "dist"), path)}`, { body: readFileSync(path) }]));
  const server = await serve({ files: { ...files, "/": files["/index.html"] && { ...files["/index.html"], type: "text/html" } } });
  t.after(() => server.close());
  const browser = await launch();
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.waitForFunction(() => window.answers);
  for (const [worker, thread] of [[false, "calling"], [true, "worker"]]) {
    const got = await page.evaluate(([records, groups, worker]) => window.answers(records, groups, { worker }), [records, groups, worker]);
    assert.equal(got.thread, thread);
    got.answers.forEach((answer, i) => assertGolden(answer, predictions[i]));
  }
  assert.ok(!server.served.some((line) => line.includes("/sdk/")), "everything came from the build");
});

test("Node predicts from the folder, by path and by file URL", async () => {
  const script = `
import { load, Session } from "nearside";
const [folder, url, onnx, records] = JSON.parse(process.argv[2]);
const model = await load(folder);
const answers = [];
for (const record of records) answers.push(await model.predict(record));
const same = await (await load(new URL(url))).verify(records[0], answers[0]);
const session = await Session.create(onnx);
const missing = await load(folder + "-nowhere").catch(({ code }) => code);
console.log(JSON.stringify({ answers, same, missing, inputs: session.inputs.map(({ name }) => name), outputs: session.outputs.map(({ name }) => name) }));
`;
  writeFileSync(join(app, "predict.mjs"), script);
  const input = [bundleFolder, pathToFileURL(bundleFolder).href, join(bundleFolder, manifest.files.model.path), records];
  const { stdout } = await run(process.execPath, ["predict.mjs", JSON.stringify(input)], { cwd: app });
  const got = JSON.parse(stdout);
  got.answers.forEach((answer, i) => assertGolden(answer, predictions[i]));
  assert.deepEqual([got.same, got.missing], [true, "io"]);
  assert.deepEqual(got.inputs, manifest.inputs.map(({ name }) => name));
  assert.deepEqual(got.outputs, manifest.outputs.map(({ name }) => name));
});

for (const [runtime, args] of [["deno", ["run", "--allow-read", "--no-lock"]], ["bun", ["run"]]]) {
  test(`${runtime} predicts from the folder`, async () => {
    const script = `
import { load } from "nearside";
const model = await load(${JSON.stringify(bundleFolder)});
const answers = [];
for (const record of ${JSON.stringify(records)}) answers.push(await model.predict(record));
const { blocks } = await model.canvas();
console.log(JSON.stringify({ answers, blocks: blocks.length, same: await model.verify(${JSON.stringify(records[0])}, answers[0]), entry: import.meta.resolve("nearside") }));
`;
    writeFileSync(join(app, `${runtime}.mjs`), script);
    const { stdout } = await run(join(root, "node_modules/.bin", runtime), [...args, `${runtime}.mjs`], { cwd: app });
    const got = JSON.parse(stdout);
    got.answers.forEach((answer, i) => assertGolden(answer, predictions[i]));
    assert.deepEqual([got.blocks, got.same], [10, true]);
    assert.match(got.entry, /www\/sdk\/dist\/node\.js$/);
  });
}

test("the entry of Vercel's edge predicts on the module that it imports, over a network alone", async (t) => {
  // Node stands in for that runtime: the condition is its own, and a loader hook gives `.wasm?module` as it does.
  writeFileSync(join(app, "wasm-hook.mjs"), `
export const load = async (url, context, next) => url.endsWith(".wasm?module")
  ? { format: "module", shortCircuit: true, source: \`import { readFileSync } from "node:fs"; export default new WebAssembly.Module(readFileSync(new URL(\${JSON.stringify(url.replace("?module", ""))})));\` }
  : next(url, context);
`);
  writeFileSync(join(app, "wasm-module.mjs"), 'import { register } from "node:module"; register("./wasm-hook.mjs", import.meta.url);');
  writeFileSync(join(app, "edge.mjs"), `
import { load, Session, verify } from "nearside";
const [url, records] = JSON.parse(process.argv[2]);
const model = await load(url);
const answers = [];
for (const record of records) answers.push(await model.predict(record));
console.log(JSON.stringify({ answers, same: await verify(records[0], answers[0]), path: await load("./bundle").catch(({ name }) => name), entry: import.meta.resolve("nearside"), session: typeof Session.create }));
`);
  const server = await serve();
  t.after(() => server.close());
  const input = JSON.stringify([`${server.url}/models/loan-approval/`, records]);
  const { stdout } = await run(process.execPath, ["--conditions=edge-light", "--import", "./wasm-module.mjs", "edge.mjs", input], { cwd: app });
  const got = JSON.parse(stdout);
  got.answers.forEach((answer, i) => assertGolden(answer, predictions[i]));
  assert.deepEqual([got.same, got.session], [true, "function"]);
  assert.match(got.entry, /www\/sdk\/dist\/edge-light\.js$/);
});

test("the Node example answers and says why", async () => {
  cpSync(join(root, "www/examples/node/predict.mjs"), join(app, "example.mjs"));
  const { stdout } = await run(process.execPath, ["example.mjs", bundleFolder, JSON.stringify(records[0])], { cwd: app });
  const answer = JSON.parse(stdout);
  assertGolden(answer, predictions[0]);
  assert.ok(answer.why.length > 10);
});

test("the Node example answers the record that it shows, and the examples of the manifest", async () => {
  const [, shown] = /node predict\.mjs \S+ '(.*)'/.exec(readFileSync(join(root, "www/examples/node/predict.mjs"), "utf8"));
  for (const record of [[shown], []]) {
    const { stdout } = await run(process.execPath, ["example.mjs", bundleFolder, ...record], { cwd: app });
    assert.deepEqual(JSON.parse(stdout).boundary, { inside: true, violations: [] });
  }
});

test("workerd runs the worker example without a network", async (t) => {
  // Counters go with every request here, so that nobody waits for them.
  const source = readFileSync(join(root, "www/examples/worker/worker.js"), "utf8");
  assert.match(source, /const FLUSH_MS = 30_000;/);
  writeFileSync(join(app, "worker.js"), source.replace("30_000", "-1"));
  // Bundled as wrangler does it: workerd's conditions, and WebAssembly kept as modules beside the script.
  const modules = new Map();
  const wasmModules = {
    name: "wasm-modules",
    async resolveId(source, importer) {
      if (!source.endsWith(".wasm")) return null;
      const { id } = await this.resolve(source, importer, { skipSelf: true });
      const name = `./${id.split("/").pop()}`;
      modules.set(name.slice(2), id);
      return { id: name, external: true };
    },
  };
  const build = await rolldown({ input: join(app, "worker.js"), cwd: app, platform: "neutral", resolve: { conditionNames: ["workerd", "worker", "browser", "import"] }, plugins: [wasmModules] });
  const { output } = await build.generate({ format: "esm", codeSplitting: false });
  assert.deepEqual([...modules.keys()].sort(), ["nearside-canvas.wasm", "nearside-full.wasm", "nearside.wasm"]);

  const asked = [];
  let counted = 0;
  const worker = new Miniflare({
    bindings: { COLLECTOR_URL: "https://collector.example", COLLECTOR_KEY: "pub_test" },
    compatibilityDate: "2026-04-01",
    modules: [
      { type: "ESModule", path: "worker.js", contents: output[0].code },
      ...[...modules].map(([path, id]) => ({ type: "CompiledWasm", path, contents: readFileSync(id) })),
    ],
    serviceBindings: {
      ASSETS: (request) => {
        const name = new URL(request.url).pathname.replace("/models/loan-approval/", "");
        asked.push(name);
        try {
          return new Response(readFileSync(join(bundleFolder, name)));
        } catch {
          return new Response(null, { status: 404 });
        }
      },
    },
    // There is no network but for the collector's address.
    outboundService: async (request) => {
      if (!request.url.startsWith("https://collector.example/v1/ingest/")) return new Response("there is no network", { status: 599 });
      counted += predictionsIn(Buffer.from(await request.arrayBuffer()));
      return Response.json({ accepted: true, champion: null }, { status: 202 });
    },
  });
  t.after(() => worker.dispose());
  const post = (body, headers = {}) => worker.dispatchFetch("http://edge.example/predict", { method: "POST", body: JSON.stringify(body), headers });
  for (const [i, record] of records.entries()) {
    const response = await post({ record, groups: groups[i] });
    assert.equal(response.status, 200, await response.clone().text());
    assertGolden(await response.json(), predictions[i]);
  }
  for (let i = 0; i < 5; i++) assert.equal((await post({ record: records[i], groups: groups[i] }, { "sec-gpc": "1" })).status, 200, "an answer all the same");
  await eventually(() => counted >= records.length, "the counters to arrive");
  assert.equal(counted, records.length, "but who says no is not counted");
  assert.equal(asked.filter((name) => name === manifest.files.plan.path).length, 1, "the model stays loaded between requests");
  const number = manifest.features.find(({ kind }) => kind === "number" || kind === "integer").name;
  assert.equal((await post({ record: { ...records[0], [number]: "a lot" } })).status, 422);
  assert.equal((await post({})).status, 400);
  assert.equal((await worker.dispatchFetch("http://edge.example/")).status, 404);
});

/** The predictions that a window counts: the counter at the first place of all. */
function predictionsIn(bytes) {
  let at = 13;
  const varint = () => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  varint(), varint();
  at += bytes[at] + 7;
  varint();
  return varint() > 0 && varint() === 0 ? varint() : 0;
}
