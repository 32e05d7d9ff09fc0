// Columns of the list.
import type { ResultOf } from "../../app/requests/graphql";
import type { jobs } from "./operations";

export type Row = NonNullable<ResultOf<typeof jobs>["jobs"]>["nodes"][number];

/** All columns in their order. The name is always shown. */
export const columns = ["status", "name", "type", "queue", "priority", "created", "due", "waited", "ran", "attempts", "error", "tags"] as const;
export type Column = (typeof columns)[number];

const usual: readonly Column[] = ["status", "name", "queue", "created", "due", "ran", "attempts", "error"];

/** The columns of an address or of the preferences; the usual ones if it names none. */
export function columnsOf(text: string | undefined, preferred: readonly string[] | undefined): Column[] {
  const wanted = text?.split(",") ?? preferred ?? usual;
  const known = wanted.filter((name): name is Column => (columns as readonly string[]).includes(name));
  return known.length === 0 ? [...usual] : known.includes("name") ? [...new Set(known)] : ["name", ...new Set(known)];
}

/** Time from the due time to the start, in milliseconds; null before the start. */
export function waitedOf(job: Pick<Row, "runAt" | "executedAt">): number | null {
  return job.executedAt === null ? null : Math.max(0, Date.parse(job.executedAt) - Date.parse(job.runAt));
}
