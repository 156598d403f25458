// The example page under a strict Content-Security-Policy, wide and narrow, light and dark.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import test, { after, afterEach, before, beforeEach } from "node:test";
import { bundleJson, eventually, golden, launch, requireBuild, serve } from "./support.mjs";

requireBuild();
const manifest = bundleJson("manifest.json");
const { records, predictions } = golden();
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const CSP = [
  "default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "style-src 'self'", "connect-src 'self'", "img-src data:", "worker-src 'self'",
  "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'",
].join("; ");

let browser, server, context, page, complaints;
before(async () => (browser = await launch()));
after(() => browser.close());
beforeEach(async () => {
  server = await serve({ brotli: true, headers: { "content-security-policy": CSP } });
});
afterEach(async () => {
  await context.close();
  await server.close();
});

/** Opens the example and waits for its first answer. */
async function open(options) {
  context = await browser.newContext(options);
  page = await context.newPage();
  complaints = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(`${server.url}/examples/plain/`);
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
