// Screenshots of every page, to be looked at: node screenshots.mjs [FOLDER]
//
// Light and dark, on a desktop and a telephone, empty and with jobs. TICKERQ names the program, target/release/tickerq by
// default. `npm run screenshots` in dashboard/ runs it.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { open, pageNames, seed, settle } from "./browser.mjs";

const CONFIG = `[webhooks]
enable = true
[job_types.NoopJob]
handler = "noop"
[job_types.FailingJob]
max_retries = 0
handler = { command = { program = "sh", args = ["-c", "echo gateway timeout >&2; exit 1"] } }
`;
const SIZES = [["desktop", { width: 1400, height: 900 }], ["phone", { width: 390, height: 844 }]];

const folder = resolve(process.argv[2] ?? "screenshots");
const program = resolve(process.env.TICKERQ ?? fileURLToPath(new URL("../../../target/release/tickerq", import.meta.url)));

/** Starts a server in an empty folder. */
async function start() {
    const home = mkdtempSync(join(tmpdir(), "tickerq-screenshots-"));
    writeFileSync(join(home, "tickerq.toml"), CONFIG);
    const server = spawn(program, ["serve", "--listen", "127.0.0.1:0"], { cwd: home, stdio: ["ignore", "ignore", "pipe"] });
    const end = () => {
        server.kill();
        rmSync(home, { recursive: true, force: true });
    };
    for await (const line of createInterface({ input: server.stderr })) {
        const url = /listening on (http:\S+)/.exec(line)?.[1];
        if (url !== undefined) {
            server.stderr.resume();
            return { url, end };
        }
    }
    throw new Error(`${program} does not start`);
}

/** Creates finished and failed jobs beside those of the tests. */
async function fill(url) {
    const address = await seed(url);
    const jobs = Array.from({ length: 240 }, (_, index) => ({ type: index % 12 === 0 ? "FailingJob" : "NoopJob", parameters: { index } }));
    await fetch(`${url}/api/tickerq/jobs/batch`, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ jobs }),
    });
    await new Promise((done) => setTimeout(done, 4000));
    return address;
}

let count = 0;
for (const state of ["empty", "usual"]) {
    const server = await start();
    const address = state === "empty" ? (name) => name : await fill(server.url);
    const { page, wrong, close } = await open(server.url, { allowed: [404] });
    try {
        for (const name of pageNames()) {
            // A page of one thing has no address without it.
            const path = address(name);
            if (path === null || (state === "empty" && ["job", "schedule", "worker", "webhook", "delivery", "operation"].includes(name))) continue;
            await page.goto(`${server.url}/dashboard/${path}`);
            await settle(page);
            for (const [device, size] of SIZES) {
                await page.setViewportSize(size);
                for (const colorScheme of ["light", "dark"]) {
                    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
                    await page.waitForTimeout(300);
                    mkdirSync(join(folder, name), { recursive: true });
                    await page.screenshot({ path: join(folder, name, `${state}-${device}-${colorScheme}.png`) });
                    count += 1;
                }
            }
        }
        wrong.forEach((line) => console.error(line));
    } finally {
        await close();
        server.end();
    }
}
console.log(`${count} screenshots in ${folder}`);
