// Measures Nearside side by side with onnxruntime-web, TensorFlow.js and plain JavaScript: same models, same page, in turn.
// Ratios count more than times.
// Usage: node tests/bench/bench.mjs [--section bytes|cold|shaped|steady|batch|create|memory|telemetry] [--runs N] [--hints]
//   --section  runs one section, and leaves the README alone
//   --runs     rounds of cold page loads on each network; 5 by default
//   --hints    gives every cold page, of whichever engine, preload hints for its script, runtime and model
// Takes the plans from the binary that NEARSIDE names, or target/release/nearside, and the models from ../shared/bench.
// Writes target/bench/bench.json; a full run also rewrites the tables of README.md.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { launch, requireBuild, root } from "../browser/support.mjs";

requireBuild();
const { firstFiles, firstPrediction, loanApproval, OURS, PEER, sharedSubjects, SLOW } = await import("./first.mjs");
const { shared } = await import("./models.mjs");
const { columns, rowsOf, say, tables, telemetryRows, timedRows, withTables, WRONG } = await import("./rows.mjs");
const { HOST_HEAD, hostFiles, openShaped, SHAPED_WORDS } = await import("./shaped.mjs");
const { nearsideFiles, openSite, peerFiles, target } = await import("./site.mjs");
const inPages = await import("./steady.mjs");
const { tfjsFiles } = await import("./tfjs.mjs");

const SECTIONS = {
  bytes: bytesSection, cold: coldSection, shaped: shapedSection, steady: () => timedSection("steady"), batch: () => timedSection("batch"),
  create: () => timedSection("create"), memory: memorySection, telemetry: telemetrySection,
};
const { section, runs, hints } = options();
if (!Object.keys(shared).length) say("\n  THERE ARE NO SHARED MODELS beside this checkout (../shared/bench/models.json): only loan-approval is measured.\n");

const firsts = [loanApproval({ hints }), ...sharedSubjects({ hints })];
const hosted = [loanApproval({ hints, head: HOST_HEAD }), ...sharedSubjects({ hints, head: HOST_HEAD }, ["mlp"])];
const { files, models } = inPages.steadyFiles();
const pages = firstFiles([...firsts, ...hosted]);
const contents = { ...nearsideFiles(), ...peerFiles(), ...(await tfjsFiles()), ...hostFiles(), ...files, ...pages };
// Compressed is what a cold page fetches; the rest would only take its time.
const compress = (path) => path in pages || (/^\/(peer|tfjs|models|sdk)\//.test(path) && !/full|slim|worker/.test(path));
const site = await openSite(contents, { compress });
const browser = await launch();
const rows = [];
let wrong = 0;
try {
  for (const name of section ? [section] : Object.keys(SECTIONS)) {
    const started = Date.now();
    const found = await SECTIONS[name]();
    say(`${name}: ${Math.round((Date.now() - started) / 1000)} s`);
    for (const { title, lines } of tables(found)) console.log(`\n${title}\n${columns(lines)}`);
    rows.push(...found);
  }
} finally {
  await site.close();
  await browser.close();
}
mkdirSync(target, { recursive: true });
writeFileSync(join(target, "bench.json"), `${JSON.stringify(rows, null, 2)}\n`);
if (!section) writeReadme();
if (wrong) say(`Engines that failed or answered otherwise than ${PEER}, and were not timed: ${wrong}.`);
process.exitCode = wrong ? 1 : 0;

function options() {
  const { values } = parseArgs({ options: { section: { type: "string" }, runs: { type: "string", default: "5" }, hints: { type: "boolean", default: false } } });
  const runs = Number(values.runs);
  if ((values.section && !SECTIONS[values.section]) || !(Number.isInteger(runs) && runs > 0)) {
    say(`usage: node tests/bench/bench.mjs [--section ${Object.keys(SECTIONS).join("|")}] [--runs N] [--hints]`);
    process.exit(2);
  }
  return { section: values.section, runs, hints: values.hints };
}

/** Every page of a subject that is not refused, the peer's first: what others are compared with, its answer may have to tell. */
function pagesOf({ pages }) {
  return pages.filter(({ refused }) => !refused).sort((a, b) => (b.engine === PEER) - (a.engine === PEER));
}

/** A cold page's answer. A page that fails or answers wrongly is not loaded again, and the run fails after everything has been written. */
async function loaded(section, browser, site, subject, page, network) {
  try {
    return await firstPrediction(browser, site, subject, page, network);
  } catch (error) {
    wrong++;
    page.refused = error.code === "ERR_ASSERTION" ? WRONG : error.message;
    say(`${section} ${subject.model}: ${page.engine} FAILED, ${error.message}`);
    return null;
  }
}

/** The rows of one subject, `value` by page. Where our plan has weights at rest of several kinds, each has rows of its own beside the peers'. */
function rowsByWeights(subject, value, rowsFrom) {
  const others = subject.pages.filter(({ engine }) => engine !== OURS);
  return subject.pages.filter(({ engine }) => engine === OURS).flatMap((ours) => {
    const pages = [ours, ...others];
    const values = Object.fromEntries(pages.filter(({ refused }) => !refused).map((page) => [page.engine, value(page)]));
    const refused = Object.fromEntries(pages.filter(({ refused }) => refused).map((page) => [page.engine, page.refused]));
    return rowsFrom(values, { ...(ours.weights && { weights: ours.weights }), refused, own: { [OURS]: { deviation: ours.deviation } } });
  });
}

async function bytesSection() {
  const found = [];
  for (const subject of firsts) {
    const weights = new Map();
    for (const page of pagesOf(subject)) {
      const first = await loaded("bytes", browser, site, subject, page);
      if (first) weights.set(page, await site.weigh(first.fetched));
    }
    found.push(...rowsByWeights(subject, (page) => weights.get(page), (values, more) => {
      const each = (key) => Object.fromEntries(Object.entries(values).map(([engine, weight]) => [engine, weight[key]]));
      const [raw, gzip] = [each("raw"), each("gzip")];
      return rowsOf("bytes", subject.model, "bytes", "bytes", each("brotli"), more).map((row) => ({ ...row, raw: raw[row.engine], gzip: gzip[row.engine] }));
    }));
  }
  return found;
}

async function coldSection() {
  const found = [];
  for (const network of ["plain", SLOW]) found.push(...(await coldRows("cold", browser, site, firsts, network)));
  return found;
}

async function shapedSection() {
  // What to expect, told by the peer without the link.
  for (const subject of hosted) await loaded("shaped", browser, site, subject, pagesOf(subject)[0]);
  say(`shaped: ${SHAPED_WORDS}`);
  const far = await openShaped(site);
  try {
    return (await coldRows("shaped", far.browser, far.site, hosted, "cpu")).map((row) => ({ ...row, network: "shaped", link: SHAPED_WORDS }));
  } finally {
    await far.close();
  }
}

async function coldRows(section, browser, site, subjects, network) {
  const found = [];
  for (const subject of subjects) {
    const samples = new Map();
    // The first load of all pays for the browser's own start, and the peer's tells what to expect.
    const warmUp = network === "plain" ? pagesOf(subject) : subject.expected ? [] : pagesOf(subject).slice(0, 1);
    for (const page of warmUp) await loaded(section, browser, site, subject, page);
    for (let round = 0; round < runs; round++) {
      for (const page of pagesOf(subject)) {
        const first = await loaded(section, browser, site, subject, page, network);
        if (first) samples.set(page, [...(samples.get(page) ?? []), first.answered_ms]);
      }
    }
    const load = loadavg()[0];
    say(`${section} ${subject.model} ${network}: ${runs} rounds, load ${load.toFixed(2)}`);
    found.push(...rowsByWeights(subject, (page) => samples.get(page), (values, more) => timedRows(section, subject.model, values, { ...more, network, ...(hints && { hints }), pairs: runs, load })));
  }
  return found;
}

async function timedSection(section) {
  return (await inPages[section](browser, site, models)).flatMap(({ model, samples, refused, differences, load }) => {
    const why = { ...refused, ...wrongAnswers(section, model, differences) };
    const pairs = Math.max(0, ...Object.values(samples).map(({ length }) => length));
    say(`${section} ${model}: ${pairs} rounds, load ${load.toFixed(2)}${Object.entries(refused).map(([engine, words]) => `, ${engine}: ${words}`).join("")}`);
    return timedRows(section, model, samples, { refused: why, pairs, load });
  });
}

/** What answers wrongly is not timed, and the run fails after everything has been written. */
function wrongAnswers(section, model, differences) {
  return Object.fromEntries(Object.entries(differences).map(([engine, words]) => {
    wrong++;
    say(`${section} ${model}: ${engine} IS WRONG, ${words}`);
    return [engine, WRONG];
  }));
}

async function memorySection() {
  return (await inPages.memory(browser, site, models)).flatMap(({ model, values, parts, refused }) => rowsOf("memory", model, "bytes", "bytes", values, { refused, own: parts }));
}

async function telemetrySection() {
  return (await inPages.telemetry(browser, site)).flatMap((found) => {
    wrongAnswers("telemetry", found.model, found.differences);
    for (const [kind, words] of Object.entries(found.refused)) say(`telemetry ${found.model}: ${kind} was not measured, ${words}`);
    return found.samples.uncounted ? telemetryRows(found) : [];
  });
}

function writeReadme() {
  const path = join(root, "README.md");
  const day = new Date().toISOString().slice(0, 10);
  const words = `Chromium ${browser.version()}, ${availableParallelism()} cores, one thread, ${day}. Medians, taken in turn on the same machine, so ratios to onnxruntime-web count more than times. Shaped: ${SHAPED_WORDS}. JavaScript is generated, as m2cgen does it; tfjs is its core with the WebAssembly backend, bundled with only what the model needs. \`make bench\` writes this.`;
  writeFileSync(path, withTables(readFileSync(path, "utf8"), tables(rows), words));
  say("The tables of README.md are new.");
}
