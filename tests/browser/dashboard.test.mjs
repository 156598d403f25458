// The dashboard in a real Chromium: on a collector, and hosted as plain files.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openPage, predictionsShown, seriousFindings, startBrowser, startDashboard, startStaticHost } from "./dashboard-support.mjs";

const PAGES = ["canvas", "monitoring", "playground"];
const LONG = 30_000;
let browser;

before(async () => {
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
});

/** What each page shows once it is there. */
async function arrive(page, name) {
  const landmark = {
    canvas: page.getByRole("article", { name: /Live monitoring/ }),
    monitoring: page.getByRole("heading", { name: "Drift by feature" }),
    playground: page.getByRole("button", { name: "Predict", exact: true }),
  }[name];
  await landmark.waitFor({ timeout: LONG });
}

async function eventually(read, expected) {
  const end = Date.now() + LONG;
  let last;
  while (Date.now() < end) {
    last = await read();
    if (last === expected) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.equal(last, expected);
}

for (const [place, start] of [
  ["on a collector", startDashboard],
  ["as plain files", startStaticHost],
]) {
  describe(`the dashboard ${place}`, () => {
    let host;

    before(async () => {
      host = await start();
    });

    after(async () => {
      await host?.stop();
    });

    for (const name of PAGES) {
      for (const [width, colorScheme] of [
        [1440, "light"],
        [390, "dark"],
      ]) {
        test(`${name} renders at ${width} px, ${colorScheme}, with nothing to complain about`, async () => {
          const { page, problems, close } = await openPage(browser, { viewport: { width, height: 900 }, colorScheme });
          await page.goto(`${host.origin}/#/${name}`);
          await arrive(page, name);
          assert.deepEqual(await seriousFindings(page), []);
          assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, "the page scrolls sideways");
          assert.deepEqual(problems, []);
          await close();
        });
      }
    }

    test("the canvas shows ten blocks and loads no chart library", async () => {
      const { page, close } = await openPage(browser);
      const scripts = [];
      page.on("request", (request) => request.resourceType() === "script" && scripts.push(new URL(request.url()).pathname));
      await page.goto(host.origin);
      await arrive(page, "canvas");
      assert.equal(await page.getByRole("article").count(), 10);
      assert.equal(scripts.filter((path) => path.includes("engine-")).length, 0);
      await close();
    });

    test("one answer comes with its score, receipt, timing and contributions that sum", async () => {
      const { page, problems, close } = await openPage(browser);
      await page.goto(`${host.origin}/#/playground`);
      await arrive(page, "playground");
      await page.getByRole("button", { name: "Predict", exact: true }).click();
      const receipt = page.locator("[data-receipt]");
      await receipt.waitFor({ timeout: LONG });
      assert.match(await receipt.textContent(), /^[\w-]{20,32}$/);
      await page.getByText("they sum to the model's own output").waitFor();
      assert.deepEqual(problems, []);
      await close();
    });

    test("a field outside its range is answered, and said in words", async () => {
      const { page, close } = await openPage(browser);
      await page.goto(`${host.origin}/#/playground`);
      await arrive(page, "playground");
      await page.getByLabel("Income", { exact: true }).fill("900000000");
      await page.getByRole("button", { name: "Predict", exact: true }).click();
      await page.locator("ns-answer .sign.warn").first().waitFor({ timeout: LONG });
      await close();
    });

    test("twenty varied records are counted exactly on Monitoring", async () => {
      const { page, problems, close } = await openPage(browser);
      await page.goto(`${host.origin}/#/monitoring`);
      await arrive(page, "monitoring");
      const counted = await predictionsShown(page);
      await page.getByRole("link", { name: "Playground" }).click();
      await page.getByRole("button", { name: "Predict 20 varied records" }).click();
      await page.getByText("20 predictions made from seed 1").waitFor({ timeout: LONG });
      await page.getByRole("link", { name: "Monitoring" }).click();
      await eventually(() => predictionsShown(page), counted + 20);
      assert.deepEqual(problems, []);
      await close();
    });
  });
}

describe("the dashboard's theme", () => {
  test("steps through system, light and dark, and is remembered", async () => {
    const host = await startStaticHost();
    const { page, close } = await openPage(browser, { colorScheme: "light" });
    await page.goto(`${host.origin}/#/playground`);
    await arrive(page, "playground");
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await background();
    const toggle = page.getByRole("button", { name: /^Theme/ });
    await toggle.click();
    assert.equal(await background(), light);
    await toggle.click();
    const dark = await background();
    assert.notEqual(dark, light);
    await page.reload();
    await arrive(page, "playground");
    assert.equal(await background(), dark);
    await close();
    await host.stop();
  });
});
