// The address is the state: node addresses.mjs URL
import assert from "node:assert/strict";
import { open, settle } from "./browser.mjs";

const [url] = process.argv.slice(2);
const { page, wrong, close } = await open(url);
const path = () => new URL(page.url()).pathname + new URL(page.url()).search;
const heading = () => page.locator("main h1").first().innerText();

/** Waits until the address and the heading are these. */
async function at(address, title) {
    await page.waitForFunction((address) => location.pathname + location.search === address, address);
    await page.locator("main h1", { hasText: title }).first().waitFor();
}

try {
    await page.goto(`${url}/dashboard/`);
    await settle(page);
    const first = await heading();
    const link = page.getByRole("navigation").getByRole("link", { name: "Settings", exact: true }).first();
    const requests = [];
    page.on("request", (request) => request.isNavigationRequest() && requests.push(request.url()));
    await link.click();
    await at("/dashboard/settings", "Settings");
    // Focus is on the heading, and the document was not loaded again.
    await page.waitForFunction(() => document.activeElement?.tagName === "H1");
    assert.deepEqual(requests, []);
    await page.goBack();
    await at("/dashboard/", first);
    await page.goForward();
    await at("/dashboard/settings", "Settings");
    await page.reload();
    await at("/dashboard/settings", "Settings");
    // Parameters that a page does not have, and names in the query, are no error.
    await page.goto(`${url}/dashboard/overview?unknown=%3Cscript%3E`);
    await settle(page);
    await page.goto(`${url}/dashboard/no-such-page`);
    await at("/dashboard/no-such-page", "No such page");
    // The palette leads back.
    await page.keyboard.press("Control+k");
    const palette = page.locator("dialog[open]");
    await palette.waitFor();
    const field = palette.getByRole("combobox");
    if ((await field.count()) > 0) {
        await field.fill("sett");
        await palette.getByRole("option", { name: /Settings/ }).first().waitFor();
        await page.keyboard.press("Enter");
        await at("/dashboard/settings", "Settings");
    } else {
        await palette.getByRole("link").first().click();
        await page.locator("main h1", { hasText: first }).first().waitFor();
    }
    assert.ok(!path().includes("token"));
    assert.deepEqual(wrong, []);
    console.log("ok");
} finally {
    await close();
}
