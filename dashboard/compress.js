// Every browser supports gzip, which reduces the pages to a third: the server embeds only the compressed files,
// under the original names.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";

const folder = process.env.PAGES_FOLDER ?? join(import.meta.dirname, "dist");

for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath, entry.name);
  writeFileSync(path, gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION }));
}
