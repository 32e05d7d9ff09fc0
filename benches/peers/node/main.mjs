// Runs every measurement of every peer in alternating rounds and prints the tables of docs/guide/benchmarks.md.
// `run` installs what this needs, and sets its environment.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import pg from "pg";
import { Redis } from "ioredis";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    jobs: { type: "string", default: "20000" },
    clients: { type: "string", default: "64" },
    seconds: { type: "string", default: "30" },
    samples: { type: "string", default: "300" },
    only: { type: "string", multiple: true, default: [] },
    measurements: { type: "string", default: "one,many,run,latency" },
  },
});

const { PEERS_HOME: home, PEERS_SOURCE: source, PEERS_TICKERQ: program, PEERS_SERVER: server, PEERS_REDIS: redisPort } = process.env;
const rustPeer = (name) => [join(home, "rust/release", name)];
const nodePeer = (name) => [process.execPath, join(home, "node", `${name}.mjs`)];
const lock = JSON.parse(readFileSync(join(home, "node/package-lock.json"), "utf8"));
const npmVersion = (name) => lock.packages[`node_modules/${name}`].version;
const text = (command, ...words) => execFileSync(command, words, { encoding: "utf8" }).trim();
const crateVersion = (name) =>
  readFileSync(join(source, "rust/Cargo.lock"), "utf8").match(new RegExp(`name = "${name}"\nversion = "(.*)"`))?.[1];

const python = join(home, "python/bin/python");
const tickerq = { command: rustPeer("tickerq-peer"), version: text(program, "--version").split(" ")[1] };

/** Peers whose programs are installed. */
const peers = [
  { name: "TickerQ on PostgreSQL", ...tickerq, storage: "postgres" },
  { name: "TickerQ on SQLite", ...tickerq, storage: "sqlite" },
  { name: "TickerQ on PostgreSQL, normal", ...tickerq, storage: "postgres", environment: { PEERS_DURABILITY: "normal" } },
  { name: "TickerQ on SQLite, normal", ...tickerq, storage: "sqlite", environment: { PEERS_DURABILITY: "normal" } },
  { name: "graphile-worker", command: nodePeer("graphile-worker"), version: npmVersion("graphile-worker"), storage: "postgres" },
  { name: "pg-boss", command: nodePeer("pg-boss"), version: npmVersion("pg-boss"), storage: "postgres" },
  { name: "awa", command: rustPeer("awa-peer"), version: crateVersion("awa"), storage: "postgres" },
  { name: "River for Rust", command: rustPeer("river-peer"), version: crateVersion("riverqueue"), storage: "postgres" },
  {
    name: "procrastinate",
    command: [python, join(source, "python/procrastinate_peer.py")],
    version: text(python, "-c", "import importlib.metadata as m; print(m.version('procrastinate'))"),
    storage: "postgres",
  },
  { name: "BullMQ", command: nodePeer("bullmq"), version: npmVersion("bullmq"), storage: "redis" },
].filter(({ name, command }) => existsSync(command[0]) && (options.only.length === 0 || options.only.some((word) => name.includes(word))));

const admin = new pg.Client({ connectionString: `${server}/postgres` });
await admin.connect();
const redis = new Redis({ port: Number(redisPort) });

/** The storage of one measurement: empty, and removed afterwards. */
async function withStorage(storage, use) {
  const folder = mkdtempSync(join(process.env.PEERS_DATA ?? tmpdir(), "peer-"));
  const environment = { PEERS_FOLDER: folder };
  if (storage === "postgres") {
    await admin.query("create database peer");
    await admin.query("checkpoint");
    environment.PEERS_POSTGRES = `${server}/peer`;
  } else if (storage === "redis") {
    await redis.flushall();
    environment.PEERS_REDIS = redisPort;
  }
  try {
    return await use(environment);
  } finally {
    if (storage === "postgres") await admin.query("drop database peer with (force)");
    rmSync(folder, { recursive: true });
  }
}

/** Processor time in milliseconds of processes and of their ended children. */
const cpu = (...pids) => {
  const ticks = pids.map((pid) => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ").slice(11, 15).map(Number));
  return 10 * ticks.flat().reduce((sum, part) => sum + part, 0);
};
const ownCpu = () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return (userCPUTime + systemCPUTime) / 1000;
};
const servers = process.env.PEERS_SERVER_PIDS.split(" ");

/** The result that the program of a peer prints, or `null` after a failure. */
async function measured(peer, measurement, settings) {
  const before = { program: cpu("self") - ownCpu(), storage: cpu(...servers) };
  const result = await withStorage(peer.storage, async (environment) => {
    const [command, ...words] = peer.command;
    const child = spawn(command, [...words, measurement, settings], {
      env: {
        PATH: process.env.PATH,
        PEERS_TICKERQ: program,
        PEERS_JOBS: options.jobs,
        PEERS_CLIENTS: options.clients,
        PEERS_SECONDS: options.seconds,
        PEERS_SAMPLES: options.samples,
        NODE_ENV: "production",
        ...environment,
        ...peer.environment,
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    child.on("error", (error) => console.error(`${peer.name}: ${error.message}`));
    const timer = setTimeout(() => child.kill("SIGKILL"), 1000 * (4 * Number(options.seconds) + 60));
    const ended = new Promise((resolve) => child.on("close", resolve));
    let output = "";
    for await (const part of child.stdout) output += part;
    await ended;
    clearTimeout(timer);
    const last = output.trim().split("\n").at(-1);
    return last?.startsWith("{") ? JSON.parse(last) : null;
  });
  if (result) result.cpu = { program: cpu("self") - ownCpu() - before.program, storage: cpu(...servers) - before.storage };
  return result;
}

const results = {};
const measurements = options.measurements.split(",");
for (let round = 0; round < Number(options.rounds); round += 1) {
  for (const measurement of measurements) {
    // Enqueueing does not depend on the settings of workers.
    const allSettings = ["one", "many"].includes(measurement) ? ["default"] : ["default", "tuned"];
    // Each round begins with another peer.
    const order = peers.map((_, index) => peers[(index + round) % peers.length]);
    for (const settings of allSettings) {
      for (const peer of order) {
        const result = await measured(peer, measurement, settings);
        console.error(`${round + 1} ${measurement} ${settings} ${peer.name}: ${JSON.stringify(result)}`);
        (results[`${measurement} ${settings} ${peer.name}`] ??= []).push(result);
      }
    }
  }
}

const median = (numbers) => {
  const sorted = numbers.filter((value) => value !== undefined && value !== null).sort((left, right) => left - right);
  const middle = (sorted.length - 1) / 2;
  return sorted.length === 0 ? null : (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
};
const figure = (measurement, settings, peer, field = "perSecond") =>
  median((results[`${measurement} ${settings} ${peer.name}`] ?? []).map((result) => result?.[field]));
/** Median of the ratios of the rounds, with default settings of TickerQ: greater than 1 where TickerQ is ahead. */
const ratio = (measurement, settings, base, peer, field = "perSecond") => {
  const ours = results[`${measurement} default ${base.name}`] ?? [];
  const theirs = results[`${measurement} ${settings} ${peer.name}`] ?? [];
  const isTime = field !== "perSecond";
  return median(
    ours.map((our, round) => {
      const [left, right] = [our?.[field], theirs[round]?.[field]];
      return left && right ? (isTime ? right / left : left / right) : null;
    }),
  );
};
const rounded = (value) => (value === null ? "–" : Math.round(value).toLocaleString("en-US"));
const time = (value) => (value === null ? "–" : value < 100 ? value.toFixed(value < 10 ? 2 : 1) : rounded(value));
const factor = (value) => (value === null ? "–" : value < 10 ? value.toFixed(2) : rounded(value));
const row = (cells) => `| ${cells.join(" | ")} |`;
const table = (head, rows) => [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

const figures = table(
  ["", "enqueue by one", "enqueue by 500", "run", "run, tuned", "latency p50", "p99", "latency p50, tuned", "p99, tuned"],
  peers.map((peer) => [
    `${peer.name} ${peer.version}`,
    rounded(figure("one", "default", peer)),
    rounded(figure("many", "default", peer)),
    rounded(figure("run", "default", peer)),
    rounded(figure("run", "tuned", peer)),
    time(figure("latency", "default", peer, "p50")),
    time(figure("latency", "default", peer, "p99")),
    time(figure("latency", "tuned", peer, "p50")),
    time(figure("latency", "tuned", peer, "p99")),
  ]),
);
// Redis writes its log once a second: the peer on Redis is beside TickerQ with the durability "normal".
const isTickerq = (peer) => peer.name.startsWith("TickerQ");
const isFair = (base, peer) => isTickerq(base) && (base.environment !== undefined) === (peer.storage === "redis");
const pairs = peers
  .filter((peer) => !isTickerq(peer))
  .flatMap((peer) => peers.filter((base) => isFair(base, peer)).map((base) => [base, peer]));
const ratios = table(
  ["", "enqueue by one", "enqueue by 500", "run", "run, peer tuned", "latency p50", "latency p50, peer tuned"],
  pairs.map(([base, peer]) => [
    `${base.name} / ${peer.name}`,
    factor(ratio("one", "default", base, peer)),
    factor(ratio("many", "default", base, peer)),
    factor(ratio("run", "default", base, peer)),
    factor(ratio("run", "tuned", base, peer)),
    factor(ratio("latency", "default", base, peer, "p50")),
    factor(ratio("latency", "tuned", base, peer, "p50")),
  ]),
);

// Processor time depends less on what else the machine does than the rates. It includes the start of the programs.
const cost = (measurement, settings, peer) =>
  median(
    (results[`${measurement} ${settings} ${peer.name}`] ?? []).map(
      (result) => result?.jobs && (1000 * (result.cpu.program + result.cpu.storage)) / result.jobs,
    ),
  );
const costs = table(
  ["", "enqueue by one", "enqueue by 500", "enqueue by 500 and run", "the same, tuned"],
  peers.map((peer) => [
    peer.name,
    rounded(cost("one", "default", peer)),
    rounded(cost("many", "default", peer)),
    rounded(cost("run", "default", peer)),
    rounded(cost("run", "tuned", peer)),
  ]),
);

const setting = async (name) => (await admin.query(`show ${name}`)).rows[0][name];
const machine = [
  `${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0].model}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
  `PostgreSQL ${await setting("server_version")} (fsync=${await setting("fsync")}, synchronous_commit=${await setting("synchronous_commit")})`,
  `Redis ${(await redis.info("server")).match(/redis_version:(\S+)/)[1]} (appendonly, appendfsync everysec)`,
  `Node.js ${process.versions.node}`,
  text(python, "--version"),
  `medians of ${options.rounds} alternating rounds`,
].join(", ");
const report = [machine, "Jobs per second; latency in milliseconds:", figures, "Ratios, medians of the rounds:", ratios, "Processor time per job, µs:", costs].join("\n\n");
mkdirSync(join(home, "results"), { recursive: true });
const file = join(home, "results", new Date().toISOString().replace(/[:.]/g, "-"));
writeFileSync(`${file}.json`, JSON.stringify({ options, machine, results }, null, 1));
writeFileSync(`${file}.md`, `${report}\n`);
console.log(report);
await admin.end();
redis.disconnect();
