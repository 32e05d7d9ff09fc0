// Cells of the heat map.

export type Measure = "wait" | "failed" | "completed";

/** Shade of a cell between 0 and 1. Waits are on a logarithmic scale from 10 ms to 10 min, counts on a root scale. */
export function shade(value: number | null, measure: Measure, max: number): number {
  if (value === null || value <= 0) return 0;
  if (measure === "wait") return Math.max(0.05, Math.min(1, Math.log(value / 10) / Math.log(60_000)));
  return max <= 0 ? 0 : Math.max(0.08, Math.sqrt(Math.min(1, value / max)));
}

/** The cell at a position. */
export function cellAt(x: number, y: number, left: number, width: number, height: number, rows: number, columns: number): { row: number; column: number } | null {
  const column = Math.floor((x - left) / width);
  const row = Math.floor(y / height);
  return row < 0 || row >= rows || column < 0 || column >= columns ? null : { row, column };
}

/** The cell that an arrow key leads to. */
export function move(cell: { row: number; column: number } | null, key: string, rows: number, columns: number): { row: number; column: number } | null {
  const deltas: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -columns], End: [0, columns], PageUp: [-10, 0], PageDown: [10, 0] };
  const delta = deltas[key];
  if (delta === undefined || rows === 0 || columns === 0) return null;
  const from = cell ?? { row: 0, column: columns - 1 };
  const within = (value: number, count: number): number => Math.max(0, Math.min(count - 1, value));
  return { row: within(from.row + delta[0], rows), column: within(from.column + delta[1], columns) };
}
