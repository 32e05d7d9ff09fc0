// Verification of webhooks.

const encoder = new TextEncoder();

async function hmac(key, data) {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, data));
}

function isSame(one, other) {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let index = 0; index < one.length; index += 1) difference |= one.charCodeAt(index) ^ other.charCodeAt(index);
  return difference === 0;
}

const bytesOf = (data) => (typeof data === 'string' ? encoder.encode(data) : new Uint8Array(data));

/**
 * `true` if this `X-TickerQ-Signature` signs the exact bytes of a body. Compares in constant time.
 */
export async function verifyWebhook(body, signature, secret) {
  if (typeof signature !== 'string') return false;
  const code = await hmac(encoder.encode(secret), bytesOf(body));
  const hex = Array.from(code, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return isSame(signature.trim(), `sha256=${hex}`);
}

/**
 * `true` if a request has a valid Standard Webhooks signature (`webhook-id`, `webhook-timestamp`, `webhook-signature`) and
 * its time differs by at most `tolerance` milliseconds.
 */
export async function verifyStandardWebhook(body, headers, secret, { tolerance = 300_000, now = Date.now() } = {}) {
  const get = (name) => (typeof headers.get === 'function' ? headers.get(name) : headers[name]);
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(get);
  if (!id || !timestamp || !signatures) return false;
  if (!(Math.abs(now - Number(timestamp) * 1000) <= tolerance)) return false;
  const key = secret.startsWith('whsec_')
    ? Uint8Array.from(atob(secret.slice(6)), (character) => character.charCodeAt(0))
    : encoder.encode(secret);
  const content = bytesOf(body);
  const head = encoder.encode(`${id}.${timestamp}.`);
  const signed = new Uint8Array(head.length + content.length);
  signed.set(head);
  signed.set(content, head.length);
  const expected = `v1,${btoa(String.fromCharCode(...(await hmac(key, signed))))}`;
  return signatures.split(' ').some((given) => isSame(given, expected));
}
