// Receives webhooks and verifies their signatures: node examples/webhook.mjs SECRET

import { createServer } from 'node:http';
import { verifyWebhook } from '../src/index.js';

const secret = process.argv[2];
const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  // The bytes as received: JSON that was parsed and serialized again is another text.
  const body = Buffer.concat(parts);
  const isGenuine = await verifyWebhook(body, request.headers['x-tickerq-signature'], secret);
  response.writeHead(isGenuine ? 200 : 401).end();
  if (isGenuine) console.log(JSON.parse(body.toString()));
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
