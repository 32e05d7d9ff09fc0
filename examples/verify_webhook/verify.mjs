// A webhook receiver in JavaScript (Node 20), without a library.
//
//   TICKERQ_SECRET=webhook-secret-key node verify.mjs 8080
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = process.env.TICKERQ_SECRET;

/** `true` if `signature` signs the exact bytes of `body` with this secret. */
function verify(body, signature) {
  const expected = Buffer.from("sha256=" + createHmac("sha256", secret).update(body).digest("hex"));
  const given = Buffer.from(signature ?? "");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks); // the exact bytes: verify first, then parse
  if (!verify(body, request.headers["x-tickerq-signature"])) {
    response.writeHead(401).end();
    return;
  }
  const { event, data } = JSON.parse(body);
  console.log(request.headers["webhook-id"], event, data.jobId); // the same id: a repeated delivery
  response.writeHead(204).end();
}).listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => console.log("listening"));
