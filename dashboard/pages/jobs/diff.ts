// Differences of two texts by lines.

export interface DiffLine {
  kind: "same" | "removed" | "added" | "folded";
  text: string;
}

const LINES_MAX = 400;
/** Equal lines that are shown around a difference. */
const AROUND = 3;

/** The lines of two texts in one list; long equal parts are folded to one line with their number as text. */
export function diffOf(before: string, after: string): DiffLine[] {
  const a = before.split("\n").slice(0, LINES_MAX);
  const b = after.split("\n").slice(0, LINES_MAX);
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] =
        a[i] === b[j] ? (lengths[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(lengths[(i + 1) * width + j] ?? 0, lengths[i * width + j + 1] ?? 0);
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: "same", text: a[i] ?? "" });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && (lengths[(i + 1) * width + j] ?? 0) >= (lengths[i * width + j + 1] ?? 0))) {
      lines.push({ kind: "removed", text: a[i] ?? "" });
      i += 1;
    } else {
      lines.push({ kind: "added", text: b[j] ?? "" });
      j += 1;
    }
  }
  return folded(lines);
}

function folded(lines: readonly DiffLine[]): DiffLine[] {
  const isNear = lines.map((_, index) => lines.slice(Math.max(0, index - AROUND), index + AROUND + 1).some(({ kind }) => kind !== "same"));
  const result: DiffLine[] = [];
  let count = 0;
  lines.forEach((line, index) => {
    if (isNear[index] !== true) {
      count += 1;
      return;
    }
    if (count > 0) result.push({ kind: "folded", text: String(count) });
    count = 0;
    result.push(line);
  });
  if (count > 0) result.push({ kind: "folded", text: String(count) });
  return result;
}
