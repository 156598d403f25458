// Builds www/sdk/dist: the TypeScript by tsc, the entries of pages as one file each, the WebAssembly and its glue.
// Usage: node www/sdk/build.mjs [WASM [DIST]]
//   WASM  the folder of wasm-pack's output; target/wasm if left out
//   DIST  the folder to write; www/sdk/dist if left out
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { rolldown } from "rolldown";

const sdk = fileURLToPath(new URL(".", import.meta.url));
const root = join(sdk, "../..");
const [wasm = join(root, "target/wasm"), dist = join(sdk, "dist")] = process.argv.slice(2).map((path) => resolve(path));

/** What pages fetch as they are, each in one file: a page waits for every level of imports, one round trip each. */
const PAGE_ENTRIES = ["index", "slim", "beacon", "worker-entry"];

/** The WebAssembly modules: wasm-pack's folder and the name in the package. */
const RUNTIMES = [
  { folder: "small", name: "nearside" },
  { folder: "full", name: "nearside-full" },
  { folder: "canvas", name: "nearside-canvas" },
];

for (const { folder } of RUNTIMES) {
  for (const file of ["nearside.js", "nearside_bg.wasm"]) {
    if (!existsSync(join(wasm, folder, file))) {
      fail(`${join(wasm, folder, file)} is missing. Run \`make wasm\` first: it compiles the WebAssembly runtimes.`);
    }
  }
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
for (const { folder, name } of RUNTIMES) {
  cpSync(join(wasm, folder, "nearside_bg.wasm"), join(dist, `${name}.wasm`));
  if (hasTwin(folder)) {
    checkTwin(folder);
    cpSync(join(wasm, `${folder}-relaxed`, "nearside_bg.wasm"), join(dist, `${name}.relaxed.wasm`));
  }
  writeFileSync(join(dist, `${name}.js`), asFactory(readFileSync(join(wasm, folder, "nearside.js"), "utf8"), folder));
  cpSync(join(sdk, `${name}.d.ts`), join(dist, `${name}.d.ts`));
}
writeFileSync(join(dist, "assets.js"), assets());
cpSync(join(sdk, "assets.d.ts"), join(dist, "assets.d.ts"));

// Scripts go without comments, since pages download them; the declarations keep theirs, since editors show them.
tsc("--removeComments");
tsc("--declaration", "--emitDeclarationOnly");
const flattened = new Map();
for (const entry of PAGE_ENTRIES) await flatten(entry, "esm");
await flatten("stub", "iife");
// Only now, since one entry may be made of files that another one replaces.
for (const [name, code] of flattened) writeFileSync(join(dist, name), code);

/** Relaxed SIMD twins share the glue of their plain build: only instructions differ. */
function hasTwin(folder) {
  return existsSync(join(wasm, `${folder}-relaxed`, "nearside_bg.wasm"));
}

/** The glue of the plain build must fit the twin: same imports, same exports, each of the same kind. */
function checkTwin(folder) {
  // Node 20 has relaxed SIMD behind a flag; later ones have it anyway.
  if (process.version.startsWith("v20.")) setFlagsFromString("--experimental-wasm-relaxed-simd");
  const [plain, twin] = [folder, `${folder}-relaxed`].map((name) => {
    const module = new WebAssembly.Module(readFileSync(join(wasm, name, "nearside_bg.wasm")));
    const imports = WebAssembly.Module.imports(module).map(({ module, name, kind }) => `import ${module} ${name} (${kind})`);
    const exports = WebAssembly.Module.exports(module).map(({ name, kind }) => `export ${name} (${kind})`);
    return new Set([...imports, ...exports]);
  });
  const [more, less] = [[...twin].filter((line) => !plain.has(line)), [...plain].filter((line) => !twin.has(line))];
  if (more.length + less.length === 0) return;
  const lines = [...more.map((line) => `  only ${folder}-relaxed: ${line}`), ...less.map((line) => `  only ${folder}: ${line}`)];
  fail(`${folder}-relaxed is not a twin of ${folder}, whose glue it is to run with:\n${lines.join("\n")}\nBuild both from the same sources with the same tools: \`make wasm WASM_PROFILE=wasm\`.`);
}

/**
 * wasm-bindgen keeps the one instance of a module in module-level variables. Wrapped into a function, each call has
 * variables of its own, so that a dead instance can be replaced while objects of the dead one are still around.
 * The default path is taken out, because build tools would follow it to a file that is not there.
 */
function asFactory(glue, folder) {
  const names = [];
  const body = glue
    .replace(/^export (class|function) (\w+)/gm, (_, kind, name) => (names.push(name), `${kind} ${name}`))
    .replace(/^export \{ initSync, __wbg_init as default \};$/m, "")
    .replace(/module_or_path = new URL\([^)]*import\.meta\.url\);/, 'throw new Error("nearside: say where the .wasm is: init({ module_or_path })");')
    .replace(/^\/\* @ts-self-types=.*\n/, "")
    .replace(/^\s*\/\*\*\n(\s*\*.*\n)+/gm, "");
  if (/^(import|export) |import\.meta/m.test(body) || !names.includes("version")) {
    fail(`target/wasm/${folder}/nearside.js does not look like wasm-bindgen's web output; asFactory() in www/sdk/build.mjs has to follow its new shape.`);
  }
  return `// Generated by wasm-bindgen; wrapped by www/sdk/build.mjs.
export function create() {
${body.trim()}
return { init: __wbg_init, initSync, ${names.join(", ")} };
}
`;
}

/**
 * Puts an entry and all that it imports into one minified file, over the one that tsc wrote. What it imports on demand
 * stays in files of its own. The single files remain for hosts that read from a disk, and for entries that share them.
 */
async function flatten(entry, format) {
  const bundle = await rolldown({ input: { [entry]: join(dist, `${entry}.js`) }, preserveEntrySignatures: "allow-extension" });
  try {
    const { output } = await bundle.generate({ format, minify: true, chunkFileNames: `${entry}-[name].js` });
    for (const { fileName, code } of output) flattened.set(fileName, code);
  } finally {
    await bundle.close();
  }
}

function assets() {
  const of = (kind, modules) => `{ ${modules.map(({ folder, name }) => `${folder}: () => new URL("./${name}${kind}.wasm", import.meta.url)`).join(", ")} }`;
  return `// Generated by www/sdk/build.mjs: the WebAssembly files of this build.
export const runtimes = ${of("", RUNTIMES)};
export const relaxedRuntimes = ${of(".relaxed", RUNTIMES.filter(({ folder }) => hasTwin(folder)))};
`;
}

function tsc(...options) {
  try {
    execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", sdk, "--outDir", dist, ...options], { stdio: "inherit" });
  } catch {
    fail("tsc found errors; see above.");
  }
}

function fail(message) {
  console.error(`www/sdk/build.mjs: ${message}`);
  process.exit(1);
}
