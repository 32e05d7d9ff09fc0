// The dashboard behind proxies: node proxies.mjs URL
//
// One removes the path /a/b/ before it forwards, one refuses WebSockets.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { api, liveState, open, pageNames, settle } from "./browser.mjs";

const [url] = process.argv.slice(2);
const target = new URL(url);
const job = await api(url, "POST", "/jobs", { type: "AnyJob", delay: "01:00:00" });

/** A proxy that publishes the server below a path. */
async function proxy(prefix, { hasSockets }) {
    const inside = (path) => (path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : null);
    const server = http.createServer((request, response) => {
        const path = inside(request.url);
        if (path === null) return void response.writeHead(404).end();
        const headers = { ...request.headers, host: target.host, origin: request.headers.origin && target.origin };
        if (headers.origin === undefined) delete headers.origin;
        const forwarded = http.request({ host: target.hostname, port: target.port, path, method: request.method, headers }, (answer) => {
            response.writeHead(answer.statusCode, answer.headers);
            answer.pipe(response);
        });
        forwarded.on("error", () => response.destroy());
        request.pipe(forwarded);
    });
    server.on("upgrade", (request, client, head) => {
        const path = inside(request.url);
        if (!hasSockets || path === null) return void client.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        const upstream = net.connect(Number(target.port), target.hostname, () => {
            const headers = Object.entries({ ...request.headers, host: target.host, origin: target.origin });
            upstream.write(`GET ${path} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
            upstream.write(head);
            upstream.pipe(client).pipe(upstream);
        });
        upstream.on("error", () => client.destroy());
        client.on("error", () => upstream.destroy());
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { url: `http://127.0.0.1:${server.address().port}${prefix}`, server };
}

const below = await proxy("/a/b", { hasSockets: true });
const { page, wrong, close } = await open(below.url);
try {
    await page.goto(`${below.url}/`);
    await settle(page);
    assert.equal(new URL(page.url()).pathname, "/a/b/dashboard/");
    await liveState(page, "live");
    await page.getByRole("navigation").getByRole("link", { name: "Settings", exact: true }).first().click();
    await page.locator("main h1", { hasText: "Settings" }).waitFor();
    assert.equal(new URL(page.url()).pathname, "/a/b/dashboard/settings");
    // An address of two segments has a page of its own.
    if (pageNames().includes("job")) {
        await page.goto(`${below.url}/dashboard/jobs/${job.id}`);
        await settle(page);
        await liveState(page, "live");
    }
    assert.deepEqual(wrong, []);
} finally {
    await close();
    below.server.closeAllConnections();
    below.server.close();
}

const refusing = await proxy("", { hasSockets: false });
const second = await open(refusing.url, { isOutageAllowed: true });
try {
    await second.page.goto(`${refusing.url}/dashboard/`);
    await settle(second.page);
    await second.page.locator("[data-live='polling']").waitFor({ timeout: 60_000 });
    assert.deepEqual(second.wrong, []);
    console.log("ok");
} finally {
    await second.close();
    refusing.server.closeAllConnections();
    refusing.server.close();
}
