import { Logger, makeWorkerUtils, run, runMigrations } from "graphile-worker";
import pg from "pg";
import { clients, isTuned, measure, payload } from "./measure.mjs";

const logger = new Logger(() => () => {});
const pgPool = new pg.Pool({ connectionString: process.env.PEERS_POSTGRES, max: Math.min(clients, 20) });
pgPool.on("error", () => {}).on("connect", (client) => client.on("error", () => {}));
await runMigrations({ pgPool, logger });
const utils = await makeWorkerUtils({ pgPool, logger });

// Tuned: the settings of the project's own performance test.
const tuned = { concurrentJobs: 24, completeJobBatchDelay: 0, failJobBatchDelay: 0, localQueue: { size: 500 } };

await measure({
  enqueue: () => utils.addJob("noop", payload),
  enqueueMany: (count) => utils.addJobs(Array.from({ length: count }, () => ({ identifier: "noop", payload }))),
  work: (onStart) =>
    run({
      pgPool,
      logger,
      noHandleSignals: true,
      taskList: { noop: async () => onStart() },
      preset: { worker: isTuned ? tuned : {} },
    }),
  // Finished jobs are deleted.
  unfinished: async () => Number((await pgPool.query("select count(*) from graphile_worker._private_jobs")).rows[0].count),
});
