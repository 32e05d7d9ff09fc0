// A browser at the dashboard, and jobs for it to show. Every script of this folder uses it.
import { readFileSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

/**
 * Opens a browser for a server and collects what must not happen: errors of the page and of its console, requests to
 * other hosts, and failed responses whose status is not in `allowed`.
 */
export async function open(url, { allowed = [], isOutageAllowed = false, ...options } = {}) {
    const profile = mkdtempSync(join(tmpdir(), "tickerq-browser-"));
    const context = await chromium.launchPersistentContext(profile, {
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        // As root there is no sandbox; the other options disable background requests of the browser.
        args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"],
        locale: "en-GB",
        timezoneId: "Europe/Berlin",
        ...options,
    });
    const { host } = new URL(url);
    const wrong = [];
    const page = await context.newPage();
    const at = () => new URL(page.url()).pathname;
    page.on("pageerror", (error) => wrong.push(`${at()}: error in the page: ${error.stack ?? error.message}`));
    page.on("request", (request) => {
        const target = new URL(request.url());
        if (!["data:", "blob:"].includes(target.protocol) && target.host !== host) wrong.push(`another host: ${target}`);
    });
    page.on("console", (message) => {
        if (!["error", "warning"].includes(message.type())) return;
        // Chromium logs each failed response, which are counted below.
        const isResponse = message.text().startsWith("Failed to load resource");
        const isOutage = isOutageAllowed && /ERR_|WebSocket connection/.test(message.text());
        if (!isResponse && !isOutage) wrong.push(`${at()}: ${message.type()} in the console: ${message.text()}`);
    });
    page.on("response", (response) => {
        if (response.status() >= 400 && !allowed.includes(response.status())) {
            wrong.push(`${at()}: ${response.status()} for ${response.url()}`);
        }
    });
    const close = async () => {
        await context.close();
        rmSync(profile, { recursive: true, force: true });
    };
    return { context, page, wrong, close };
}

/** Waits until a page shows its heading and nothing loads. */
export async function settle(page) {
    await page.locator("main h1").first().waitFor();
    await page.waitForFunction(() => document.querySelector("main .loading, main [aria-busy='true']") === null);
}

/** Waits until the header shows that live updates are in this state. */
export async function liveState(page, state) {
    await page.locator(`[data-live="${state}"]`).waitFor();
}

/** Pages that the dashboard has, as `app/routes.ts` lists them. */
export function pageNames() {
    const routes = readFileSync(new URL("../../../dashboard/app/routes.ts", import.meta.url), "utf8");
    return [...routes.matchAll(/^ {2}"?([a-z-]+)"?: \(\) => import/gm)].map(([, name]) => name);
}

/** Calls the REST API. */
export async function api(url, method, path, body, token) {
    const response = await fetch(`${url}/api/tickerq${path}`, {
        method,
        headers: { ...(body && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }) },
        ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
}

/** Creates something for every page to show, and returns the address of each page. */
export async function seed(url, token) {
    const send = (method, path, body) => api(url, method, path, body, token);
    const job = await send("POST", "/jobs", {
        type: "EmailNotificationJob", name: "A newsletter with a name that does not fit into one line of a telephone",
        queue: "mail:outgoing", tags: ["vip"], parameters: { customer: { id: 12345678901234 }, text: "<b>&</b>", list: [1, 2] },
    });
    await send("POST", "/jobs", { type: "ReportJob", delay: "01:00:00", priority: "high" });
    // A worker fails one job.
    const worker = await send("POST", "/workers", { name: "worker-1", types: ["EmailNotificationJob"], queues: ["mail:outgoing"] });
    const { jobs: leased } = await send("POST", `/workers/${worker.id}/lease`, { max: 1, wait: "00:00:05" });
    const failed = leased.map(({ jobId, leaseToken }) => ({ jobId, leaseToken, error: "550 mailbox unavailable", retry: false }));
    await send("POST", `/workers/${worker.id}/fail`, { jobs: failed });
    const schedule = await send("POST", "/jobs/recurring", { type: "ReportJob", cronExpression: "30 6 * * *", timeZone: "Europe/Berlin" });
    const endpoint = await send("POST", "/webhooks/endpoints", { url: "https://example.com/hooks", events: ["job.*"] }).catch(() => null);
    const addresses = {
        job: `jobs/${job.id}`,
        schedule: `schedules/${schedule.id}`,
        worker: `workers/${worker.id}`,
        webhook: endpoint && `webhooks/${endpoint.id}`,
        queue: `queue?name=${encodeURIComponent("mail:outgoing")}`,
        type: "type?name=EmailNotificationJob",
        error: "error?fingerprint=0",
        // Nothing here to show: the page states that there is none.
        operation: "operations/0192f0c1-7a5e-7c4d-9f3e-0123456789ab",
        delivery: "deliveries/1",
    };
    return (name) => (name in addresses ? addresses[name] : name);
}
