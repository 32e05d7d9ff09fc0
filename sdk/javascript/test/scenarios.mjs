// The scenarios of sdk/README.md.

import assert from 'node:assert/strict';
import * as sdk from '../src/index.js';

const { TickerQClient, Worker, PermanentError, RetryLaterError } = sdk;
const KEY = 'all-all-all-all-all';
const [mode, url, other, topic = 'job-status', seconds] = process.argv.slice(2);
const client = new TickerQClient(url, KEY);
const say = (text) => process.stdout.write(`${text}\n`);

async function fails(kind, status, promise, more = (/** @type {any} */ _) => {}) {
  const error = await promise.then(
    () => assert.fail(`${kind.name} expected`),
    (failure) => failure,
  );
  assert.ok(error instanceof kind, `${kind.name} expected, not ${error.stack}`);
  assert.equal(error.status, status);
  if (status !== 0) assert.equal(error.problem.status, status);
  more(error);
}

/** Polls until the result is true, for at most a minute. */
async function eventually(ask) {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return assert.fail('not within a minute');
}

const scenarios = {
  async 'the reference as printed'() {
    // The reference's own class, verbatim but for its name, and ours with the same calls.
    class Reference {
      constructor(baseUrl, apiKey) {
        this.baseUrl = baseUrl;
        this.apiKey = apiKey;
      }

      async getJobs(filter = {}) {
        const params = new URLSearchParams(filter);
        const response = await fetch(`${this.baseUrl}/api/tickerq/jobs?${params}`, {
          headers: {
            Authorization: `Bearer ${this.apiKey}`,
            'Content-Type': 'application/json',
          },
        });

        return await response.json();
      }

      async scheduleJob(jobType, parameters, options = {}) {
        const response = await fetch(`${this.baseUrl}/api/tickerq/jobs`, {
          method: 'POST',
          headers: {
            Authorization: `Bearer ${this.apiKey}`,
            'Content-Type': 'application/json',
          },
          body: JSON.stringify({
            type: jobType,
            parameters: parameters,
            ...options,
          }),
        });

        return await response.json();
      }
    }
    for (const Kind of /** @type {any[]} */ ([Reference, TickerQClient])) {
      const theirs = new Kind(url, KEY);
      const { jobId } = await theirs.scheduleJob('NoopJob', { a: 1 }, { priority: 'high', maxRetries: 3 });
      const { jobs, totalCount, hasMore } = await theirs.getJobs({ type: 'NoopJob', status: undefined, limit: 50 });
      assert.ok(jobs.some((job) => job.id === jobId && job.priority === 'high'));
      assert.ok(totalCount >= 1);
      assert.equal(hasMore, false);
    }
  },

  async 'schedule, read, wait'() {
    const job = await client.scheduleJob('NoopJob', { to: 'ann', list: [1, 2.5, null] }, { name: 'Welcome', delay: 50 });
    assert.deepEqual(job.parameters, { to: 'ann', list: [1, 2.5, null] });
    const done = await client.waitForJob(job.jobId);
    assert.equal(done.status, 'completed');
    assert.equal(done.executionHistory.length, 1);
    const failed = await client.waitForJob((await client.scheduleJob('FailingJob')).id);
    assert.equal(failed.status, 'failed');
  },

  async 'lists and pages'() {
    const made = await client.scheduleJobs(Array.from({ length: 5 }, () => ({ type: 'PageJob', queue: 'pages' })));
    assert.equal(made.created, 5);
    const page = await client.getJobs({ queue: 'pages', status: ['pending', 'running'], limit: 2 });
    assert.deepEqual([page.jobs.length, page.totalCount, page.hasMore], [2, 5, true]);
    const all = [];
    for await (const job of client.jobs({ queue: 'pages', limit: 2 })) all.push(job.id);
    assert.deepEqual(all, made.jobs.map((job) => job.id).reverse());
    const [{ id, warnings }] = made.jobs;
    assert.match(warnings?.join() ?? '', /PageJob/);
    assert.deepEqual((await client.getJob(id)).warnings, warnings);
  },

  async 'idempotency'() {
    const first = await client.scheduleJob('OtherJob', { n: 1 }, { idempotencyKey: 'once' });
    const again = await client.scheduleJob('OtherJob', { n: 1 }, { idempotencyKey: 'once' });
    assert.equal(again.id, first.id);
    const mismatch = client.scheduleJob('OtherJob', { n: 2 }, { idempotencyKey: 'once' });
    await fails(sdk.IdempotencyMismatchError, 422, mismatch);
    const batch = () => client.scheduleJobs([{ type: 'OtherJob' }, { type: 'OtherJob' }], { idempotencyKey: 'batch' });
    const [removed, kept] = (await batch()).jobs;
    await client.cancelJob(removed.id);
    await client.deleteJob(removed.id);
    const repeated = await batch();
    assert.deepEqual(repeated.missing, [removed.id]);
    assert.deepEqual(repeated.jobs.map(({ id }) => id), [kept.id]);
  },

  async 'changes of jobs'() {
    const job = await client.scheduleJob('OtherJob', {}, { delay: 3_600_000 });
    const changed = await client.updateJob(job.id, { name: 'Renamed', priority: 'low' }, { revision: job.revision });
    assert.equal(changed.name, 'Renamed');
    await fails(sdk.PreconditionFailedError, 412, client.updateJob(job.id, { name: 'x' }, { revision: job.revision }));
    assert.equal((await client.explainJob(job.id)).reasons.at(-1).code, 'scheduled');
    assert.equal((await client.executeJob(job.id, { priority: 'critical' })).priority, 'critical');
    assert.equal((await client.cancelJob(job.id)).status, 'cancelled');
    assert.equal((await client.retryJob(job.id, { resetRetryCount: true })).status, 'pending');
    await fails(sdk.ConflictError, 409, client.deleteJob(job.id));
    await client.cancelJob(job.id);
    await client.deleteJob(job.id);
    await fails(sdk.NotFoundError, 404, client.getJob(job.id));
    const running = await client.scheduleJob('SleepJob');
    for (;;) if ((await client.getJob(running.id)).status === 'running') break;
    assert.equal((await client.cancelJob(running.id)).cancelRequested, true);
    assert.equal((await client.waitForJob(running.id)).status, 'cancelled');
  },

  async 'recurring jobs'() {
    const made = await client.scheduleRecurringJob({
      type: 'NoopJob', name: 'Nightly', cronExpression: '0 2 * * *', timeZone: 'Europe/Berlin', parameters: { a: 1 },
    });
    const { id } = made;
    assert.equal((await client.getRecurringJob(id)).timeZone, 'Europe/Berlin');
    assert.ok((await client.getRecurringJobs()).totalCount >= 1);
    assert.equal((await client.previewSchedule('0 2 * * *', { count: 3 })).times.length, 3);
    assert.ok((await client.getUpcoming()).totalCount >= 1);
    assert.equal((await client.disableRecurringJob(id)).enabled, false);
    assert.equal((await client.enableRecurringJob(id)).enabled, true);
    assert.equal((await client.updateRecurringJob(id, { name: 'Renamed' })).name, 'Renamed');
    const replaced = await client.replaceRecurringJob(id, { type: 'NoopJob', name: 'Hourly', cronExpression: '0 * * * *' });
    assert.equal(replaced.cronExpression, '0 * * * *');
    const job = await client.triggerRecurringJob(id);
    assert.equal(job.recurringJobId, id);
    await client.deleteRecurringJob(id);
    await fails(sdk.NotFoundError, 404, client.getRecurringJob(id));
    const declared = { type: 'NoopJob', cronExpression: '0 2 * * *' };
    const kept = await client.putRecurringJobByKey('nightly/report', declared);
    assert.equal(kept.key, 'nightly/report');
    assert.equal((await client.putRecurringJobByKey('nightly/report', declared)).id, kept.id);
    assert.equal((await client.getRecurringJobByKey('nightly/report')).id, kept.id);
    await client.deleteRecurringJobByKey('nightly/report');
    await fails(sdk.NotFoundError, 404, client.getRecurringJobByKey('nightly/report'));
  },

  async 'queues'() {
    await client.scheduleJob('OtherJob', {}, { queue: 'managed' });
    assert.ok((await client.getQueues()).some((queue) => queue.name === 'managed'));
    assert.equal((await client.pauseQueue('managed')).status, 'paused');
    const { overview } = await client.getQueue('managed', { overview: true });
    assert.deepEqual([overview.dueJobs, overview.pausedAt !== null], [1, true]);
    const [held] = (await client.explainQueue('managed')).reasons;
    assert.equal(held.jobs, 1);
    const [listed] = (await client.getJobs({ queue: 'managed', explain: true })).jobs;
    assert.equal(listed.explanation.reasons[0].code, held.code);
    assert.equal((await client.resumeQueue('managed')).status, 'running');
    assert.equal((await client.clearQueue('managed')).clearedPending, 1);
    assert.equal((await client.getQueue('managed')).pendingJobs, 0);
    await client.deleteQueue('managed');
    await fails(sdk.NotFoundError, 404, client.getQueue('managed'));
  },

  async 'metrics'() {
    assert.equal((await client.getSystemMetrics()).systemHealth, 'healthy');
    const { summary } = await client.getPerformanceMetrics({ type: ['NoopJob', 'FailingJob'] });
    assert.ok(summary.totalJobs >= 2);
    const [failing] = await client.getJobTypeMetrics({ type: 'FailingJob' });
    assert.deepEqual([failing.type, failing.failureReasons.length], ['FailingJob', 1]);
    assert.ok((await client.getActivity()).points.length > 0);
    assert.ok(Array.isArray((await client.getDurations()).run));
    const [failure] = await client.getFailures({ type: 'FailingJob' });
    assert.equal((await client.getFailure(failure.fingerprint)).reason, failure.reason);
    const [byType] = await client.countJobs('type', { type: 'FailingJob' });
    assert.equal(byType.values[0].value, 'FailingJob');
  },

  async 'the caller and the server'() {
    assert.equal((await client.getMe()).name, 'all');
    assert.ok((await client.getServer()).features.length > 0);
  },

  async 'nodes and records'() {
    const [node] = await client.getNodes();
    assert.equal(await client.setLogLevel('info'), 'info');
    assert.equal(await client.getLogLevel(), 'info');
    assert.equal(node.isSelf, true);
    assert.equal((await client.drainNode(node.id)).status, 'draining');
    assert.equal((await client.resumeNode(node.id)).status, 'live');
    const { records } = await client.getAudit({ action: 'queue.pause', limit: 1 });
    assert.equal(records[0].actor.name, 'all');
    assert.equal((await client.getHealth()).status, 'ok');
    assert.equal((await client.getReadiness()).systemHealth, 'healthy');
  },

  async 'bulk operations'() {
    const jobs = [await client.scheduleJob('BulkJob'), await client.scheduleJob('BulkJob')];
    const done = (id) => eventually(async () => {
      const operation = await client.getOperation(id);
      return operation.status === 'completed' ? operation : undefined;
    });
    const moving = await client.previewOperation('move', 'type:BulkJob', { queue: 'moved' });
    assert.equal(moving.total, jobs.length);
    const moved = await client.startOperation(moving.token, { grace: '01:00:00', note: 'to the slow queue' });
    assert.equal((await client.pauseOperation(moved.id)).status, 'paused');
    assert.equal((await client.resumeOperation(moved.id)).status, 'pending');
    assert.equal((await client.cancelOperation(moved.id)).status, 'cancelled');
    const cancelling = await client.previewOperation('cancel', 'type:BulkJob');
    const cancelled = await client.startOperation(cancelling.token);
    assert.equal((await done(cancelled.id)).done, jobs.length);
    const undone = await client.undoOperation(cancelled.id);
    assert.equal((await done(undone.id)).undoes, cancelled.id);
    assert.equal((await client.getOperations({ limit: 1 })).operations[0].id, undone.id);
  },

  async 'changes'() {
    const { cursor } = await client.getJobChanges({ limit: 1000 });
    const job = await client.scheduleJob('OtherJob');
    await eventually(async () => {
      const { changes } = await client.getJobChanges({ after: cursor });
      return changes.some(({ id, deleted }) => id === job.id && !deleted);
    });
  },

  async 'webhook endpoints'() {
    const since = new Date(Date.now() - 60_000);
    // The server's own address accepts no webhooks: each delivery fails.
    const made = await client.createWebhookEndpoint({
      url: `${url}/none`, name: 'scenario', events: ['job.completed'], retryPolicy: { maxRetries: 0, retryDelay: 1_000 },
    });
    const { id } = made;
    assert.match(made.secret, /^whsec_/);
    assert.equal(made.retryPolicy.retryDelay, '00:00:01');
    assert.ok((await client.getWebhookEndpoints()).some((endpoint) => endpoint.id === id));
    assert.equal((await client.getWebhookEndpoint(id)).name, 'scenario');
    assert.equal((await client.updateWebhookEndpoint(id, { name: 'Renamed' }, { revision: made.revision })).name, 'Renamed');
    const stale = client.updateWebhookEndpoint(id, { name: 'x' }, { revision: made.revision });
    await fails(sdk.PreconditionFailedError, 412, stale);
    assert.equal((await client.disableWebhookEndpoint(id)).enabled, false);
    assert.equal((await client.enableWebhookEndpoint(id)).enabled, true);
    assert.notEqual((await client.rotateWebhookSecret(id, { overlap: 3_600_000 })).secret, made.secret);
    const { webhookId } = await client.testWebhookEndpoint(id);
    const failed = await eventually(async () => {
      const { deliveries } = await client.getWebhookDeliveries(id, { status: 'failed' });
      return deliveries.find((delivery) => delivery.webhookId === webhookId);
    });
    assert.equal((await client.getWebhookDelivery(failed.id)).webhookId, webhookId);
    assert.equal((await client.redeliverWebhook(failed.id)).endpointId, id);
    assert.equal(typeof (await client.redeliverFailedWebhooks(id, since)).redelivered, 'number');
    await client.deleteWebhookEndpoint(id);
    await fails(sdk.NotFoundError, 404, client.getWebhookEndpoint(id));
  },

  async 'every error has its class'() {
    await fails(sdk.ValidationError, 400, client.scheduleJob('A', {}, { delay: '24:00:00' }), (error) => {
      assert.equal(error.code, 'validation');
      assert.equal(error.errors[0].pointer, '#/delay');
    });
    await fails(sdk.AuthenticationError, 401, new TickerQClient(url, 'wrong').getJobs());
    await fails(sdk.ForbiddenError, 403, new TickerQClient(url, 'reader-reader-reader').pauseQueue('default'));
    await fails(sdk.TooLargeError, 413, client.scheduleJob('A', 'x'.repeat(200_000)));
    const slow = new TickerQClient(url, 'slow-slow-slow-slow', { retries: 0 });
    await slow.getJobs();
    await fails(sdk.RateLimitedError, 429, slow.getJobs(), (error) => assert.ok(error.retryAfter > 0));
    const impatient = new TickerQClient(url, KEY, { retries: 0 });
    await impatient.scheduleJob('OtherJob', {}, { queue: 'full' });
    await fails(sdk.UnavailableError, 503, impatient.scheduleJob('OtherJob', {}, { queue: 'full' }), (error) =>
      assert.equal(error.code, 'busy'),
    );
    await fails(sdk.ConnectionError, 0, new TickerQClient('http://127.0.0.1:1', KEY, { retries: 0 }).getJobs());
  },

  async 'a lost response does no harm'() {
    const flaky = new TickerQClient(other, KEY, { retries: 10 });
    const keys = new Set();
    for (let number = 0; number < 5; number += 1) {
      keys.add((await flaky.scheduleJob('LostJob', { number })).id);
    }
    assert.equal(keys.size, 5);
    assert.equal((await client.getJobs({ type: 'LostJob' })).totalCount, 5, 'each was created once');
  },

  async 'live updates'() {
    const events = [];
    let job;
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`events ${events}`)), 20_000);
      const subscription = client.subscribe('job-status', {
        async connected() {
          job = await client.scheduleJob('NoopJob');
        },
        'job-status-changed'({ jobId, status }) {
          events.push(`${jobId} ${status}`);
          if (status !== 'completed') return;
          clearTimeout(timer);
          subscription.close();
          resolve();
        },
      }, { filter: { type: ['NoopJob'] } });
    });
    assert.deepEqual(events, ['pending', 'running', 'completed'].map((status) => `${job.id} ${status}`));
  },

  async 'webhooks'() {
    const body = '{"a":1}';
    const good = 'sha256=733ae5122573f3ff45cad4406d879b88326cf5308d1d53c50e6efde0fa6036e1';
    assert.equal(await sdk.verifyWebhook(body, good, 'webhook-secret-key'), true);
    assert.equal(await sdk.verifyWebhook(new TextEncoder().encode(body), good, 'webhook-secret-key'), true);
    for (const [text, signature, secret] of [[`${body} `, good, 'webhook-secret-key'], [body, good, 'x'], [body, '', 'x'], [body, undefined, 'x']]) {
      assert.equal(await sdk.verifyWebhook(text, signature, secret), false);
    }
    // The example of the Standard Webhooks libraries.
    const headers = {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    };
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const now = 1_614_265_330_000;
    assert.equal(await sdk.verifyStandardWebhook('{"test": 2432232314}', headers, secret, { now }), true);
    assert.equal(await sdk.verifyStandardWebhook('{"test": 2432232314}', headers, secret, { now: now + 400_000 }), false);
    assert.equal(await sdk.verifyStandardWebhook('{"test": 0}', headers, secret, { now }), false);
  },

  async 'a worker'() {
    /** @type {any} */
    let cancelled;
    let attempts = 0;
    const logged = [];
    const worker = new Worker(client, {
      name: 'scenario', concurrency: 5, queues: ['work'], heartbeatEvery: 100,
      logger: { error: (text, /** @type {any} */ error) => logged.push(`${text} ${error.message ?? error}`), warn: (text) => logged.push(text) },
      handlers: {
        Greet: ({ name }, { progress, log }) => {
          progress(50, 'half');
          log.info(`hello ${name}`);
          return { greeting: `hello ${name}` };
        },
        Flaky: () => {
          attempts += 1;
          if (attempts < 2) throw new Error('not yet');
        },
        Broken: () => {
          throw new PermanentError('never');
        },
        Later: (_, { job }) => {
          if (job.attempt === 1) throw new RetryLaterError(1500);
          return null;
        },
        Traced: (_, { job }) => [job.traceParent.slice(0, 35), job.traceState, job.baggage],
        Patient: (_, { signal }) =>
          new Promise((_, reject) => {
            cancelled = signal;
            signal.addEventListener('abort', () => reject(signal.reason));
          }),
      },
    });
    await worker.start();
    const [{ name, types }] = (await client.getWorkers()).filter(({ id }) => id === worker.id);
    assert.deepEqual([name, types], ['scenario', ['Greet', 'Flaky', 'Broken', 'Later', 'Traced', 'Patient']]);
    assert.equal((await client.getWorker(worker.id)).name, 'scenario');
    const run = (type, parameters, options) => client.scheduleJob(type, parameters, { queue: 'work', ...options });
    const greeted = await client.waitForJob((await run('Greet', { name: 'Ann' })).id);
    assert.deepEqual(greeted.result, { greeting: 'hello Ann' });
    assert.deepEqual(greeted.progress, { attempt: 1, percent: 50, message: 'half' });
    assert.equal(greeted.log[0].message, 'hello Ann');
    assert.equal(greeted.executionHistory[0].worker, 'scenario');
    const headers = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'rojo=00f067aa0ba902b7', baggage: 'userId=alice' };
    const { data: { id: traced } } = await client.request('POST', '/jobs', { body: { type: 'Traced', queue: 'work' }, headers });
    assert.deepEqual((await client.waitForJob(traced)).result, [headers.traceparent.slice(0, 35), headers.tracestate, headers.baggage]);
    const flaky = await client.waitForJob((await run('Flaky', {}, { retryDelay: 50, maxRetries: 1 })).id);
    assert.deepEqual([flaky.status, flaky.attempt, flaky.executionHistory[0].error], ['completed', 2, 'not yet']);
    const later = await run('Later', {}, { retryDelay: 60_000, maxRetries: 1 });
    const waiting = await eventually(async () => {
      const job = await client.getJob(later.id);
      return job.status === 'pending' && job.attempt === 1 ? job : undefined;
    });
    const wait = Date.parse(waiting.runAt) - Date.parse(waiting.executionHistory[0].completedAt);
    assert.ok(Math.abs(wait - 1500) <= 5, `retried after ${wait} ms`);
    const broken = await client.waitForJob((await run('Broken', {}, { maxRetries: 5 })).id);
    assert.deepEqual([broken.status, broken.attempt, broken.error], ['failed', 1, 'never']);
    assert.ok(logged.some((line) => line.includes(`attempt 1 of job ${broken.id} (Broken) failed: never`)), logged.join('\n'));
    const patient = await run('Patient');
    while (cancelled === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    await client.cancelJob(patient.id);
    assert.equal((await client.waitForJob(patient.id)).status, 'cancelled');
    assert.equal(cancelled.reason.kind, 'cancelled');
    cancelled = undefined;
    const timed = await run('Patient', {}, { timeout: 300, maxRetries: 0 });
    assert.match((await client.waitForJob(timed.id)).error, /^timed out after/);
    const many = await client.scheduleJobs(Array.from({ length: 50 }, (_, n) => ({ type: 'Greet', queue: 'work', parameters: { name: String(n) } })));
    for (const { id } of many.jobs) assert.equal((await client.waitForJob(id)).status, 'completed');
    const closed = new Promise((resolve) => client.subscribe('job-status', { disconnected: () => resolve(undefined), connected: () => started() }));
    let started;
    await new Promise((resolve) => (started = resolve));
    // A job that runs when the worker stops is released.
    cancelled = undefined;
    const back = await run('Patient');
    while (cancelled === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    await worker.stop({ grace: 50 });
    const pending = await client.getJob(back.id);
    assert.deepEqual([pending.status, pending.retryCount], ['pending', 0]);
    assert.ok(!(await client.getWorkers()).some(({ id }) => id === worker.id));
    // Its client's subscriptions are closed.
    await closed;
  },
};

if (mode === 'all') {
  for (const [name, scenario] of Object.entries(scenarios)) {
    await scenario();
    say(`ok ${name}`);
  }
  say('all scenarios passed');
} else if (mode === 'watch') {
  new TickerQClient(url, other ?? KEY).subscribe(/** @type {any} */ (topic), {
    connected: () => say('connected'),
    disconnected: () => say('disconnected'),
    error: ({ status }) => say(`refused ${status}`),
    'job-status-changed': ({ jobId, status }) => say(`event ${jobId} ${status}`),
  }, seconds === undefined ? {} : { pingInterval: Number(seconds) * 1000 });
} else if (mode === 'work') {
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  /** @type {any} */
  const cycle = {};
  cycle.itself = cycle;
  let deep = [];
  for (let n = 0; n < 100_000; n += 1) deep = [deep];
  const unwritable = [cycle, { n: 5n }, { deep }];
  const worker = new Worker(client, {
    name: other,
    handlers: {
      async RemoteJob({ hang }, { job }) {
        say(`running ${job.jobId} ${job.attempt}`);
        await pause(hang && job.attempt === 1 ? 600_000 : 500);
        return { by: other };
      },
      UnwritableJob: ({ n }) => unwritable[n],
      async ProgressJob(_, { progress, log }) {
        progress(-3);
        for (let n = 0; n < 300; n += 1) log.info(`line ${n}`);
        for (let n = 0; n < 45; n += 1) {
          progress(NaN);
          progress(150, `half a pair: \ud83d`);
          await pause(100);
        }
      },
      async AgainJob(_, { job }) {
        if (job.attempt === 1) throw new Error('not yet');
        await pause(6000);
      },
      FarJob: () => {
        throw new RetryLaterError(Infinity);
      },
    },
  });
  process.once('SIGTERM', async () => {
    await worker.stop();
    say('stopped');
  });
  await worker.start();
}
