import { Queue, Worker } from "bullmq";
import { isTuned, measure, payload } from "./measure.mjs";

const connection = { port: Number(process.env.PEERS_REDIS), maxRetriesPerRequest: null };
const queue = new Queue("noop", { connection });
await queue.waitUntilReady();

await measure({
  enqueue: () => queue.add("noop", payload),
  enqueueMany: (count) => queue.addBulk(Array.from({ length: count }, () => ({ name: "noop", data: payload }))),
  work: async (onStart) => {
    const worker = new Worker("noop", async () => onStart(), { connection, concurrency: isTuned ? 100 : 1 });
    await worker.waitUntilReady();
  },
  unfinished: async () => {
    const counts = await queue.getJobCounts("wait", "active", "prioritized");
    return counts.wait + counts.active + counts.prioritized;
  },
});
