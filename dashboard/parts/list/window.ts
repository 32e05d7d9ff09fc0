// Long lists are drawn as a window over rows of one height.

/** The rows that are drawn, and the heights of the rows before and after them. */
export interface RowWindow {
  first: number;
  /** Index after the last row that is drawn. */
  end: number;
  before: number;
  after: number;
}

/** Rows drawn before and after those in view. */
const OVERSCAN = 12;

/**
 * The window of `count` rows of the same height.
 * @param above Height of the part of the list above the view; negative if the list begins below its top.
 * @param view Height of the view.
 */
export function windowOf(count: number, height: number, above: number, view: number): RowWindow {
  const first = Math.min(count, Math.max(0, Math.floor(above / height) - OVERSCAN));
  const end = Math.min(count, Math.max(first, Math.ceil((above + view) / height) + OVERSCAN));
  return { first, end, before: first * height, after: (count - end) * height };
}

/** Calls `report` with the part of an element above the view, and the height of the view, whenever they change. */
export function observeView(element: HTMLElement, report: (above: number, view: number) => void): () => void {
  let frame = 0;
  const read = (): void => {
    frame = 0;
    report(-element.getBoundingClientRect().top, innerHeight);
  };
  const soon = (): void => {
    if (frame === 0) frame = requestAnimationFrame(read);
  };
  read();
  addEventListener("scroll", soon, { passive: true, capture: true });
  addEventListener("resize", soon, { passive: true });
  return () => {
    cancelAnimationFrame(frame);
    removeEventListener("scroll", soon, { capture: true });
    removeEventListener("resize", soon);
  };
}
