// Client and worker of a TickerQ job server.

export { TickerQClient, milliseconds, timeSpan } from './client.js';
export * from './errors.js';
export { Subscription } from './subscription.js';
export { verifyStandardWebhook, verifyWebhook } from './webhooks.js';
export { PermanentError, RetryLaterError, StopReason, Worker } from './worker.js';
