// The whole loop on real parts: a collector process, real pages, biased traffic, an alert, a retrained and promoted
// model, a page that goes on with it, and the way back.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { load } from "../../www/sdk/dist/node.js";
import { binary, openPage, predictionsShown, root, startBrowser, startCollector } from "./dashboard-support.mjs";
import { eventually } from "./support.mjs";

const run = promisify(execFile);
const ADMIN = "test-admin-token";

async function json(url, init) {
  const response = await fetch(url, init);
  const body = await response.json();
  assert.ok(response.ok, `${url}: ${response.status} ${JSON.stringify(body)}`);
  return body;
}

const read = (collector, path) => json(`${collector.origin}/v1/models/loan-approval${path}`);
const writeKey = async (collector) => (await json(`${collector.origin}/config.json`)).write_key;

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser?.close());

describe("predictions of real pages", () => {
  let collector;
  before(async () => (collector = await startCollector()));
  after(() => collector?.stop());

  it("are counted exactly, from the example page and from the playground", async () => {
    const monitoring = await openPage(browser);
    await monitoring.page.goto(`${collector.origin}/#/monitoring`);
    assert.equal(await predictionsShown(monitoring.page), 0);

    const plain = await openPage(browser);
    await plain.page.goto(`${collector.origin}/examples/plain/`);
    await plain.page.locator("#consent").check();
    for (let sent = 0; sent < 100; sent++) await plain.page.locator("#form").evaluate((form) => form.requestSubmit());
    await plain.page.waitForTimeout(500);
    await plain.page.goto("about:blank");

    const playground = await openPage(browser);
    await playground.page.goto(`${collector.origin}/#/playground`);
    const varied = playground.page.getByRole("button", { name: /20 varied/ });
    for (let round = 1; round <= 5; round++) {
      await varied.click();
      await playground.page.waitForTimeout(300);
    }
    await playground.page.goto("about:blank");

    // The example page answers its own example once, before the hundred.
    await eventually(async () => (await read(collector, "/report")).predictions >= 201, "201 predictions", 15_000);
    const report = await read(collector, "/report");
    assert.equal(report.predictions, 201);
    assert.equal(report.sessions, 2);
    assert.equal(report.scores.counts.reduce((sum, count) => sum + count, 0), 201);
    assert.equal(report.actions.reduce((sum, { count }) => sum + count, 0), 201);
    // The page that was open all the while says the same.
    await eventually(async () => (await predictionsShown(monitoring.page)) === 201, "201 predictions on Monitoring", 15_000);
    assert.deepEqual([plain.problems, playground.problems, monitoring.problems], [[], [], []]);
    await monitoring.close();
    await plain.close();
    await playground.close();
  });
});

describe("a group that is treated unfairly", () => {
  let folder, project, collector, page;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "nearside-loop-"));
    project = join(folder, "loan-approval");
    await cp(join(root, "models/loan-approval"), project, { recursive: true });
    collector = await startCollector({
      project,
      data: join(folder, "data"),
      options: ["--admin-token", ADMIN, "--window-check", "1s"],
    });
  });
  after(async () => {
    await collector?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("fires the rule, and the reweighed candidate is promoted where the plain one fails its gates", async () => {
    // The world has changed: the traffic, and the data that is gathered next, are biased.
    const recipe = join(project, "recipe.toml");
    await writeFile(recipe, (await readFile(recipe, "utf8")).replace(/^group_bias = .*$/m, "group_bias = 0.6"));
    const traffic = join(folder, "traffic.json");
    await run(binary, ["gather", "--project", project, "--rows", "3000", "--seed", "11", "--output", traffic]);
    const records = JSON.parse(await readFile(traffic, "utf8"));

    const before = (await read(collector, "")).champion;
    const key = await writeKey(collector);
    page = await openPage(browser);
    await page.page.goto(`${collector.origin}/examples/plain/`);
    await page.page.evaluate(async (key) => {
      const { load } = await import("/sdk/index.js");
      const model = await load("/models/loan-approval/", { collector: { url: location.origin, key }, consent: "granted" });
      window.updates = [];
      model.addEventListener("update", ({ detail }) => window.updates.push(detail));
      window.ask = async () => {
        const example = Object.fromEntries(model.manifest.features.map(({ name, example }) => [name, example]));
        const prediction = await model.predict(example, { groups: { sex: "female" } });
        await model.flush();
        return prediction.version;
      };
    }, key);
    assert.equal(await page.page.evaluate(() => window.ask()), before);

    // Every visitor is a session of a few predictions.
    for (let visitor = 0; visitor < 500; visitor++) {
      const model = await load(`${collector.origin}/models/loan-approval/`, {
        collector: { url: collector.origin, key },
        consent: "granted",
      });
      for (const { sex, ...record } of records.slice(visitor * 6, visitor * 6 + 6)) {
        const known = model.manifest.features.filter(({ name }) => record[name] != null);
        await model.predict(Object.fromEntries(known.map(({ name }) => [name, record[name]])), { groups: { sex } });
      }
      await model.flush();
      model.dispose();
    }

    const alert = await eventually(
      async () => (await read(collector, "/alerts")).find(({ action, action_state }) => action === "retrain" && ["done", "failed"].includes(action_state)),
      "an alert whose retraining has ended",
      120_000,
    );
    assert.equal(alert.action_state, "done", alert.detail);
    assert.match(alert.detail, /reweighing is chosen/);
    assert.match(alert.detail, /plain: demographic_parity_ratio by sex/);
    const after = (await read(collector, "")).champion;
    assert.notEqual(after, before);

    // The open page goes on with the new version, without a reload.
    await eventually(() => page.page.evaluate((after) => window.ask().then((version) => version === after), after), "the new version in the open page", 20_000);
    assert.deepEqual(await page.page.evaluate(() => window.updates), [{ from: before, to: after }]);

    // And back.
    await json(`${collector.origin}/v1/models/loan-approval/rollback`, { method: "POST", headers: { authorization: `Bearer ${ADMIN}` } });
    await eventually(() => page.page.evaluate((before) => window.ask().then((version) => version === before), before), "the old version in the open page", 20_000);
    assert.equal((await read(collector, "")).champion, before);
    await page.close();
  });
});
