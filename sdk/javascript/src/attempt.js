// An attempt of a job: the handler's context, its errors and its result in the form that the server accepts.

import { timeSpan } from './client.js';

const LOG_LINES_MAX = 200;
/** Maximum length of a stored log line. */
const LINE_LENGTH_MAX = 1024;
/** Ten years, the maximum delay. */
const WAIT_MAX = 3653 * 86_400_000;

/** Thrown in a handler, it fails the job permanently, without retries. */
export class PermanentError extends Error {}

/**
 * Thrown in a handler, it sets the delay of the next attempt: `new RetryLaterError(1500)` or
 * `new RetryLaterError('rate limited', 1500)`, in milliseconds; at most ten years.
 */
export class RetryLaterError extends Error {
  constructor(...given) {
    const [message, after] = typeof given[0] === 'number' ? [given[1] ?? `retry after ${given[0]} ms`, given[0]] : given;
    super(message);
    if (typeof after !== 'number' || Number.isNaN(after)) {
      throw new RangeError(`after must be a number of milliseconds, not ${after}`);
    }
    /** In milliseconds. */
    this.after = clamp(after, 0, WAIT_MAX);
  }
}

/** The reason of a handler's `signal`: `cancelled`, `timeout`, `lost` or `stopping`. */
export class StopReason extends Error {
  constructor(kind) {
    super(`the job should stop: ${kind}`);
    this.kind = kind;
  }
}

function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

/** Text that the server can store: unpaired surrogates are replaced. */
function wellFormed(text, length = Infinity) {
  return String(text).slice(0, length).replace(/[\ud800-\udfff]/gu, '\ufffd');
}

/** The text of any thrown value. */
export function textOf(error) {
  try {
    const text = error?.message;
    return wellFormed(typeof text === 'string' && text !== '' ? text : error);
  } catch {
    return 'an error without a text';
  }
}

function stackOf(error) {
  try {
    return typeof error?.stack === 'string' ? wellFormed(error.stack) : undefined;
  } catch {
    return undefined;
  }
}

/** A leased job until its result is reported. */
export class Attempt {
  /** The lease has expired, or the server has started another attempt: this one reports nothing further. */
  isLost = false;
  /** The handler has finished. */
  isEnded = false;
  #progress;
  #log = [];

  constructor(job) {
    this.job = job;
    this.stop = new AbortController();
  }

  get held() {
    const { jobId, leaseToken } = this.job;
    return { jobId, leaseToken };
  }

  /** `true` if both have the same lease. */
  is({ jobId, leaseToken }) {
    return this.job.jobId === jobId && this.job.leaseToken === leaseToken;
  }

  /** Progress and log lines since the last report. */
  report() {
    const report = this.held;
    if (this.#progress !== undefined) report.progress = this.#progress;
    if (this.#log.length > 0) report.log = this.#log.splice(0);
    this.#progress = undefined;
    return report;
  }

  hasNews() {
    return this.#progress !== undefined || this.#log.length > 0;
  }

  context() {
    const log = (level) => (message) => {
      this.#log.push({ at: new Date().toISOString(), level, message: wellFormed(message, LINE_LENGTH_MAX) });
      if (this.#log.length > LOG_LINES_MAX) this.#log.shift();
    };
    return {
      job: this.job,
      signal: this.stop.signal,
      progress: (percent, message) => {
        const value = typeof percent === 'number' ? percent : Number.parseFloat(percent);
        if (!Number.isFinite(value)) return;
        this.#progress = { percent: clamp(value, 0, 100) };
        if (message !== undefined && message !== null) this.#progress.message = wellFormed(message, LINE_LENGTH_MAX);
      },
      log: { debug: log('debug'), info: log('info'), warning: log('warning'), error: log('error') },
    };
  }

  /** The report of a success. A result that can't be serialized as JSON fails only this job, permanently. */
  completed(result) {
    try {
      // `undefined` and functions have no JSON form: the job then has no result.
      const text = JSON.stringify(result);
      const held = JSON.stringify(this.held);
      return { kind: 'complete', text: text === undefined ? held : `${held.slice(0, -1)},"result":${text}}` };
    } catch (error) {
      return this.failed({ error: `the result can't be written as JSON: ${textOf(error)}`, retry: false });
    }
  }

  /** The report of a failed, cancelled or released job. */
  failed(fields) {
    return { kind: 'fail', text: JSON.stringify({ ...this.held, ...fields }), retry: fields.retry, outcome: fields.outcome };
  }

  /** The report of an error that a handler has thrown. */
  thrown(error) {
    const kind = this.stop.signal.reason?.kind;
    if (kind === 'cancelled') return this.failed({ outcome: 'cancelled' });
    if (kind === 'stopping' || kind === 'lost') return this.failed({ outcome: 'released' });
    if (kind === 'timeout') return this.failed({ error: `timed out after ${this.job.timeout}` });
    const fields = { error: textOf(error), errorDetail: stackOf(error) };
    if (error instanceof PermanentError) fields.retry = false;
    if (error instanceof RetryLaterError && error.after >= 0) fields.retryAfter = timeSpan(Math.min(error.after, WAIT_MAX));
    return this.failed(fields);
  }
}
