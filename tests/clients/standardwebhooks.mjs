// Verifies a delivery as its receiver would, with the library of Standard Webhooks.
//
//   node standardwebhooks.mjs SECRET FORMAT   with the headers and the body as JSON on stdin
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const [, , secret, format] = process.argv;
const { headers, body } = JSON.parse(readFileSync(0, "utf8"));
const webhook = format === "raw" ? new Webhook(secret, { format: "raw" }) : new Webhook(secret);
const payload = webhook.verify(body, headers);
for (const forged of [
  { ...headers, "webhook-id": "msg_other" },
  { ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) - 1) },
]) {
  let refused = false;
  try {
    webhook.verify(body, forged);
  } catch {
    refused = true;
  }
  if (!refused) {
    throw new Error(`verified ${JSON.stringify(forged)}`);
  }
}
console.log(payload.event);
