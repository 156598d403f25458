// One page, one model. Everything on screen comes from the bundle: fields, units, ranges, limits and reasons.
import { load } from "/sdk/index.js";
import { reasons } from "/sdk/explain.js";

const $ = (id) => document.getElementById(id);
const key = await writeKey();

let model;
try {
  model = await load("/models/loan-approval/", {
    // Without a key there is no collector here, and nothing ever leaves the page.
    ...(key && { collector: { url: location.origin, key } }),
    consent: "ask",
  });
} catch (error) {
  say(error.message, true);
  throw error;
}

const { features, groups } = model.manifest;
$("fields").append(...features.map(field));
$("groups").append(...groups.map(groupField));
$("status").hidden = true;
$("application").hidden = false;
$("sharing").hidden = !key;

$("consent").addEventListener("change", ({ target }) => model.consent(target.checked));
$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  await answer();
  // On a phone the answer is below the form.
  ($("status").hidden ? $("answer") : $("status")).scrollIntoView({ block: "nearest" });
});
model.addEventListener("update", ({ detail }) => say(`The model was renewed: version ${detail.to}.`));
model.addEventListener("error", ({ detail }) => say(detail.message, true));

// The example values are answered at once, so that the page has something to show.
await answer();

/** The public write key: that of the address, else the one that a collector gives its own pages. */
async function writeKey() {
  const given = new URLSearchParams(location.search).get("key");
  if (given) return given;
  const config = await fetch("/config.json").then((response) => response.ok && response.json()).catch(() => null);
  return config?.write_key;
}

async function answer() {
  try {
    const prediction = await model.predict(record(), { groups: declared() });
    show(prediction, await model.explain(prediction));
    $("status").hidden = true;
  } catch (error) {
    say(error.message, true);
  }
}

/** What the form holds, as a raw record; an empty field is a missing value. */
function record() {
  return Object.fromEntries(features.map(({ name, kind }) => {
    const text = $(`feature-${name}`).value;
    if (text === "") return [name, null];
    if (kind === "boolean") return [name, text === "true"];
    return [name, kind === "category" ? text : Number(text)];
  }));
}

/** The groups that the person chose to tell, for fairness counters only. */
function declared() {
  const told = groups.map(({ name }) => [name, $(`group-${name}`).value]).filter(([, value]) => value !== "");
  return Object.fromEntries(told);
}

function show({ action, label, score, boundary, id, timing, version }, explanation) {
  $("answer").hidden = false;
  $("action").textContent = sentence(action ?? label);
  $("action").dataset.action = action ?? "";
  $("needle").style.left = `${score * 100}%`;
  const { target, positive } = model.manifest.task;
  $("score").textContent = `Chance of “${words(target)}: ${positive}”: ${percent(score)}`;
  $("limits").hidden = boundary.inside;
  $("violations").replaceChildren(...boundary.violations.map(({ message }) => item(message)));
  $("why").textContent = explanation.text;
  $("reasons").replaceChildren(...reasons(explanation, 4).map(reason));
  $("receipt").textContent = `Receipt ${id} · version ${version} · ${timing.total.toFixed(2)} ms`;
}

function reason({ feature, value, direction, share }) {
  const line = item(`${words(feature)} ${value ?? "not given"}: ${direction} the chance`);
  const bar = document.createElement("span");
  bar.className = `bar ${direction}`;
  bar.style.width = `${Math.max(2, share * 100)}%`;
  line.append(bar);
  return line;
}

function field(feature) {
  const { name, kind, unit, range, values, example, note } = feature;
  const closed = values.length > 0;
  const input = closed ? select(values, "Not known") : document.createElement("input");
  if (!closed) Object.assign(input, { type: "number", step: kind === "integer" ? 1 : "any", inputMode: "decimal" });
  input.value = example ?? "";
  input.id = `feature-${name}`;
  const limits = range && `${range[0].toLocaleString("en")} to ${range[1].toLocaleString("en")}`;
  return labelled(input, words(name), [unit, limits, note].filter(Boolean).join(" · "));
}

function groupField({ name, values }) {
  const input = select(values, "Prefer not to say");
  input.id = `group-${name}`;
  return labelled(input, words(name), "counted for fairness, never used for the answer");
}

function labelled(input, title, hint) {
  const label = document.createElement("label");
  const name = document.createElement("span");
  name.textContent = sentence(title);
  label.append(name, input);
  if (hint) {
    const small = document.createElement("small");
    small.textContent = hint;
    label.append(small);
  }
  return label;
}

function select(values, none) {
  const input = document.createElement("select");
  input.append(new Option(none, ""), ...values.map((value) => new Option(words(value), value)));
  return input;
}

function item(text) {
  const line = document.createElement("li");
  line.textContent = text;
  return line;
}

function say(text, wrong = false) {
  $("status").hidden = false;
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
}

function words(name) {
  return String(name).replaceAll("_", " ");
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + words(text.slice(1));
}

function percent(share) {
  return share.toLocaleString("en", { style: "percent", maximumFractionDigits: 1 });
}
