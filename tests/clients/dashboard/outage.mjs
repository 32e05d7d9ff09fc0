// A server that stops and starts: node outage.mjs URL
//
// Each line of standard output is an event; the test kills and starts the server in between.
import assert from "node:assert/strict";
import { api, liveState, open, settle } from "./browser.mjs";

const [url] = process.argv.slice(2);
await api(url, "POST", "/jobs", { type: "AnyJob", delay: "01:00:00" });
const { page, wrong, close } = await open(url, { isOutageAllowed: true });
try {
    await page.goto(`${url}/dashboard/`);
    await settle(page);
    await liveState(page, "live");
    const heading = await page.locator("main h1").first().innerText();
    console.log("live");
    const notice = page.getByRole("alert").filter({ hasText: "has not responded since" });
    await page.locator("[data-live='waiting'], [data-live='connecting'], [data-live='polling']").first().waitFor();
    await page.keyboard.press("r");
    await notice.first().waitFor();
    // What was shown stays.
    assert.equal(await page.locator("main h1").first().innerText(), heading);
    console.log("away");
    await notice.first().waitFor({ state: "hidden", timeout: 60_000 });
    await page.locator("[data-live='live']").waitFor({ timeout: 60_000 });
    console.log("back");
    assert.deepEqual(wrong, []);
    console.log("ok");
} finally {
    await close();
}
