// Estimates of what follows when a queue is paused or resumed.

/** Numbers that an estimate is made from. */
export interface Pace {
  pending: number;
  running: number;
  /** Jobs created in the last hour. */
  createdHour: number;
  /** Most jobs that finished in a quarter of an hour today; 0 if none did. */
  finishedQuarter: number;
}

/** After an hour of pause: the number of waiting jobs, and the minutes in which they are done; null without a pace. */
export function afterPause({ pending, createdHour, finishedQuarter }: Pace): { waiting: number; minutes: number | null } {
  const waiting = pending + createdHour;
  return { waiting, minutes: drain(waiting, createdHour, finishedQuarter) };
}

/** Minutes until waiting jobs are done while new ones arrive; null if that is never at this pace. */
export function drain(waiting: number, createdHour: number, finishedQuarter: number): number | null {
  if (waiting === 0) return 0;
  const net = finishedQuarter / 15 - createdHour / 60;
  return net <= 0 ? null : Math.max(1, Math.round(waiting / net));
}
