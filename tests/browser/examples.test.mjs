// The example page under a strict Content-Security-Policy, wide and narrow, light and dark.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, afterEach, before, beforeEach } from "node:test";
import { bundleJson, eventually, golden, launch, requireBuild, root, runtimeFile, serve } from "./support.mjs";

requireBuild();
const manifest = bundleJson("manifest.json");
const { records, predictions } = golden();
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const html = readFileSync(join(root, "www/examples/plain/index.html"), "utf8");
const [, inline] = /<script data-model[^>]*>([^]*?)<\/script>/.exec(html);
const CSP = [
  "default-src 'none'", `script-src 'self' 'wasm-unsafe-eval' 'sha256-${createHash("sha256").update(inline).digest("base64")}'`, "style-src 'self'", "connect-src 'self'", "img-src data:", "worker-src 'self'",
  "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'",
].join("; ");

let browser, server, context, page, complaints;
before(async () => (browser = await launch()));
after(() => browser.close());
beforeEach(async () => {
  server = await serve({ brotli: true, headers: { "content-security-policy": CSP } });
  server.files["/config.json"] = { body: JSON.stringify({ write_key: "pub_config" }) };
});
afterEach(async () => {
  await context.close();
  await server.close();
});

/** Opens the example and waits for its first answer. */
async function open(options, query = "") {
  context = await browser.newContext(options);
  page = await context.newPage();
  complaints = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(`${server.url}/examples/plain/${query}`);
  await page.locator("#answer").waitFor();
}

/** Fills the form with a record and sends it. */
async function ask(record) {
  for (const { name, values } of manifest.features) {
    const field = page.locator(`#feature-${name}`);
    const value = String(record[name] ?? "");
    await (values.length > 0 ? field.selectOption(value) : field.fill(value));
  }
  await page.getByRole("button").click();
}

const number = manifest.features.find(({ range }) => range);

test("the example answers with action, chance and reasons, within a strict policy", async () => {
  await open({ viewport: { width: 1200, height: 900 } });
  assert.equal(await page.locator("#limits").isVisible(), false);
  await ask(records[0]);
  assert.ok((await page.locator("#action").textContent()).length > 2);
  assert.match(await page.locator("#score").textContent(), /\d%/);
  assert.ok((await page.locator("#why").textContent()).length > 10);
  assert.ok((await page.locator("#reasons li").count()) > 0);
  assert.deepEqual(complaints, []);
});

test("the inline stub is the one that the SDK's build makes", () => {
  assert.equal(inline, readFileSync(join(root, "www/sdk/dist/stub.js"), "utf8").trim(), "paste www/sdk/dist/stub.js into www/examples/plain/index.html");
});

test("one runtime is fetched, once, whether this build has twins or not", async (t) => {
  const runtimes = () => server.served.filter((line) => line.endsWith(".wasm")).map((line) => line.replace("GET /sdk/", ""));
  const temp = mkdtempSync(join(tmpdir(), "nearside-twins-"));
  t.after(() => rmSync(temp, { recursive: true, force: true }));
  for (const folder of ["small", "full"]) {
    for (const name of [folder, `${folder}-relaxed`]) {
      mkdirSync(join(temp, "wasm", name), { recursive: true });
      cpSync(join(root, "www/sdk/dist", folder === "full" ? "nearside-full.wasm" : "nearside.wasm"), join(temp, "wasm", name, "nearside_bg.wasm"));
      cpSync(join(root, "target/wasm", folder, "nearside.js"), join(temp, "wasm", name, "nearside.js"));
    }
  }
  mkdirSync(join(temp, "wasm/canvas"));
  for (const file of ["nearside.js", "nearside_bg.wasm"]) cpSync(join(root, "target/wasm/canvas", file), join(temp, "wasm/canvas", file));
  execFileSync(process.execPath, [join(root, "www/sdk/build.mjs"), join(temp, "wasm"), join(temp, "sdk")]);
  await open();
  assert.deepEqual(runtimes(), [runtimeFile()]);
  await context.close();

  for (const name of readdirSync(join(temp, "sdk"))) server.files[`/sdk/${name}`] = { body: readFileSync(join(temp, "sdk", name)), type: name.endsWith(".wasm") ? "application/wasm" : "text/javascript" };
  server.served.length = 0;
  await open();
  assert.deepEqual(runtimes(), ["nearside.relaxed.wasm"], "Chromium has relaxed SIMD");
  assert.deepEqual(complaints, []);
});

test("the write key is that of the address, else the collector's own; with neither nothing can be sent", async () => {
  const asked = [];
  const visit = async (query, agree = true) => {
    await open({}, query);
    context.on("request", (request) => request.method() === "POST" && asked.push(new URL(request.url()).search));
    if (agree) await page.locator("#consent").check();
    await page.evaluate(() => {
      Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    if (agree) await eventually(() => asked.length, "the frame after consent");
  };
  await visit("");
  assert.equal(asked.shift(), "?key=pub_config&consent=user");
  await context.close();
  asked.length = 0;
  await visit("?key=pub_address");
  assert.equal(asked[0], "?key=pub_address&consent=user");
  await context.close();
  asked.length = 0;
  server.files["/config.json"] = { body: JSON.stringify({ write_key: null }) };
  await visit("", false);
  assert.equal(await page.locator("#consent").isVisible(), false, "there is nobody to share anything with");
  assert.deepEqual(asked, []);
  await context.close();
  delete server.files["/config.json"];
  await visit("", false);
  assert.ok((await page.locator("#action").textContent()).length > 2, "a host without a collector answers as well");
});

test("the answers on the page are the golden ones", async () => {
  await open();
  for (const [i, record] of records.entries()) {
    await ask(record);
    const action = predictions[i].action ?? predictions[i].label;
    await eventually(async () => (await page.locator("#action").textContent()).toLowerCase() === action.replaceAll("_", " "), `the answer to be ${action}`);
    const share = predictions[i].score.toLocaleString("en", { style: "percent", maximumFractionDigits: 1 });
    assert.ok((await page.locator("#score").textContent()).endsWith(share), `${await page.locator("#score").textContent()}, golden ${share}`);
  }
});

test("a value beyond the limits is named in words, and the page goes on", async () => {
  await open();
  const field = page.locator(`#feature-${number.name}`);
  await field.fill(String(number.range[1] + 1));
  await page.getByRole("button").click();
  await page.locator("#limits").waitFor();
  assert.ok((await page.locator("#violations").textContent()).includes(number.name));
  await field.fill(String(number.range[1]));
  await page.getByRole("button").click();
  await page.locator("#limits").waitFor({ state: "hidden" });
  assert.deepEqual(complaints, []);
});

test("nothing is sent until the visitor agrees", async () => {
  await open();
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await page.goto("about:blank");
  assert.deepEqual(server.served.filter((line) => line.startsWith("POST")), []);
  await context.close();
  await open();
  await page.locator("#consent").check();
  await page.goto("about:blank");
  await eventually(() => server.served.some((line) => line.startsWith("POST /v1/ingest/")), "the frame after consent");
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [390, 1200]) {
    test(`the example is accessible and fits, ${colorScheme}, ${width} px`, async () => {
      await open({ colorScheme, viewport: { width, height: 900 } });
      await page.locator(`#feature-${number.name}`).fill(String(number.range[1] + 1));
      await page.getByRole("button").click();
      await page.locator("#limits").waitFor();
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "no sideways scrolling");
      if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/plain-${colorScheme}-${width}.png`, fullPage: true });
      // From here on the page is only looked at, so the checker may be put in past its policy.
      const session = await context.newCDPSession(page);
      await session.send("Runtime.evaluate", { expression: axe });
      const { violations } = await page.evaluate(() => axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
    });
  }
}
