// A webhook receiver in JavaScript (Node 20), without a library.
//
//   TICKERQ_SECRET=webhook-secret-key node verify.mjs 8080
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = process.env.TICKERQ_SECRET;
const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);

/** True if one of the signatures is by this key over the exact bytes of `body`, at most five minutes ago. */
function verify(body, { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signatures = "" }) {
  if (!(Math.abs(Date.now() / 1000 - Number(time)) <= 300)) return false;
  const expected = Buffer.from("v1," + createHmac("sha256", key).update(`${id}.${time}.`).update(body).digest("base64"));
  return signatures.split(" ").map((text) => Buffer.from(text))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
}

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks); // the exact bytes: verify first, then parse
  if (!verify(body, request.headers)) {
    response.writeHead(401).end();
    return;
  }
  const { event, data } = JSON.parse(body);
  console.log(request.headers["webhook-id"], event, data.jobId); // the same id: a repeated delivery
  response.writeHead(204).end();
}).listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => console.log("listening"));
