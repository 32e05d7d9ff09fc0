// Signing in: node sign_in.mjs URL KEY READ_KEY
import assert from "node:assert/strict";
import { api, liveState, open, pageNames, settle } from "./browser.mjs";

const [url, key, readKey] = process.argv.slice(2);
await api(url, "POST", "/jobs", { type: "AnyJob", delay: "01:00:00" }, key);
const { page, wrong, close } = await open(url, { allowed: [401], isOutageAllowed: true });
const addresses = [];
page.on("request", (request) => addresses.push(request.url()));
const dialog = page.getByRole("dialog", { name: "Sign in" });

async function signIn(token) {
    await dialog.getByLabel("API key or token").fill(token);
    await dialog.getByRole("button", { name: "Sign in" }).click();
}

try {
    await page.goto(`${url}/dashboard/`);
    await dialog.waitFor();
    await signIn("tq_wrong-key-of-a-user");
    await dialog.getByRole("alert").waitFor();
    assert.equal(await dialog.getByLabel("API key or token").getAttribute("aria-invalid"), "true");
    await signIn(key);
    await dialog.waitFor({ state: "hidden" });
    await settle(page);
    await liveState(page, "live");
    // The token lives as long as the tab.
    await page.reload();
    await settle(page);
    await liveState(page, "live");
    assert.equal(await dialog.count(), 0);
    assert.deepEqual(await page.context().cookies(), []);

    await page.getByRole("button", { name: "Sign out" }).first().click();
    await dialog.waitFor();
    await signIn(readKey);
    await dialog.waitFor({ state: "hidden" });
    // Actions are visible and focusable, and state what is missing.
    if (pageNames().includes("new-job")) {
        await page.goto(`${url}/dashboard/new-job`);
        await settle(page);
        const action = page.locator("main button[aria-disabled='true'][aria-describedby]").first();
        await action.waitFor();
        const reason = await page.locator(`[id="${await action.getAttribute("aria-describedby")}"]`).innerText();
        assert.match(reason, /tickerq:write/);
        assert.equal(await action.isDisabled({ timeout: 100 }).catch(() => true) && (await action.getAttribute("disabled")) !== null, false);
    }
    for (const address of addresses) {
        assert.ok(![key, readKey].some((secret) => address.includes(secret)), address);
    }
    assert.deepEqual(wrong, []);
    console.log("ok");
} finally {
    await close();
}
