// Whether the server responds, as the requests of this page find it.

class Connection {
  /** Since when requests have had no response; null if the last one had. */
  offlineSince: number | null = $state(null);

  /** A request had a response. */
  responded(): void {
    this.offlineSince = null;
  }

  /** A request had no response. */
  failed(): void {
    this.offlineSince ??= Date.now();
  }
}

export const connection = new Connection();
