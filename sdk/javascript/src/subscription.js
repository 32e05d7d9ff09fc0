// Live updates over WebSocket, connected again whenever the connection ends.

import { backoff } from './http.js';

const QUIET_MAX = 30_000;

async function webSocket() {
  if (typeof globalThis.WebSocket === 'function') return globalThis.WebSocket;
  // Node 20 has none of its own.
  return (await import('./node-websocket.js')).NodeWebSocket;
}

/** What somebody listens to. Made by `TickerQClient.subscribe`. */
export class Subscription {
  #url;
  #request;
  #handlers;
  #isClosed = false;
  #socket = null;
  #tries = 0;
  #timer = null;

  constructor(root, apiKey, topics, handlers, { filter, WebSocket, reconnectAfter } = {}) {
    const url = new URL(`${root}/ws`);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    // A browser can't set a header here.
    if (apiKey) url.searchParams.set('access_token', apiKey);
    this.#url = url.href;
    this.#request = JSON.stringify({ action: 'subscribe', topics: [topics].flat(), ...(filter ? { filter } : {}) });
    this.#handlers = handlers;
    this.reconnectAfter = reconnectAfter ?? backoff;
    this.#connect(WebSocket);
  }

  /** Listens no more. */
  close() {
    this.#isClosed = true;
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
      this.#tell('error', error);
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
        this.#tell('error', error);
        return;
      }
      if (message.type === 'subscribed') {
        clearTimeout(stuck);
        this.#tries = 0;
        this.#tell('connected', message.data);
      } else {
        this.#tell(message.type, message.data, message);
      }
      this.#tell('*', message);
    });
    // Why is told by what follows.
    socket.addEventListener('error', () => {});
    socket.addEventListener('close', ({ code, reason }) => {
      clearTimeout(stuck);
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#tell('disconnected', { code, reason });
      if (this.#isClosed) return;
      this.#timer = setTimeout(() => this.#connect(given), this.reconnectAfter(this.#tries));
      this.#tries += 1;
    });
  }

  #tell(kind, ...what) {
    try {
      this.#handlers[kind]?.(...what);
    } catch (error) {
      // A handler's mistake must not end the connection; it is reported as any other uncaught one.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
