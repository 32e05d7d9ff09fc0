// Prints live updates: node examples/watch.mjs http://localhost:5000 KEY

import { TickerQClient } from '../src/index.js';

const [url = 'http://localhost:5000', key] = process.argv.slice(2);
new TickerQClient(url, key).subscribe(['job-status', 'system-health'], {
  connected: () => console.log('connected'),
  disconnected: ({ reason }) => console.log(`disconnected ${reason}; trying again`),
  'job-status-changed': ({ jobId, status }) => console.log(`${jobId} ${status}`),
  'job-progress': ({ jobId, progress }) => console.log(`${jobId} is at ${progress?.percent} %`),
  'system-health-alert': ({ status }) => console.log(`the server is ${status}`),
});
