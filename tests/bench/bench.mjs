// Measures Nearside side by side with onnxruntime-web: same models, same page, in turn. Ratios count more than times.
// Usage: node tests/bench/bench.mjs [--section bytes|cold|steady] [--runs N]
//   --section  runs one section, and leaves the README alone
//   --runs     pairs of cold page loads on each network; 5 by default
// Writes target/bench/bench.json; a full run also rewrites the table of README.md.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { launch, requireBuild, root } from "../browser/support.mjs";

requireBuild();
const { firstPages, firstPrediction, OURS, PEER, SLOW } = await import("./first.mjs");
const { columns, rowsOf, say, table, timedRows, withTable, WRONG } = await import("./rows.mjs");
const { nearsideFiles, openSite, peerFiles, target } = await import("./site.mjs");
const { steady, steadyFiles } = await import("./steady.mjs");

const SECTIONS = { bytes: bytesSection, cold: coldSection, steady: steadySection };
const { section, runs } = options();

const browser = await launch();
const site = await openSite({ ...nearsideFiles(), ...peerFiles(), ...firstPages, ...steadyFiles() });
const rows = [];
let wrong = 0;
try {
  for (const name of section ? [section] : Object.keys(SECTIONS)) {
    const found = await SECTIONS[name]();
    console.log(`\n${columns(table(found))}`);
    rows.push(...found);
  }
} finally {
  await site.close();
  await browser.close();
}
mkdirSync(target, { recursive: true });
writeFileSync(join(target, "bench.json"), `${JSON.stringify(rows, null, 2)}\n`);
if (!section) writeTable();
if (wrong) say(`Models that answer otherwise than ${PEER}, and were not timed: ${wrong}.`);
process.exitCode = wrong ? 1 : 0;

function options() {
  const { values } = parseArgs({ options: { section: { type: "string" }, runs: { type: "string", default: "5" } } });
  const runs = Number(values.runs);
  if ((values.section && !SECTIONS[values.section]) || !(Number.isInteger(runs) && runs > 0)) {
    say(`usage: node tests/bench/bench.mjs [--section ${Object.keys(SECTIONS).join("|")}] [--runs N]`);
    process.exit(2);
  }
  return { section: values.section, runs };
}

async function bytesSection() {
  const weights = {};
  for (const engine of [OURS, PEER]) weights[engine] = await site.weigh((await firstPrediction(browser, site, engine)).fetched);
  const values = Object.fromEntries(Object.entries(weights).map(([engine, { brotli }]) => [engine, brotli]));
  return rowsOf("bytes", "loan-approval", "bytes", "bytes", values).map((row) => ({ ...row, raw: weights[row.engine].raw, gzip: weights[row.engine].gzip }));
}

async function coldSection() {
  const found = [];
  for (const network of ["plain", SLOW]) {
    const samples = { [OURS]: [], [PEER]: [] };
    // The first load of all pays for the browser's own start.
    if (network === "plain") for (const engine of [OURS, PEER]) await firstPrediction(browser, site, engine);
    for (let pair = 0; pair < runs; pair++) {
      for (const engine of [OURS, PEER]) samples[engine].push((await firstPrediction(browser, site, engine, network)).answered_ms);
    }
    say(`cold ${network}: ${runs} pairs, load ${loadavg()[0].toFixed(2)}`);
    found.push(...timedRows("cold", "loan-approval", samples, { network, pairs: runs, load: loadavg()[0] }));
  }
  return found;
}

async function steadySection() {
  const found = [];
  for (const { model, samples, refused, load = loadavg()[0], wrong: difference } of await steady(browser, site)) {
    if (difference) wrong++, say(`steady ${model}: WRONG, ${difference}`);
    const [ours] = Object.keys(samples);
    // What answers wrongly is not timed, and the run fails after everything has been written.
    const why = difference ? { ...refused, [ours]: WRONG } : refused;
    const pairs = Object.values(samples).find(Boolean)?.length ?? 0;
    say(`steady ${model}: ${pairs} pairs, load ${load.toFixed(2)}${Object.entries(why).map(([engine, code]) => (code ? `, ${engine}: ${code}` : "")).join("")}`);
    found.push(...timedRows("steady", model, samples, { refused: why, pairs, load }));
  }
  return found;
}

function writeTable() {
  const path = join(root, "README.md");
  const day = new Date().toISOString().slice(0, 10);
  const sentence = `Chromium ${browser.version()}, ${availableParallelism()} cores, one thread, ${day}. Medians, taken in turn with onnxruntime-web on the same machine, so ratios count more than times.`;
  writeFileSync(path, withTable(readFileSync(path, "utf8"), table(rows), sentence));
  say("The table of README.md is new.");
}
