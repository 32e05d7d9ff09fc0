// Live updates over WebSocket, with reconnects.

import { ConnectionError, errorOf } from './errors.js';
import { backoff } from './http.js';

const CONNECT_MAX = 30_000;
const PING_INTERVAL = 30_000;

async function webSocket() {
  if (typeof globalThis.WebSocket === 'function') return globalThis.WebSocket;
  // Node 20 has none of its own.
  return (await import('./node-websocket.js')).NodeWebSocket;
}

/** A subscription to live updates, created by `TickerQClient.subscribe`. */
export class Subscription {
  #root;
  #apiKey;
  #request;
  #handlers;
  #logger;
  #pingInterval;
  #isClosed = false;
  #socket = null;
  #tries = 0;
  #timer = null;
  #trouble = null;
  #closed;

  /** The rejection that has ended the subscription. */
  error = null;

  constructor(root, apiKey, topics, handlers, options = {}, closed = () => {}) {
    const { filter, WebSocket, reconnectAfter, pingInterval = PING_INTERVAL, logger = console } = options;
    this.#root = root;
    this.#apiKey = apiKey;
    this.#request = JSON.stringify({ action: 'subscribe', topics: [topics].flat(), ...(filter ? { filter } : {}) });
    this.#handlers = handlers;
    this.#logger = logger;
    this.#pingInterval = pingInterval;
    this.#closed = closed;
    this.reconnectAfter = reconnectAfter ?? backoff;
    this.#connect(WebSocket);
  }

  /** Ends the subscription. */
  close() {
    this.#isClosed = true;
    this.#closed();
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  get #url() {
    const url = new URL(`${this.#root}/ws`);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    // Browsers can't set headers here.
    if (this.#apiKey) url.searchParams.set('access_token', this.#apiKey);
    return url.href;
  }

  async #connect(given) {
    let socket;
    try {
      const Kind = given ?? (await webSocket());
      if (this.#isClosed) return;
      socket = new Kind(this.#url);
    } catch (error) {
      // For example an invalid URL: retries do not help.
      this.#refuse(error);
      return;
    }
    this.#socket = socket;
    let isOpen = false;
    let isSubscribed = false;
    let isOver = false;
    let silence;
    const over = async ({ code, reason, refusal }) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(silence);
      if (this.#socket === socket) this.#socket = null;
      if (!this.#isClosed && !isOpen) await this.#checkHandshake(refusal);
      if (this.error !== null) return;
      this.#emit('disconnected', { code, reason });
      if (this.#isClosed) return;
      this.#failed(reason || `the connection was closed with ${code}`);
      this.#timer = setTimeout(() => this.#connect(given), this.reconnectAfter(this.#tries));
      this.#tries += 1;
    };
    // A dead connection fires its `close` event late or never.
    const isGone = () => {
      over({ code: 1006, reason: 'no response', refusal: new ConnectionError('no response') });
      socket.close();
    };
    // Browsers do not expose pings. A repeated request changes nothing, and every server responds to it.
    const probe = () => {
      socket.send(this.#request);
      silence = setTimeout(isGone, this.#pingInterval / 2);
    };
    const received = () => {
      if (isOver || !isSubscribed) return;
      clearTimeout(silence);
      silence = setTimeout(probe, this.#pingInterval);
    };
    silence = setTimeout(isGone, CONNECT_MAX);
    socket.addEventListener('open', () => {
      isOpen = true;
      socket.send(this.#request);
    });
    socket.addEventListener('ping', received);
    socket.addEventListener('message', ({ data }) => {
      if (isOver) return;
      received();
      let message;
      try {
        message = JSON.parse(data);
      } catch (error) {
        this.#emit('error', error);
        return;
      }
      if (message.type === 'subscribed') {
        // Otherwise it is the response to a probe.
        if (isSubscribed) return;
        isSubscribed = true;
        received();
        this.#connected();
        this.#emit('connected', message.data);
      } else if (message.type === 'error' && !isSubscribed) {
        this.#refuse(refusalOf(message.data));
      } else {
        this.#emit(message.type, message.data, message);
      }
      this.#emit('*', message);
    });
    // The reason is in the `close` event.
    socket.addEventListener('error', () => {});
    socket.addEventListener('close', over);
  }

  #connected() {
    this.#tries = 0;
    if (this.#trouble !== null) this.#log('info', 'live updates: connected');
    this.#trouble = null;
  }

  /** Ends the subscription if the server has rejected the handshake: retries would be rejected as well. */
  async #checkHandshake(refusal) {
    const error = refusal ?? (await this.#askWhy());
    if (this.#isClosed || !(error?.status >= 400 && error.status < 500)) return;
    if (error.status !== 408 && error.status !== 429) this.#refuse(error);
  }

  /** The rejection of a handshake, which browsers hide: the same request without an upgrade gets the same response. */
  async #askWhy() {
    try {
      const headers = this.#apiKey ? { authorization: `Bearer ${this.#apiKey}` } : {};
      const response = await fetch(`${this.#root}/ws`, { headers, signal: AbortSignal.timeout(CONNECT_MAX) });
      // Only the upgrade is missing: the request would be accepted.
      return response.ok || response.status === 426 ? null : errorOf(response.status, await response.text(), response.headers);
    } catch (cause) {
      return new ConnectionError(String(cause?.message ?? cause), { cause });
    }
  }

  #refuse(error) {
    if (this.#isClosed) return;
    this.error = error;
    this.close();
    this.#log('error', `live updates: the subscription was refused: ${error.message}`);
    this.#emit('error', error);
  }

  /** Logs a failed connection; repetitions are logged once. */
  #failed(reason) {
    if (this.#trouble !== reason) this.#log('warn', `live updates: ${reason}; reconnecting`);
    this.#trouble = reason;
  }

  #log(level, text) {
    try {
      this.#logger?.[level]?.(text);
    } catch {
      // It can't be reported elsewhere.
    }
  }

  #emit(kind, ...what) {
    try {
      this.#handlers[kind]?.(...what);
    } catch (error) {
      // An error of a handler must not end the connection; it is reported like any uncaught one.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

/** The error of an `error` message in response to the subscription. */
function refusalOf(data) {
  const problem = { type: `urn:tickerq:problem:${data?.code ?? 'invalid'}`, status: 400, detail: data?.message };
  return errorOf(400, JSON.stringify(problem), new Headers());
}
