// Every page of the dashboard: node pages.mjs URL LANGUAGE [axe]
//
// With `axe` each page is checked in light and dark, at 320 and 1280 pixels. Nothing may be found.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { liveState, open, pageNames, seed, settle } from "./browser.mjs";

const [url, language, check] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const address = await seed(url);
const isChecked = check === "axe";
// An operation, a delivery and a fingerprint that do not exist have no data.
const { page, wrong, close } = await open(url, { locale: language, allowed: [404], bypassCSP: isChecked });

/** Findings of axe-core at the current page. */
async function findings(state) {
    const violations = await page.evaluate(async () => {
        const { violations } = await globalThis.axe.run(document, {
            runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
            resultTypes: ["violations"],
        });
        return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(({ target, failureSummary }) => `${target}: ${failureSummary}`) }));
    });
    return violations.map(({ id, help, nodes }) => `${state}: ${id}: ${help}\n    ${nodes.slice(0, 3).join("\n    ").replaceAll("\n", " ")}`);
}

const found = [];
try {
    for (const name of pageNames()) {
        const path = address(name);
        if (path === null) continue;
        await page.setViewportSize({ width: 1280, height: 900 });
        await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
        await page.goto(`${url}/dashboard/${path}`);
        await settle(page);
        await liveState(page, "live");
        assert.equal(await page.locator("html").getAttribute("lang"), language.slice(0, 2), name);
        assert.match(await page.title(), /TickerQ/, name);
        if (!isChecked) continue;
        await page.evaluate(axe);
        for (const colorScheme of ["light", "dark"]) {
            await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
            for (const width of [1280, 320]) {
                await page.setViewportSize({ width, height: 800 });
                // Colours change in a transition.
                await page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished.catch(() => null))));
                await page.waitForTimeout(200);
                const state = `${name} ${colorScheme} ${width}`;
                found.push(...(await findings(state)));
                const scroll = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
                if (scroll > 0) found.push(`${state}: the page scrolls sideways by ${scroll} pixels`);
            }
        }
    }
    const all = [...wrong, ...found];
    if (all.length > 0) throw new Error(all.join("\n"));
    console.log("ok");
} finally {
    await close();
}
