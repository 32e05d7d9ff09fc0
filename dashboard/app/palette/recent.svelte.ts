// Pages that this tab has shown last.
import { withRecent } from "./entries";

const KEY = "tickerq:recent";

export interface Recent {
  label: string;
  address: string;
}

function read(): Recent[] {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as Recent[];
  } catch {
    return [];
  }
}

let all: Recent[] = $state.raw(read());

export const recent = {
  get all(): Recent[] {
    return all;
  },
  add(item: Recent): void {
    all = withRecent(all, item);
    sessionStorage.setItem(KEY, JSON.stringify(all));
  },
};
