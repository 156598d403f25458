// What the dashboard does when things are slow, fail, or are typed wrongly: the built pages before a real collector,
// with a host in between that can hold an answer back or give another one.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openPage, predictionsShown, startBrowser, startCollector, startStaticHost } from "./dashboard-support.mjs";
import { eventually, pause } from "./support.mjs";

const LONG = 30_000;
const DAY = 86_400_000;
let browser, collector, host;
/** What the host does with a request before the collector gets it; each test sets its own. */
let between;

before(async () => {
  browser = await startBrowser();
  collector = await startCollector();
  host = await startStaticHost({ collector: collector.origin, answer: (...request) => between?.(...request) });
});

after(async () => {
  await browser?.close();
  await host?.stop();
  await collector?.stop();
});

const button = (page, name) => page.getByRole("button", { name, exact: true });
const income = (page) => page.getByLabel("Income", { exact: true });
const receipt = (page) => page.locator("[data-receipt]");

/** Opens a page of the dashboard; `behind_ms` sets the viewer's clock back. */
async function open(path, { behind_ms = 0, origin = host.origin } = {}) {
  const opened = await openPage(browser);
  if (behind_ms !== 0) {
    await opened.page.addInitScript((behind) => {
      const now = Date.now;
      Date.now = () => now() - behind;
    }, behind_ms);
  }
  await opened.page.goto(`${origin}/#/${path}`);
  return opened;
}

async function playground(options) {
  const opened = await open("playground", options);
  await button(opened.page, "Predict").waitFor({ timeout: LONG });
  return opened;
}

async function predictMany(page, seed) {
  await button(page, "Predict 20 varied records").click();
  const note = page.getByText(`20 predictions made from seed ${seed}`);
  await note.waitFor({ timeout: LONG });
  return note.textContent();
}

const counted = async () => (await (await fetch(`${collector.origin}/v1/models/loan-approval/report`)).json()).predictions;

describe("under steady traffic, with a collector that takes a second", () => {
  let reads;

  before(() => {
    const pulse = `event: window\ndata: {"model":"loan-approval","version":"0","predictions":1}\n\n`;
    between = async (path, request, response) => {
      const mine = reads;
      if (path === "/v1/live") {
        response.writeHead(200, { "content-type": "text/event-stream" });
        const timer = setInterval(() => response.write(pulse), 200);
        response.on("close", () => clearInterval(timer));
        return true;
      }
      if (path === "/v1/models") mine.lists++;
      const part = /^\/v1\/models\/loan-approval\/(report|canvas)$/.exec(path)?.[1];
      if (!part) return false;
      mine.most = Math.max(mine.most, ++mine.open);
      const body = await (await fetch(collector.origin + path)).json();
      await pause(1000);
      mine.open--;
      mine.done++;
      const number = part === "report" ? { predictions: mine.done } : { sentence: `Read ${mine.done}` };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ ...body, ...number }));
      return true;
    };
  });
  after(() => (between = undefined));

  for (const [path, shown] of [
    ["monitoring", (page) => page.locator("ns-figures b").first()],
    ["canvas", (page) => page.locator("ns-canvas-page h1")],
  ]) {
    test(`${path} goes on showing newer numbers, one read at a time`, async () => {
      reads = { open: 0, most: 0, done: 0, lists: 0 };
      const { page, close } = await open(path);
      await shown(page).waitFor({ timeout: LONG });
      const seen = new Set();
      for (const end = Date.now() + 6000; Date.now() < end; await pause(100)) seen.add(await shown(page).textContent());
      await close();
      assert.ok(seen.size >= 3, `${seen.size} values were shown in 6 s`);
      assert.equal(reads.most, 1);
      assert.ok(reads.lists <= 8, `the list of models was read ${reads.lists} times`);
    });
  }
});

test("a viewer's clock that is two days off hides nothing", async () => {
  const made = await playground();
  const before = await counted();
  await predictMany(made.page, 1);
  await eventually(async () => (await counted()) === before + 20, "the predictions at the collector", 15_000);
  await made.close();
  for (const behind_ms of [2 * DAY, -2 * DAY]) {
    const { page, close } = await open("monitoring", { behind_ms });
    assert.equal(await predictionsShown(page), before + 20, `${behind_ms} ms behind`);
    assert.match(await page.locator(".choices ns-age time").textContent(), /just now|^\d s ago/);
    await close();
  }
});

test("a collector with a reader token asks for it, and goes on", async () => {
  const guarded = await startCollector({ options: ["--reader-token", "secret"] });
  const front = await startStaticHost({ collector: guarded.origin });
  const { page, close } = await open("monitoring", { origin: front.origin });
  await page.getByLabel("Reader token").fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByLabel("Reader token").waitFor({ timeout: LONG });
  await page.getByLabel("Reader token").fill("secret");
  await page.keyboard.press("Enter");
  assert.equal(await predictionsShown(page), 0);
  await page.getByText("Live", { exact: true }).waitFor({ timeout: LONG });
  await guarded.stop();
  await page.getByText("Reconnecting").waitFor({ timeout: LONG });
  assert.equal(await predictionsShown(page), 0, "what was read before stays");
  await close();
  await front.stop();
});

describe("the parts of the page", () => {
  test("a part that arrives after the user has moved on changes nothing", async () => {
    const { page, problems, close } = await open("canvas");
    await page.route(/monitoring-page-.*\.js/, async (route) => (await pause(1500), route.continue()));
    await page.getByRole("article").first().waitFor({ timeout: LONG });
    await page.getByRole("link", { name: "Monitoring" }).click();
    await page.getByRole("link", { name: "Playground" }).click();
    await button(page, "Predict").waitFor({ timeout: LONG });
    await pause(2000);
    assert.ok(await button(page, "Predict").isVisible());
    assert.deepEqual(problems, []);
    await close();
  });

  test("a part that cannot be loaded says so, and the others go on", async () => {
    const { page, close } = await open("canvas");
    const uncaught = [];
    page.on("pageerror", (error) => uncaught.push(error.message));
    await page.route(/monitoring-page-.*\.js/, (route) => route.abort());
    await page.getByRole("article").first().waitFor({ timeout: LONG });
    await page.getByRole("link", { name: "Monitoring" }).click();
    await page.getByText("could not be loaded").waitFor({ timeout: LONG });
    await page.getByRole("link", { name: "Canvas", exact: true }).click();
    await page.getByRole("article").first().waitFor({ timeout: LONG });
    await page.unrouteAll();
    await page.getByRole("link", { name: "Monitoring" }).click();
    // A browser may remember the failure; then it takes a reload.
    const again = button(page, "Try again");
    await page.locator("ns-figures").or(again).waitFor({ timeout: LONG });
    if (await again.isVisible()) await again.click();
    await predictionsShown(page);
    assert.deepEqual(uncaught, []);
    await close();
  });

  test("another bundle takes the place of the one before", async () => {
    const alone = await startStaticHost();
    const { page, close } = await playground({ origin: alone.origin });
    await button(page, "Predict").click();
    await receipt(page).waitFor({ timeout: LONG });
    await page.evaluate(() => (window.first = document.querySelector("ns-app").runtime.model));
    await page.evaluate(() => (location.hash = "#/playground?bundle=./models//loan-approval/"));
    await receipt(page).waitFor({ state: "detached", timeout: LONG });
    await button(page, "Predict").click();
    await receipt(page).waitFor({ timeout: LONG });
    const state = () => page.evaluate(() => Promise.resolve().then(() => window.first.report()).then(() => "at work", (error) => error.code));
    await eventually(async () => (await state()) === "disposed", "the first model to be disposed of");
    await close();
    await alone.stop();
  });
});

describe("what leaves the playground", () => {
  test("is said by what the collector answered", async () => {
    const { page, close } = await playground();
    assert.match(await predictMany(page, 1), /The collector has confirmed their counters\.$/);
    await page.route("**/v1/ingest/**", (route) => route.fulfill({ status: 503 }));
    assert.match(await predictMany(page, 2), /were sent, but the collector has not confirmed them\.$/);
    await page.getByLabel("Report to the collector").uncheck();
    assert.match(await predictMany(page, 3), /Nothing was reported\.$/);
    await close();
  });

  test("is nothing once the user has said so, on each later visit too", async () => {
    const { page, close } = await playground();
    const sent = [];
    page.on("request", (request) => request.url().includes("/v1/ingest") && sent.push(request.url()));
    await page.getByLabel("Report to the collector").uncheck();
    await page.getByRole("link", { name: "Canvas", exact: true }).click();
    await page.getByRole("article").first().waitFor({ timeout: LONG });
    await page.getByRole("link", { name: "Playground" }).click();
    assert.equal(await page.getByLabel("Report to the collector").isChecked(), false);
    await predictMany(page, 1);
    assert.deepEqual(sent, []);
    await close();
  });
});

describe("the form", () => {
  test("is sent by Enter, and keeps what was typed", async () => {
    const { page, close } = await playground();
    await income(page).fill("51000");
    await page.keyboard.press("Enter");
    await receipt(page).waitFor({ timeout: LONG });
    await page.locator("ns-contributions").getByText("51,000").waitFor();
    assert.equal(await income(page).inputValue(), "51000");
    await close();
  });

  test("refuses what is not a number, and says so", async () => {
    const { page, close } = await playground();
    for (const text of ["1,5", "1e", "1 000", "-"]) {
      await income(page).fill("");
      await income(page).pressSequentially(text);
      assert.equal(await income(page).inputValue(), text);
      await page.keyboard.press("Enter");
      await page.getByText("Not a number").waitFor();
      assert.equal(await income(page).getAttribute("aria-invalid"), "true");
      assert.ok(await income(page).evaluate((input) => input.getRootNode().activeElement === input), "the field has the focus");
      await pause(200);
      assert.equal(await receipt(page).count(), 0, `${text} was answered`);
    }
    await income(page).fill("4.2e4");
    await page.getByText("Not a number").waitFor({ state: "detached" });
    await page.keyboard.press("Enter");
    await receipt(page).waitFor({ timeout: LONG });
    await page.locator("ns-contributions").getByText("42,000").waitFor();
    assert.equal(await income(page).inputValue(), "4.2e4");
    await close();
  });

  test("is answered aloud by a region that was there before", async () => {
    const { page, close } = await playground();
    const region = await page.locator("ns-playground-page p.sr[role=status]").elementHandle({ timeout: 5000 });
    assert.equal(await region.textContent(), "");
    await button(page, "Predict").click();
    await receipt(page).waitFor({ timeout: LONG });
    assert.match(await region.textContent(), /^(Accept|Review|Decline), Repaid = yes with \d+\.\d%\. /);
    await close();
  });
});

test("a ratio is told as a ratio, a difference as per cent", async () => {
  const { page, close } = await playground();
  await predictMany(page, 1);
  await predictMany(page, 2);
  await page.getByRole("link", { name: "Monitoring" }).click();
  await page.getByRole("img", { name: /^Demographic parity ratio: \d\.\d\d, 95% interval \d+\.\d\d to \d+\.\d\d, limit 0\.80$/ }).waitFor({ timeout: LONG });
  await page.getByRole("img", { name: /^Demographic parity difference: .*%, .*limit 10\.0%$/ }).waitFor({ timeout: LONG });
  await close();
});
