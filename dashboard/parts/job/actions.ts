// Actions on one job, with their undo.
import type { ResultOf } from "../../app/requests/graphql";
import { href, navigation } from "../../app/navigation.svelte";
import { fetchData } from "../../app/requests/request";
import { t } from "../../app/texts.svelte";
import { reportFailure, toasts } from "../toasts.svelte";
import { cancel, execute, remove, retry, type actionable } from "./operations";

export type Actionable = ResultOf<typeof actionable>;

/** Called after a change with the changed job, or null if it was deleted. */
export type Changed = (job: Actionable | null) => void;

/** Time for which a deletion is held. */
const HOLD = 6_000;

async function attempt(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    reportFailure(error);
  }
}

const link = (job: Actionable): { text: string; href: string } => ({ text: job.name, href: href("job", {}, job.id) });

/** Cancels a pending job, or asks a running one to stop. A pending one can be made pending again, due as before. */
export function cancelJob(job: Actionable, changed: Changed): Promise<void> {
  return attempt(async () => {
    const { cancelJob: after } = await fetchData(cancel, { id: job.id, revision: job.revision });
    changed(after);
    if (job.status === "RUNNING") {
      toasts.show({ kind: "done", text: t().jobActions.asked, link: link(job) });
      return;
    }
    const undo = (): void =>
      void attempt(async () => changed((await fetchData(execute, { id: job.id, runAt: job.runAt, revision: after?.revision ?? null })).executeJob));
    toasts.show({ kind: "done", text: job.retryCount > 0 ? t().jobActions.cancelledRetried : t().jobActions.cancelled, link: link(job), undo });
  });
}

/** Makes a job due now: retries a failed or cancelled one, requeues a completed one. Undone by cancelling it. */
export function runJob(job: Actionable, kind: "retry" | "execute", changed: Changed): Promise<void> {
  return attempt(async () => {
    const variables = { id: job.id, revision: job.revision };
    const after = kind === "retry" ? (await fetchData(retry, variables)).retryJob : (await fetchData(execute, variables)).executeJob;
    changed(after);
    const undo = (): void =>
      void attempt(async () => {
        const isDueLater = job.status === "PENDING";
        const undone = isDueLater
          ? (await fetchData(execute, { id: job.id, runAt: job.runAt, revision: after?.revision ?? null })).executeJob
          : (await fetchData(cancel, { id: job.id, revision: after?.revision ?? null })).cancelJob;
        changed(undone);
        if (!isDueLater) toasts.show({ kind: "done", text: t().jobActions.undoneByCancel, link: link(job) });
      });
    toasts.show({ kind: "done", text: kind === "retry" ? t().jobActions.retried : t().jobActions.queued, link: link(job), undo });
  });
}

/** Deletes a finished job after six seconds in which it can be undone. Leaving the page drops the deletion. */
export function deleteJob(job: Actionable, changed: Changed): void {
  const timer = setTimeout(() => {
    stay();
    toasts.dismiss(id);
    void attempt(async () => {
      await fetchData(remove, { id: job.id, revision: job.revision });
      changed(null);
      toasts.show({ kind: "done", text: t().jobActions.deleted(job.name) });
    });
  }, HOLD);
  const drop = (): void => clearTimeout(timer);
  const id = toasts.show({ kind: "held", text: t().jobActions.deleting(job.name), undo: drop });
  const stay = navigation.onLeave(() => {
    drop();
    toasts.dismiss(id);
  });
}
