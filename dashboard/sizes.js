// Sizes of what a browser loads, packed as the server sends it: `npm run sizes` prints them, and fails over budget.
import { constants, gzipSync } from "node:zlib";

/** Limits in kB (1,000 bytes): JavaScript and CSS up to a usable overview, and of each further page. */
const FIRST_LOAD = 180;
const PAGE = 40;

const packed = (content) => gzipSync(content, { level: constants.Z_BEST_COMPRESSION }).length / 1000;

/** A plugin that reports the sizes of a build that is not written. */
export function sizes() {
  return {
    name: "sizes",
    generateBundle(_, bundle) {
      const chunks = Object.values(bundle).filter(({ type }) => type === "chunk");
      const byModule = (end) => chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith(end));
      /** A chunk with everything that it imports, and their CSS. */
      const files = (chunk, found = new Set()) => {
        if (chunk === undefined || found.has(chunk.fileName)) return found;
        found.add(chunk.fileName);
        for (const css of chunk.viteMetadata?.importedCss ?? []) found.add(css);
        for (const name of chunk.imports) files(bundle[name], found);
        return found;
      };
      const sizeOf = (names) => [...names].reduce((sum, name) => sum + packed(bundle[name].code ?? bundle[name].source), 0);
      const worker = Object.keys(bundle).filter((name) => bundle[name].type === "asset" && name.endsWith(".js"));
      const first = new Set([
        ...files(byModule("dashboard/dashboard/index.html")),
        ...files(byModule("pages/overview/Overview.svelte")),
        ...files(byModule("texts/en/index.ts")),
        ...worker,
      ]);
      const lines = [["first load", sizeOf(first), FIRST_LOAD]];
      const loaded = (chunk) => sizeOf([...files(chunk)].filter((name) => !first.has(name)));
      for (const chunk of chunks.filter(({ isDynamicEntry }) => isDynamicEntry)) {
        const page = /\/pages\/([^/]+)\/([^/]+)\.svelte$/.exec(chunk.facadeModuleId ?? "");
        if (page !== null && page[2] !== "Overview") lines.push([`page ${page[1]}`, loaded(chunk), PAGE]);
      }
      const plot = chunks.find(({ moduleIds }) => moduleIds.some((id) => id.includes("/uplot/")));
      if (plot !== undefined) lines.push(["charts", loaded(plot), null]);
      for (const [what, size, limit] of lines) {
        const most = limit === null ? "" : ` of at most ${limit} kB`;
        console.log(`${what.padEnd(20)} ${size.toFixed(1).padStart(6)} kB${most}`);
      }
      const tooLarge = lines.filter(([, size, limit]) => limit !== null && size > limit);
      if (tooLarge.length > 0) this.error(`over budget: ${tooLarge.map(([what]) => what).join(", ")}`);
    },
  };
}
