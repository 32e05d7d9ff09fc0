// A user in a browser at GraphiQL: node graphiql.mjs URL [TOKEN]
//
// Runs a query, a mutation and a subscription with its live result. Nothing may be loaded from another host, and no load
// may fail.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, token] = process.argv.slice(2);
const home = new URL(url);
const profile = mkdtempSync(join(tmpdir(), "tickerq-browser-"));
const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // As root there is no sandbox; the other options disable background requests of the browser.
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync"],
});
const wrong = [];
try {
    const page = await context.newPage();
    page.on("pageerror", (error) => wrong.push(`error in the page: ${error.message}`));
    page.on("request", (request) => {
        const { protocol, host } = new URL(request.url());
        if (protocol.startsWith("http") && host !== home.host) wrong.push(`another host: ${request.url()}`);
    });
    page.on("console", (message) => {
        if (message.text().includes("Content Security Policy")) wrong.push(message.text());
    });
    page.on("response", (answer) => {
        // Without a token the first schema request of the page is rejected.
        const isRefused = token !== undefined && answer.status() === 401;
        if (answer.status() >= 400 && !isRefused) wrong.push(`${answer.status()} for ${answer.url()}`);
    });
    await page.goto(`${url}/graphiql`);
    const editor = page.locator(".graphiql-query-editor .monaco-editor").first();
    await editor.waitFor();
    const response = page.locator(".graphiql-response .view-lines").first();
    const execute = page.getByRole("button", { name: "Execute query" });

    /** Waits until an editor shows this text. It renders non-breaking spaces. */
    async function shows(selector, pattern) {
        const isShown = ([selector, source]) => {
            const text = document.querySelector(`${selector} .view-lines`)?.textContent ?? "";
            return new RegExp(source).test(text.replaceAll("\u00a0", " "));
        };
        try {
            await page.waitForFunction(isShown, [selector, pattern.source]);
        } catch (error) {
            throw new Error(`${selector} does not show ${pattern}: ${await response.textContent()}`, { cause: error });
        }
    }
    const answers = (pattern) => shows(".graphiql-response", pattern);

    /** Opens an example in a new tab. */
    async function open(title, operation) {
        const show = page.getByRole("button", { name: "Show Examples" });
        if (await show.isVisible()) await show.click();
        await page.getByRole("region", { name: "Examples" }).getByRole("button", { name: title }).click();
        await shows(".graphiql-query-editor", new RegExp(operation));
        // The tab has the operation's name once the editor has parsed the text.
        await page.locator(".graphiql-tab-active", { hasText: operation.split(" ")[1] }).waitFor();
    }

    if (token !== undefined) {
        await execute.click();
        await answers(/"code": "unauthenticated"/);
        await page.getByLabel("Token").fill(token);
        await page.getByRole("button", { name: "Use", exact: true }).click();
        await page.getByRole("button", { name: "In use" }).waitFor();
    }

    await open("The newest jobs", "query NewestJobs");
    await execute.click();
    await answers(/"totalCount": 0/);

    await open("Watch jobs", "subscription WatchJobs");
    await execute.click();
    await page.getByRole("button", { name: "Stop query" }).waitFor();
    // The page does not show when the subscription starts: jobs are created until it receives one.
    const isReceived = answers(/"event": "CREATED"/).then(() => true);
    const aMoment = () => new Promise((resolve) => setTimeout(resolve, 100, false));
    while (!(await Promise.race([isReceived, aMoment()]))) {
        const job = await fetch(`${url}/api/tickerq/jobs`, {
            method: "POST",
            headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
            body: JSON.stringify({ type: "EmailNotificationJob" }),
        });
        assert.equal(job.status, 201);
    }
    await page.getByRole("button", { name: "Stop query" }).click();

    await open("Schedule a job", "mutation ScheduleJob");
    await execute.click();
    await answers(/"isNew": true/);

    // The explorer requires the schema.
    await page.getByRole("button", { name: "Show GraphiQL Explorer" }).click();
    await page.locator(".graphiql-explorer-root, .docExplorerWrap").first().getByText("scheduleJob").first().waitFor();

    assert.deepEqual(wrong, []);
    console.log("ok");
} finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
}
