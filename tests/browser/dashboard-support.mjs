// What the dashboard's tests start and stop: a collector, a static host, a browser.
import { spawn } from "node:child_process";
import { createServer, request as ask } from "node:http";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** The policy that the collector sends; a static host is expected to send the same. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; require-trusted-types-for 'script'";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** The binary under test. */
export const binary = process.env.NEARSIDE ?? join(root, "target/release/nearside");

/** Starts the collector on a free port, with an empty store where no `data` folder is given. */
export async function startCollector({ project = "models/loan-approval", data: kept, options = [] } = {}) {
  const data = kept ?? (await mkdtemp(join(tmpdir(), "nearside-collector-")));
  const args = ["serve", "--project", project, "--port", "0", "--data", data, ...options];
  const child = spawn(binary, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const origin = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the collector did not start:\n${said}`)), 20_000);
    const hear = (chunk) => {
      said += chunk;
      const found = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(said);
      if (found) clearTimeout(timer), resolve(found[1]);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the collector ended with ${code}:\n${said}`)));
  });
  return {
    origin,
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
      if (!kept) await rm(data, { recursive: true, force: true });
    },
  };
}

/** A collector with its dashboard; `DASHBOARD` names a folder with a newer one than the binary carries. */
export async function startDashboard() {
  const collector = await startCollector();
  if (!process.env.DASHBOARD) return collector;
  const host = await startStaticHost({ collector: collector.origin });
  return { origin: host.origin, stop: async () => (await host.stop(), await collector.stop()) };
}

/**
 * Hosts the built dashboard as plain files: with SDK and bundle beside it and no collector, or with `collector`, the
 * origin of one that gets everything else. `answer(path, request, response)` comes first: it answers itself where it
 * gives `true`.
 */
export async function startStaticHost({ collector, answer } = {}) {
  const places = [
    ["/sdk/", join(root, "www/sdk/dist")],
    ["/models/loan-approval/", join(root, "models/loan-approval/bundle")],
    ["/", process.env.DASHBOARD ?? join(root, "www/dashboard/dist")],
  ];
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://host").pathname));
    if (await answer?.(path, request, response)) return;
    if (collector && /^\/(v1\/|models\/|sdk\/|config\.json$)/.test(path)) return forward(collector, request, response);
    const [prefix, folder] = places.find(([start]) => path.startsWith(start));
    const rest = path.slice(prefix.length) || "index.html";
    try {
      const body = await readFile(join(folder, rest));
      response.writeHead(200, { "content-type": TYPES[extname(rest)] ?? "application/octet-stream", "content-security-policy": POLICY });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))),
  };
}

function forward(origin, request, response) {
  const { method, headers, url } = request;
  const onward = ask(new URL(url, origin), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers).flushHeaders();
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}

/** A Chromium without a network of its own. */
export function startBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
}

/** A page that notes everything that went wrong in it; a policy violation is an error on the console. */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(error.message));
  return { page, problems, close: () => context.close() };
}

/** The number in Monitoring's first figure. */
export async function predictionsShown(page) {
  const figure = page.locator("ns-figures li").filter({ hasText: "Predictions" }).locator("b");
  await figure.waitFor({ timeout: 30_000 });
  return Number((await figure.textContent()).replaceAll(",", ""));
}

const axe = await readFile(join(root, "node_modules/axe-core/axe.min.js"), "utf8");

/** Serious and critical findings of axe-core, one line each. */
export async function seriousFindings(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map((node) => node.target.flat().join(" ")).join("; ")})`);
}
