// Schedules a job and waits for its end: node examples/schedule.mjs http://localhost:5000 KEY

import { TickerQClient } from '../src/index.js';

const [url = 'http://localhost:5000', key] = process.argv.slice(2);
const client = new TickerQClient(url, key);
const { jobId } = await client.scheduleJob('GreetJob', { name: 'Ann' }, { maxRetries: 3, priority: 'high' });
const job = await client.waitForJob(jobId);
console.log(`${job.status}: ${job.result?.greeting}, job ${jobId}`);
