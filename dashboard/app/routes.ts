// The component of each page. Every page is a chunk of its own, loaded when it is opened.
import type { Component } from "svelte";
import type { PageName } from "./addresses";

type Load = () => Promise<{ default: Component }>;

export const routes: Partial<Record<PageName, Load>> = {
  overview: () => import("../pages/overview/Overview.svelte"),
  errors: () => import("../pages/errors/Errors.svelte"),
  error: () => import("../pages/error/Error.svelte"),
  types: () => import("../pages/types/Types.svelte"),
  type: () => import("../pages/type/Type.svelte"),
  history: () => import("../pages/history/History.svelte"),
  queues: () => import("../pages/queues/Queues.svelte"),
  queue: () => import("../pages/queue/Queue.svelte"),
  jobs: () => import("../pages/jobs/Jobs.svelte"),
  "new-job": () => import("../pages/jobs/NewJob.svelte"),
  job: () => import("../pages/jobs/Job.svelte"),
  settings: () => import("../pages/settings/Settings.svelte"),
};
