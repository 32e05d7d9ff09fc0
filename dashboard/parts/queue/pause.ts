// Pausing and resuming queues, with undo.
import { graphql } from "../../app/requests/graphql";
import { fetchData } from "../../app/requests/request";
import { t } from "../../app/texts.svelte";
import { reportFailure, toasts } from "../toasts.svelte";

const pause = graphql(`mutation PauseQueue($name: String!) { pauseQueue(name: $name) { name status } }`);
const resume = graphql(`mutation ResumeQueue($name: String!) { resumeQueue(name: $name) { name status } }`);

/** Pauses or resumes a queue; `changed` is called after this and after an undo. */
export async function setPaused(name: string, isPaused: boolean, changed: () => unknown, isUndo = false): Promise<void> {
  try {
    await fetchData<unknown, { name: string }>(isPaused ? pause : resume, { name });
    toasts.show({
      kind: "done",
      text: isPaused ? t().queues.paused(name) : t().queues.resumed(name),
      ...(isUndo ? {} : { undo: () => void setPaused(name, !isPaused, changed, true) }),
    });
    await changed();
  } catch (error) {
    reportFailure(error);
  }
}
