// The four measurements of a peer that runs in Node.js. Arguments: the measurement, "default" or "tuned".

const number = (name) => Number(process.env[name]);

export const jobs = number("PEERS_JOBS");
export const clients = number("PEERS_CLIENTS");
export const batchSize = 500;
const batchClients = 4;
const seconds = number("PEERS_SECONDS");
const samples = number("PEERS_SAMPLES");

export const [measurement, settings] = process.argv.slice(2);
export const isTuned = settings === "tuned";
export const payload = { recipientEmail: "newuser@example.com", templateId: "welcome-email" };

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const elapsed = (start) => (performance.now() - start) / 1000;

/** Calls `call` repeatedly from `count` clients at once until `total` jobs are stored or the time has passed. */
async function load(count, total, jobsPerCall, call) {
  const start = performance.now();
  let sent = 0;
  let stored = 0;
  const client = async () => {
    while (sent < total && elapsed(start) < seconds) {
      sent += jobsPerCall;
      await call();
      stored += jobsPerCall;
    }
  };
  await Promise.all(Array.from({ length: count }, client));
  return { perSecond: stored / elapsed(start), jobs: stored };
}

async function one(peer) {
  await load(clients, 20 * clients, 1, peer.enqueue);
  return load(clients, jobs, 1, peer.enqueue);
}

async function many(peer) {
  const call = () => peer.enqueueMany(batchSize);
  await load(batchClients, 8 * batchSize, batchSize, call);
  return load(batchClients, 5 * jobs, batchSize, call);
}

/** From the start of the first handler until the last end is stored. */
async function run(peer) {
  for (let stored = 0; stored < jobs; stored += batchSize) await peer.enqueueMany(batchSize);
  const ready = performance.now();
  let start;
  let ran = 0;
  await peer.work(() => {
    start ??= performance.now();
    ran += 1;
  });
  while (ran < jobs && elapsed(ready) < seconds) await sleep(1);
  const isDone = ran >= jobs;
  while (isDone && (await peer.unfinished()) > 0) await sleep(1);
  return { perSecond: ran / elapsed(start ?? ready), jobs: ran };
}

/** From the call that creates a job until its handler starts, one job at a time. */
async function latency(peer) {
  let started;
  await peer.work(() => started(performance.now()));
  await sleep(500);
  const taken = [];
  const begin = performance.now();
  // Connections and compiled code are warm after some jobs, which are not counted.
  let warm = 20;
  while (taken.length < samples && elapsed(begin) < seconds) {
    const start = new Promise((resolve) => (started = resolve));
    const created = performance.now();
    await peer.enqueue();
    const milliseconds = (await start) - created;
    if (warm > 0 && elapsed(begin) < seconds / 5) warm -= 1;
    else taken.push(milliseconds);
    await sleep(10);
  }
  taken.sort((left, right) => left - right);
  const at = (share) => taken[Math.min(taken.length - 1, Math.floor(taken.length * share))];
  return { p50: at(0.5), p99: at(0.99), samples: taken.length };
}

/** Measures and prints the result. A peer has `enqueue`, `enqueueMany(count)`, `work(onStart)` and `unfinished`. */
export async function measure(peer) {
  const result = await { one, many, run, latency }[measurement](peer);
  console.log(JSON.stringify(result));
  // Workers are not stopped: the database is dropped.
  process.exit(0);
}
