// Models that people have already, adopted with some rows: `load()` in Chromium and in Node predicts what `nearside run`
// does, and their predictions are counted. The models are those of the zoo beside the checkout; without it these tests
// skip, and say so.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { load } from "../../www/sdk/dist/node.js";
import { binary, root, startBrowser, startCollector } from "./dashboard-support.mjs";
import { readTensor } from "./onnx-tensors.mjs";
import { eventually } from "./support.mjs";

const run = promisify(execFile);
const zoo = join(root, "../shared/zoo/models");
const skip = existsSync(zoo) ? false : "SKIPPED: ../shared/zoo is not here, so no model of it was adopted";
if (skip) console.error(skip);

/** The rows of a model's first data set, as records of its columns: strings, numbers, and null for NaN. */
function records(name, ports) {
  const columns = [];
  for (const [i, port] of ports.entries()) {
    const { shape, data } = readTensor(readFileSync(join(zoo, name, "test_data_set_0", `input_${i}.pb`)));
    const width = shape[1] ?? 1;
    for (let column = 0; column < width; column++) {
      const values = Array.from({ length: shape[0] }, (_, row) => data[row * width + column]);
      columns.push([width === 1 ? port : `${port} ${column}`, values.map((value) => (Number.isNaN(value) ? null : value))]);
    }
  }
  return columns[0][1].map((_, row) => Object.fromEntries(columns.map(([column, values]) => [column, values[row]])));
}

const cell = (value) => (value === null ? "" : typeof value === "string" ? `"${value.replaceAll('"', '""')}"` : String(value));

const CASES = [
  ["adult_onehot_logreg_zipmap_strlabel", ["age", "education_num", "capital_gain", "capital_loss", "hours_per_week", "workclass", "marital_status", "occupation", "relationship", "race", "sex"]],
  ["xgb_california_nan", ["input"]],
];

for (const [name, ports] of CASES) {
  describe(`${name}, adopted`, { skip }, () => {
    let folder, project, rows, wanted, collector, browser;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "nearside-adopt-"));
      project = join(folder, "adopted");
      rows = records(name, ports);
      const columns = Object.keys(rows[0]);
      const csv = [columns.map(cell), ...rows.map((row) => columns.map((column) => cell(row[column])))].map((line) => line.join(",")).join("\n");
      await writeFile(join(folder, "rows.csv"), `${csv}\n`);
      await run(binary, ["adopt", join(zoo, name, "model.onnx"), "--data", join(folder, "rows.csv"), "--output", project]);
      const { stdout } = await run(binary, ["run", join(project, "bundle"), "--input", join(folder, "rows.csv"), "--json"], { maxBuffer: 1 << 26 });
      wanted = JSON.parse(stdout);
      collector = await startCollector({ project });
      browser = await startBrowser();
    });
    after(async () => {
      await browser?.close();
      await collector?.stop();
      if (folder) await rm(folder, { recursive: true, force: true });
    });

    function judge(predictions) {
      assert.equal(predictions.length, wanted.length);
      for (const [row, got] of predictions.entries()) {
        assert.equal(got.label, wanted[row].label ?? got.label, `row ${row}`);
        const number = (prediction) => prediction.value ?? prediction.score;
        const [a, b] = [number(got), number(wanted[row])];
        assert.ok(Number.isFinite(b) && Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(b)), `row ${row}: ${a}, ${b} natively`);
      }
    }

    test("in Node it predicts what it does natively", async () => {
      const model = await load(join(project, "bundle"));
      const predictions = [];
      for (const row of rows) predictions.push(await model.predict(row));
      model.dispose();
      judge(predictions);
    });

    test("in Chromium too, and every prediction is counted", async () => {
      const page = await browser.newPage();
      await page.goto(`${collector.origin}/`);
      const predictions = await page.evaluate(async (rows) => {
        const { load } = await import("/sdk/index.js");
        const { write_key: key } = await (await fetch("/config.json")).json();
        const model = await load("/models/adopted/", { collector: { url: location.origin, key }, consent: "granted" });
        const predictions = [];
        for (const row of rows) {
          const { label, score, value } = await model.predict(row);
          predictions.push({ label, score, value });
        }
        await model.flush();
        return predictions;
      }, rows);
      judge(predictions);
      const report = async () => (await fetch(`${collector.origin}/v1/models/adopted/report`)).json();
      await eventually(async () => (await report()).predictions >= rows.length, "every prediction in the report", 15_000);
      assert.equal((await report()).predictions, rows.length);
    });
  });
}
