// A first visit: node first_visit.mjs URL
//
// The root leads to the overview, which shows how to create a job and turns live when one arrives.
import assert from "node:assert/strict";
import { api, liveState, open, settle } from "./browser.mjs";

const [url] = process.argv.slice(2);
const { page, wrong, close } = await open(url);
try {
    await page.goto(url);
    await settle(page);
    assert.equal(new URL(page.url()).pathname, "/dashboard/");
    await liveState(page, "live");
    // The command has the address of this server.
    await page.getByText(new URL(url).host).first().waitFor();
    assert.match(await page.locator("main").innerText(), /curl/);
    await api(url, "POST", "/jobs", { type: "FirstJob", delay: "01:00:00" });
    await page.waitForFunction(() => !document.querySelector("main").innerText.includes("curl"));
    await page.locator("main", { hasText: "default" }).waitFor();
    assert.deepEqual(wrong, []);
    console.log("ok");
} finally {
    await close();
}
