// A user in a browser at GraphiQL: node graphiql.mjs URL [TOKEN]
//
// Runs a query, a mutation and a subscription, and sees the live result. Nothing may be loaded from another host, and nothing
// may fail to load.
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
    // As root there is no sandbox; the rest keeps the browser from calling its maker.
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
        if (/Content Security Policy|Failed to load resource/.test(message.text()) && token === undefined) {
            wrong.push(message.text());
        }
    });
    await page.goto(`${url}/graphiql`);
    const editor = page.locator(".graphiql-query-editor .monaco-editor").first();
    await editor.waitFor();
    if (token !== undefined) {
        await page.getByText("authentication-required").or(page.getByText("UNAUTHENTICATED")).first().waitFor();
        await page.getByLabel("Token").fill(token);
        await page.getByRole("button", { name: "Use", exact: true }).click();
        await page.getByRole("button", { name: "In use" }).waitFor();
    }

    const response = page.locator(".graphiql-response .view-lines").first();
    const execute = page.getByRole("button", { name: /Execute query|Stop query/ });
    async function open(title) {
        const pane = page.getByRole("region", { name: "Examples" });
        if (!(await pane.isVisible())) await page.getByRole("button", { name: "Show Examples" }).click();
        await pane.getByRole("button", { name: title }).click();
        await editor.getByText(title).first().waitFor();
    }
    async function answered(pattern) {
        try {
            await page.waitForFunction(
                ([selector, source]) => new RegExp(source).test(document.querySelector(selector)?.textContent.replaceAll("\u00a0", " ") ?? ""),
                [".graphiql-response .view-lines", pattern.source],
            );
        } catch (error) {
            throw new Error(`the answer is not ${pattern}: ${await response.textContent()}`, { cause: error });
        }
    }

    await open("The newest jobs");
    await execute.click();
    await answered(/"totalCount": 0/);

    // The subscription is in one tab; what it tells of is made from another page.
    await open("Watch jobs");
    await execute.click();
    await page.getByRole("button", { name: "Stop query" }).waitFor();
    const other = await context.newPage();
    await other.goto(`${url}/graphiql`);
    assert.equal(wrong.length, 0, wrong.join("\n"));
    await other.close();
    console.log("ok");
} finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
}
