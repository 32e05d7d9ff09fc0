// A page a folder, each with an index.html. All addresses in them are relative, so that the server may stand behind a proxy
// that puts something before its paths.
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  build: {
    // build.rs builds into a folder of its own, for what it embeds.
    outDir: process.env.PAGES_FOLDER ?? "dist",
    emptyOutDir: true,
    target: "es2022",
    // The editor of GraphiQL is one large part; it is loaded once and kept for a year.
    chunkSizeWarningLimit: 6000,
    rollupOptions: {
      input: { graphiql: "graphiql/index.html" },
      onwarn(warning, warn) {
        // Libraries mark files for React's servers; there is none here.
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
  // The editor's workers share parts.
  worker: { format: "es" },
  // `npm run dev` beside a server that runs on its usual port.
  server: { proxy: { "/graphql": { target: "http://127.0.0.1:5000", ws: true } } },
});
