// Every model of the zoo through the SDK, in Node and in Chromium: the numbers that the command line gives.
// The zoo stands beside the checkout and is no part of it; without it these tests skip, and say so.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Session } from "../../www/sdk/dist/node.js";
import { difference, portable, readTensor } from "./onnx-tensors.mjs";
import { launch, requireBuild, root, serve } from "./support.mjs";

requireBuild();
const zoo = join(root, "../shared/zoo");
const skip = existsSync(join(zoo, "manifest.json")) ? false : "SKIPPED: ../shared/zoo is not here, so no model of it was run";
if (skip) console.error(skip);
const models = skip ? [] : JSON.parse(readFileSync(join(zoo, "manifest.json"), "utf8")).models;
/** Refused by name here, for a reason that the docs give. */
const MOST_REFUSED = 5;

/** The tensors of a data set, in the model's order. */
function tensors(model, set, kind) {
  const found = [];
  for (let i = 0; ; i++) {
    const path = join(zoo, model.path, `test_data_set_${set}`, `${kind}_${i}.pb`);
    if (!existsSync(path)) return found;
    found.push(readTensor(readFileSync(path)));
  }
}

function judge(model, outputs, names, set) {
  const wanted = tensors(model, set, "output");
  for (const [i, name] of names.entries()) {
    const found = difference(outputs[name], wanted[i], model);
    if (found) return `${model.name}, set ${set}, ${name}: ${found}`;
  }
  return undefined;
}

function conclude(wrong, refused) {
  assert.deepEqual(wrong, []);
  assert.ok(refused.length <= MOST_REFUSED, refused.join("\n"));
}

describe("the zoo", { skip }, () => {
  test("in Node", async () => {
    const wrong = [], refused = [];
    for (const model of models) {
      try {
        const session = await Session.create(join(zoo, model.path, "model.onnx"));
        const names = session.outputs.map(({ name }) => name);
        for (const set of [0, 1]) {
          const given = tensors(model, set, "input");
          if (!given.length) continue;
          const outputs = await session.run(Object.fromEntries(session.inputs.map(({ name }, i) => [name, given[i]])));
          const found = judge(model, outputs, names, set);
          if (found) wrong.push(found);
        }
        session.dispose();
      } catch (error) {
        (error.code === "unsupported-operator" ? refused : wrong).push(`${model.name}: ${error.code} ${error.message}`);
      }
    }
    conclude(wrong, refused);
  });

  describe("in Chromium", () => {
    let server, browser, page;
    before(async () => {
      const files = {};
      for (const model of models) files[`/zoo/${model.name}.onnx`] = { get body() { return readFileSync(join(zoo, model.path, "model.onnx")); }, type: "application/octet-stream" };
      server = await serve({ files });
      browser = await launch();
      page = await browser.newPage();
      await page.goto(server.url);
      await page.evaluate(async () => {
        const { Session } = await import("/sdk/index.js");
        const plain = ({ type, shape, data }) => ({ type, shape, data: Array.from(data, (value) => (typeof value === "bigint" || Number.isNaN(value) || Math.abs(value) === Infinity ? String(value) : value)) });
        const values = ({ type, shape, data }) => {
          if (type === "string") return { type, shape, data };
          if (type === "int64" || type === "uint64") return { type, shape, data: data.map(BigInt) };
          return { type, shape, data: type === "bool" ? Uint8Array.from(data) : type === "float16" ? Uint16Array.from(data) : data.map(Number) };
        };
        window.run = async (name, sets) => {
          const session = await Session.create(`/zoo/${name}.onnx`);
          const answers = [];
          for (const given of sets) {
            const outputs = await session.run(Object.fromEntries(session.inputs.map(({ name }, i) => [name, values(given[i])])));
            answers.push(Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, plain(tensor)])));
          }
          const names = session.outputs.map(({ name }) => name);
          session.dispose();
          return { names, answers };
        };
      });
    });
    after(async () => {
      await browser?.close();
      await server?.close();
    });

    test("the same numbers", async () => {
      const wrong = [], refused = [];
      for (const model of models) {
        const sets = [0, 1].map((set) => tensors(model, set, "input")).filter((given) => given.length);
        const answer = await page
          .evaluate(([name, sets]) => window.run(name, sets).catch((error) => ({ code: error.code, message: error.message })), [model.name, sets.map((given) => given.map(portable))]);
        if (!answer.answers) {
          (answer.code === "unsupported-operator" ? refused : wrong).push(`${model.name}: ${answer.code} ${answer.message}`);
          continue;
        }
        for (const [set, outputs] of answer.answers.entries()) {
          const found = judge(model, outputs, answer.names, set);
          if (found) wrong.push(found);
        }
      }
      conclude(wrong, refused);
    });
  });
});
