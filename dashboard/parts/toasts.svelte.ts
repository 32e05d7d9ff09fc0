// Results of actions. A result stays until it is dismissed; an action that can be undone offers it.
export interface Toast {
  id: number;
  text: string;
  kind: "done" | "failed" | "held";
  undo?: () => void;
  /** A link to what was changed. */
  link?: { text: string; href: string };
}

class Toasts {
  all: Toast[] = $state([]);
  #next = 1;

  show(toast: Omit<Toast, "id">): number {
    const id = this.#next;
    this.#next += 1;
    this.all = [...this.all.slice(-4), { ...toast, id }];
    return id;
  }

  dismiss(id: number): void {
    this.all = this.all.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();

/** Reports a failed action in the words of the server. */
export function reportFailure(error: unknown): void {
  toasts.show({ kind: "failed", text: error instanceof Error ? error.message : String(error) });
}
