// One folder per page, each with an index.html. All addresses are relative, so that the pages work behind a proxy with a
// path prefix.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { sizes } from "./sizes.js";

// `npm run sizes` builds to count bytes only.
const isCounted = process.env.SIZES !== undefined;

export default defineConfig({
  base: "./",
  plugins: [svelte(), ...(isCounted ? [sizes()] : [])],
  build: {
    // build.rs builds into a separate folder.
    outDir: process.env.PAGES_FOLDER ?? "dist",
    emptyOutDir: true,
    write: !isCounted,
    target: "es2022",
    // The editor of GraphiQL is one large chunk; it is loaded once and cached for a year.
    chunkSizeWarningLimit: 6000,
    rollupOptions: {
      input: {
        // Most of a build's time; PAGES=dashboard leaves it out.
        ...(process.env.PAGES === "dashboard" || isCounted ? {} : { graphiql: "graphiql/index.html" }),
        // One entry for each depth of an address, so that all references are relative.
        dashboard: "dashboard/index.html",
        item: "dashboard/item/index.html",
      },
      onwarn(warning, warn) {
        // Directives of libraries for React Server Components, which are not used.
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
  // The editor's workers share chunks.
  worker: { format: "es" },
  // `npm run dev` with a server on its default port.
  server: {
    proxy: {
      "/api": { target: process.env.TICKERQ_URL ?? "http://127.0.0.1:5000" },
      "/graphql": { target: process.env.TICKERQ_URL ?? "http://127.0.0.1:5000", ws: true },
    },
  },
  test: { include: ["{app,parts,pages}/**/*.test.ts"] },
});
