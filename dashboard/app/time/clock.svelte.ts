// The server's time, in steps of a second. Relative times are counted on without requests.

class Clock {
  /** Milliseconds by which the server's clock is ahead of this browser's. */
  offset: number = $state(0);
  /** The server's time, updated every second while the page is visible. */
  now: number = $state(Date.now());

  constructor() {
    setInterval(() => {
      if (document.visibilityState === "visible") this.now = Date.now() + this.offset;
    }, 1000);
    document.addEventListener("visibilitychange", () => (this.now = Date.now() + this.offset));
  }

  /** Measures the offset from the `Date` of a response, which has a resolution of a second. */
  adjust(date: string | null, sent: number): void {
    const at = date === null ? Number.NaN : Date.parse(date);
    if (Number.isNaN(at)) return;
    const received = Date.now();
    // The header may be up to a second old, and the time on the way counts half.
    const offset = at + 500 - (sent + received) / 2;
    if (Math.abs(offset - this.offset) > 1500) this.offset = Math.abs(offset) < 1500 ? 0 : Math.round(offset);
  }
}

export const clock = new Clock();
