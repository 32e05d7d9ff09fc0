// A WebSocket (RFC 6455) for Node versions without one: the part of the browser interface that `Subscription` uses.

import { createHash, randomBytes } from 'node:crypto';
import { request as http } from 'node:http';
import { request as https } from 'node:https';

import { ConnectionError, errorOf } from './errors.js';

const MESSAGE_MAX = 64 * 1024 * 1024;
/** Maximum length of a rejection's body, in characters. */
const PROBLEM_MAX = 65_536;

export class NodeWebSocket extends EventTarget {
  #socket = null;
  #request;
  #isClosed = false;
  #code = 1006;
  #reason = '';

  constructor(address) {
    super();
    const url = new URL(address);
    const key = randomBytes(16).toString('base64');
    const open = url.protocol === 'wss:' ? https : http;
    url.protocol = url.protocol === 'wss:' ? 'https:' : 'http:';
    this.#request = open(url, {
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key },
    });
    const wanted = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    this.#request.on('upgrade', (response, socket, head) => {
      if (response.headers['sec-websocket-accept'] !== wanted) {
        socket.destroy();
        this.#end(1002, 'the server speaks another protocol');
        return;
      }
      this.#begin(socket, head);
    });
    this.#request.on('response', (response) => {
      let text = '';
      const refused = () => {
        const headers = { get: (name) => response.headers[name] ?? null };
        const refusal = errorOf(response.statusCode, text, headers);
        this.#end(1006, refusal.message, refusal);
        response.destroy();
      };
      response.setEncoding('utf8');
      response.on('data', (part) => {
        text += part;
        if (text.length > PROBLEM_MAX) refused();
      });
      response.on('end', refused);
      response.on('error', refused);
    });
    this.#request.on('error', (error) => this.#end(1006, error.message, new ConnectionError(error.message)));
    this.#request.end();
  }

  send(text) {
    this.#frame(1, Buffer.from(text));
  }

  close(code = 1000) {
    if (this.#socket === null) {
      this.#request.destroy();
      this.#end(code, '');
      return;
    }
    const body = Buffer.alloc(2);
    body.writeUInt16BE(code);
    this.#frame(8, body);
    // Closes the socket also if the peer does not reply.
    setTimeout(() => this.#socket?.destroy(), 1000).unref();
  }

  #begin(socket, head) {
    this.#socket = socket;
    let buffered = head;
    let parts = [];
    const read = () => {
      for (;;) {
        const frame = frameOf(buffered);
        if (frame === null) return;
        buffered = buffered.subarray(frame.length);
        if (frame.opcode === 8) {
          this.#code = frame.body.length >= 2 ? frame.body.readUInt16BE(0) : 1005;
          this.#reason = frame.body.subarray(2).toString();
          this.#frame(8, frame.body.subarray(0, 2));
          socket.end();
        } else if (frame.opcode === 9) {
          this.#frame(10, frame.body);
          // Browsers have no such event.
          this.dispatchEvent(new Event('ping'));
        } else if (frame.opcode <= 2) {
          parts.push(frame.body);
          if (frame.isLast) {
            const data = Buffer.concat(parts).toString();
            parts = [];
            this.dispatchEvent(Object.assign(new Event('message'), { data }));
          }
        }
      }
    };
    socket.on('data', (chunk) => {
      buffered = Buffer.concat([buffered, chunk]);
      if (buffered.length > MESSAGE_MAX) socket.destroy();
      else read();
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#end(this.#code, this.#reason));
    this.dispatchEvent(new Event('open'));
    read();
  }

  /** Sends a frame, masked as a client's must be. */
  #frame(opcode, body) {
    if (this.#socket === null || this.#socket.destroyed) return;
    const size = body.length < 126 ? 0 : body.length < 65_536 ? 2 : 8;
    const head = Buffer.alloc(2 + size);
    head[0] = 0x80 | opcode;
    head[1] = 0x80 | (size === 0 ? body.length : size === 2 ? 126 : 127);
    if (size === 2) head.writeUInt16BE(body.length, 2);
    if (size === 8) head.writeBigUInt64BE(BigInt(body.length), 2);
    const mask = randomBytes(4);
    const masked = Buffer.from(body);
    for (let index = 0; index < masked.length; index += 1) masked[index] ^= mask[index % 4];
    this.#socket.write(Buffer.concat([head, mask, masked]));
  }

  /** `refusal` is the error of a response that rejects the WebSocket; browsers do not provide it. */
  #end(code, reason, refusal) {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket = null;
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason, refusal }));
  }
}

/** The first frame; `null` if it is incomplete. */
function frameOf(bytes) {
  if (bytes.length < 2) return null;
  let length = bytes[1] & 0x7f;
  let start = 2;
  if (length === 126) {
    if (bytes.length < 4) return null;
    length = bytes.readUInt16BE(2);
    start = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return null;
    length = Number(bytes.readBigUInt64BE(2));
    start = 10;
  }
  if (bytes.length < start + length) return null;
  return {
    opcode: bytes[0] & 0x0f,
    isLast: (bytes[0] & 0x80) !== 0,
    body: bytes.subarray(start, start + length),
    length: start + length,
  };
}
