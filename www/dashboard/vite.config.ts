import { defineConfig, type Plugin } from "vite";

/**
 * Keeps `import "./element.js"`: the root package says `sideEffects: false` for the SDK, but the
 * elements here register themselves.
 */
const elements: Plugin = {
  name: "nearside-elements",
  transform: { filter: { id: /\/dashboard\/src\// }, handler: (code) => ({ code, map: null, moduleSideEffects: true }) },
};

/** Builds the dashboard into static files that can be hosted under any path. */
export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  plugins: [elements],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    // Inlined assets would become data: URLs, which the policy allows for images only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
});
