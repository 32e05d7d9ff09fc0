// Live updates over WebSocket, with reconnects.

import { backoff } from './http.js';

const QUIET_MAX = 30_000;

async function webSocket() {
  if (typeof globalThis.WebSocket === 'function') return globalThis.WebSocket;
  // Node 20 has none of its own.
  return (await import('./node-websocket.js')).NodeWebSocket;
}

/** A subscription to live updates, made by `TickerQClient.subscribe`. */
export class Subscription {
  #url;
  #request;
  #handlers;
  #isClosed = false;
  #socket = null;
  #tries = 0;
  #timer = null;
  #closed;

  constructor(root, apiKey, topics, handlers, { filter, WebSocket, reconnectAfter } = {}, closed = () => {}) {
    const url = new URL(`${root}/ws`);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    // A browser can't set a header here.
    if (apiKey) url.searchParams.set('access_token', apiKey);
    this.#url = url.href;
    this.#request = JSON.stringify({ action: 'subscribe', topics: [topics].flat(), ...(filter ? { filter } : {}) });
    this.#handlers = handlers;
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

  async #connect(given) {
    const Kind = given ?? (await webSocket());
    if (this.#isClosed) return;
    let socket;
    try {
      socket = new Kind(this.#url);
    } catch (error) {
      this.#emit('error', error);
      return;
    }
    this.#socket = socket;
    const stuck = setTimeout(() => socket.close(), QUIET_MAX);
    socket.addEventListener('open', () => socket.send(this.#request));
    socket.addEventListener('message', ({ data }) => {
      let message;
      try {
        message = JSON.parse(data);
      } catch (error) {
        this.#emit('error', error);
        return;
      }
      if (message.type === 'subscribed') {
        clearTimeout(stuck);
        this.#tries = 0;
        this.#emit('connected', message.data);
      } else {
        this.#emit(message.type, message.data, message);
      }
      this.#emit('*', message);
    });
    // The reason is in the `close` event.
    socket.addEventListener('error', () => {});
    socket.addEventListener('close', ({ code, reason }) => {
      clearTimeout(stuck);
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#emit('disconnected', { code, reason });
      if (this.#isClosed) return;
      this.#timer = setTimeout(() => this.#connect(given), this.reconnectAfter(this.#tries));
      this.#tries += 1;
    });
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
