import { PgBoss } from "pg-boss";
import { clients, isTuned, measure, payload } from "./measure.mjs";

const boss = new PgBoss({
  connectionString: process.env.PEERS_POSTGRES,
  max: Math.min(clients, 20),
  useListenNotify: isTuned,
});
boss.on("error", (error) => console.error(error));
await boss.start();
await boss.createQueue("noop", { notify: isTuned });

const tuned = { batchSize: 500, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5, localConcurrency: 2 };

await measure({
  enqueue: () => boss.send("noop", payload),
  enqueueMany: (count) => boss.insert("noop", Array.from({ length: count }, () => ({ data: payload }))),
  work: (onStart) => boss.work("noop", isTuned ? tuned : {}, async (jobs) => jobs.forEach(onStart)),
  unfinished: async () =>
    Number(
      (await boss.getDb().executeSql("select count(*) from pgboss.job where name = 'noop' and state < 'completed'")).rows[0]
        .count,
    ),
});
