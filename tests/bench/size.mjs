// Weighs what ships: raw, gzip 9 and brotli 11. Fails when something is heavier than its budget in budgets.json.
// Usage: node tests/bench/size.mjs [--update]
//   --update  sets every budget of this build to 5 % above what is weighed now
// The shipped build (`make size` makes it) and the fast one of the tests have budgets of their own.
// Writes target/bench/size.json. Needs the binary, the SDK, the dashboard and Chromium.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch, pause, requireBuild, root } from "../browser/support.mjs";
import { binary, startCollector } from "../browser/dashboard-support.mjs";

requireBuild();
const { firstPrediction, loanApproval, OURS } = await import("./first.mjs");
const { columns } = await import("./rows.mjs");
const { filesBelow, nearsideFiles, openSite, sdkFolder, target, total, weigh } = await import("./site.mjs");

const dashboard = join(root, "www/dashboard/dist");
const budgetsFile = join(root, "tests/bench/budgets.json");
for (const path of [join(dashboard, "index.html"), binary]) assert.ok(existsSync(path), `${path} is missing: run \`make build\`.`);

/** Which build of the WebAssembly stands there: the name of its Cargo profile. */
const profile = readdirSync(join(root, "target/wasm")).find((name) => name.endsWith(".stamp"))?.replace(".stamp", "");
assert.ok(profile, "target/wasm is not finished: run `make build`.");

const browser = await launch();
const sizes = {};
let first;
try {
  first = await page();
  sizes.sdk = await weighFiles(sdkFolder, first.scripts);
  for (const name of filesBelow(sdkFolder).filter((path) => path.endsWith(".wasm"))) sizes[name] = await weighFiles(sdkFolder, [name]);
  sizes["loan-approval.page"] = first.weight;
  sizes["dashboard.first"] = await dashboardFirst();
  sizes["dashboard.all"] = await weighFiles(dashboard, filesBelow(dashboard));
} finally {
  await browser.close();
}

mkdirSync(target, { recursive: true });
writeFileSync(join(target, "size.json"), `${JSON.stringify(Object.entries(sizes).map(([name, size]) => ({ name, ...size })), null, 2)}\n`);
const budgets = JSON.parse(readFileSync(budgetsFile, "utf8"));
if (process.argv.includes("--update")) {
  budgets[profile] = Object.fromEntries(Object.entries(sizes).map(([name, { brotli }]) => [name, Math.ceil(brotli * 1.05)]));
  writeFileSync(budgetsFile, `${JSON.stringify(budgets, null, 2)}\n`);
}
judge(budgets[profile] ?? {});

/** A page that answers one record, its SDK in the page's own thread: what it fetched, and which of that is the SDK's script. */
async function page() {
  const subject = loanApproval();
  const page = subject.pages.find(({ engine }) => engine === OURS);
  const site = await openSite({ ...nearsideFiles(), ...subject.html });
  try {
    const { fetched } = await firstPrediction(browser, site, subject, page);
    const scripts = fetched.filter((path) => /^\/sdk\/.*\.js$/.test(path)).map((path) => path.slice("/sdk/".length));
    return { fetched, scripts, weight: await site.weigh(fetched) };
  } finally {
    await site.close();
  }
}

/** Everything that the dashboard's first page asks a collector for, except the event stream, which never ends. */
async function dashboardFirst() {
  const collector = await startCollector();
  try {
    const context = await browser.newContext();
    const page = await context.newPage();
    const asked = new Set();
    page.on("response", (response) => {
      if (!/^text\/event-stream/.test(response.headers()["content-type"] ?? "")) asked.add(response.url());
    });
    await page.goto(collector.origin);
    await page.getByRole("article", { name: /Live monitoring/ }).waitFor({ timeout: 30_000 });
    // What the page fetches once its numbers are on screen still belongs to it.
    await pause(1000);
    await context.close();
    const weights = [];
    for (const url of asked) weights.push(await weigh(Buffer.from(await (await fetch(url)).arrayBuffer())));
    return total(weights);
  } finally {
    await collector.stop();
  }
}

async function weighFiles(folder, names) {
  const weights = [];
  for (const name of names) weights.push(await weigh(readFileSync(join(folder, name))));
  return total(weights);
}

function judge(budgets) {
  const over = Object.keys(budgets).filter((name) => !(sizes[name]?.brotli <= budgets[name]));
  const number = (bytes) => (bytes ?? "–").toLocaleString("en");
  const lines = Object.entries(sizes).map(([name, { raw, gzip, brotli }]) => [name, number(raw), number(gzip), number(brotli), number(budgets[name]), over.includes(name) ? "OVER" : ""]);
  console.log(`The build ${profile}:`);
  console.log(columns([["bytes", "raw", "gzip", "brotli", "budget", ""], ...lines]));
  console.log(`\nThe page of loan-approval fetches, in this order: ${first.fetched.join(" ")}`);
  for (const name of over) console.error(`${name} is over its budget of ${number(budgets[name])} bytes of brotli: ${number(sizes[name]?.brotli)}. Find out what it gained; raise tests/bench/budgets.json only for what is worth it.`);
  process.exitCode = over.length > 0 ? 1 : 0;
}
