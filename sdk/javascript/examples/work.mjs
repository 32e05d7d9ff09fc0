// Runs jobs of the type GreetJob: node examples/work.mjs http://localhost:5000 KEY

import { TickerQClient, Worker } from '../src/index.js';

const [url = 'http://localhost:5000', key] = process.argv.slice(2);
const worker = new Worker(new TickerQClient(url, key), { name: 'greeter', concurrency: 10 });
worker.handle('GreetJob', async ({ name }, { progress, log, signal }) => {
  progress(50, 'thinking of a greeting');
  log.info(`greeting ${name}`);
  signal.throwIfAborted();
  return { greeting: `hello ${name}` };
});
await worker.start();
console.log('working');
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => worker.stop());
