// The typings as a program uses them; compiled with `tsc --strict`, never run.

import { RetryLaterError, TickerQClient, Worker, type Job, type NewWebhookEndpoint, type Priority } from '../src/index.js';

const client = new TickerQClient('http://localhost:5000', undefined, { retries: 2 });

interface Greeting { greeting: string }

export async function calls(): Promise<void> {
  const job: Job<{ name: string }, Greeting> = await client.scheduleJob<{ name: string }, Greeting>('GreetJob', { name: 'Ann' }, { delay: 500, priority: 'high' });
  const text: string | undefined = job.result?.greeting;
  const recurring = await client.scheduleJob('GreetJob', {}, { cronExpression: '0 2 * * *' });
  const priority: Priority = job.priority;
  const next: string | null = recurring.nextRunAt;
  const endpoint: NewWebhookEndpoint = { url: 'https://example.com/', retryPolicy: { retryDelay: 1_000 } };
  const { secret } = await client.createWebhookEndpoint(endpoint);
  for await (const { id, status } of client.jobs({ status: ['failed', 'cancelled'], from: new Date() })) console.log(id, status);
  // @ts-expect-error a priority is one of four
  await client.scheduleJob('GreetJob', {}, { priority: 'urgent' });
  // @ts-expect-error there is no such option
  await client.scheduleJob('GreetJob', {}, { priorty: 'high' });
  console.log(text, priority, next, secret);
}

export const worker = new Worker(client, { logger: null }).handle<{ name: string }, Greeting>('GreetJob', ({ name }, { signal }) => {
  if (signal.aborted) throw new RetryLaterError(1_500);
  return { greeting: `hello ${name}` };
});
