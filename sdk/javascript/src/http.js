// HTTP requests, retries and errors.

import { ConnectionError, errorOf, ServerError } from './errors.js';

const FIRST_WAIT = 100;
const WAIT_MAX = 10_000;

/** Waits, and rejects when the signal is aborted. */
export function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** The delay before a retry, in milliseconds: exponential, with jitter. */
export function backoff(attempt) {
  return Math.min(FIRST_WAIT * 2 ** attempt, WAIT_MAX) * (0.5 + Math.random() / 2);
}

/** Sends requests to one server. */
export class Http {
  constructor(baseUrl, apiKey, options = {}) {
    this.base = String(baseUrl).replace(/\/+$/, '');
    this.root = `${this.base}${options.basePath ?? '/api/tickerq'}`;
    this.apiKey = apiKey;
    this.retries = options.retries ?? 3;
    this.timeout = options.timeout ?? 30_000;
    this.fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /**
   * Sends a request and returns `{status, headers, data}`. It is retried after a connection failure if it is idempotent
   * (`safe`), and when the server reports that it has done nothing. `atBase` requests a path beside the API; `text` is a
   * body that is JSON already.
   */
  async request(method, path, { query, body, text: json, headers, safe, timeout, signal, retries, atBase } = {}) {
    const isSafe = safe ?? (method !== 'POST' || headers?.['idempotency-key'] !== undefined);
    const text = body === undefined ? json : JSON.stringify(body);
    const last = retries ?? this.retries;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#once(method, path, { query, text, headers, timeout, signal, atBase });
      } catch (error) {
        if (signal?.aborted || attempt >= last || !isWorthAnother(error, isSafe)) throw error;
        const wait = Math.max(backoff(attempt), error.retryAfter ?? 0);
        if (wait > WAIT_MAX) throw error;
        await sleep(wait, signal);
      }
    }
  }

  async #once(method, path, { query, text, headers, timeout, signal, atBase }) {
    const url = `${atBase ? this.base : this.root}${path}${queryOf(query)}`;
    const given = { accept: 'application/json', ...headers };
    if (this.apiKey) given.authorization = `Bearer ${this.apiKey}`;
    if (text !== undefined) given['content-type'] = 'application/json';
    const over = new AbortController();
    const stop = () => over.abort(signal.reason);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    const milliseconds = timeout ?? this.timeout;
    const timer = setTimeout(() => over.abort(new Error(`no response within ${milliseconds} ms`)), milliseconds);
    let response;
    let received;
    try {
      response = await this.fetch(url, { method, headers: given, body: text, signal: over.signal });
      received = await response.text();
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      const why = over.signal.aborted ? over.signal.reason : cause;
      // The error of `fetch` has no details; its cause does.
      const reason = why.cause?.message || why.cause?.code || why.message;
      throw new ConnectionError(`${method} ${url}: ${reason}`, { cause: why });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
    if (!response.ok && response.status !== 304) throw errorOf(response.status, received, response.headers);
    return { status: response.status, headers: response.headers, data: dataOf(received, `${method} ${url}`, response.status) };
  }
}

function dataOf(text, what, status) {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch (cause) {
    // Usually the response of a proxy.
    throw new ServerError(`${what}: the response is not JSON: ${text.slice(0, 80)}`, { status, cause });
  }
}

function isWorthAnother(error, isSafe) {
  if (error instanceof ConnectionError) return isSafe;
  // `busy` means that the request had no effect; with `unavailable` that is unknown.
  if (error.status === 429 || error.code === 'busy') return true;
  return error.status === 503 && isSafe;
}

function queryOf(query) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === null) continue;
    const text = value instanceof Date ? value.toISOString() : Array.isArray(value) ? value.join(',') : String(value);
    parameters.set(name, text);
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}
