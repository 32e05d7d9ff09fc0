// The place that is shown. The address is the state: back, forward, reload and a new tab show the same.
import { tick } from "svelte";
import { build, parse, type PageName, type Place, type Unknown } from "./addresses";
import { mount } from "./bootstrap";
import { preferences } from "./preferences.svelte";

function current(): Place | Unknown {
  const path = location.pathname.startsWith(mount) ? location.pathname.slice(mount.length) : "";
  return parse(path, location.search);
}

class Navigation {
  place: Place | Unknown = $state.raw(current());
  /** Functions that may keep the user on a page with unsaved input. */
  #guards = new Set<() => boolean>();
  /** The page has changed and is not shown yet: its code may still load. */
  #isOther = false;

  /** Functions that are called once when the place is left. */
  #leaving = new Set<() => void>();

  constructor() {
    history.scrollRestoration = "manual";
    // The mount shows the start page of this browser.
    if (preferences.startPage !== "" && location.pathname === mount && location.search === "") {
      history.replaceState(null, "", mount + preferences.startPage);
      this.place = current();
    }
    window.addEventListener("popstate", (event: PopStateEvent) => {
      const before = this.place;
      this.place = current();
      this.#left(before);
      const top = (event.state as { top?: number } | null)?.top ?? 0;
      void tick().then(() => scrollTo(0, top));
    });
    window.addEventListener("beforeunload", (event) => {
      if ([...this.#guards].some((holds) => holds())) event.preventDefault();
    });
  }

  /** Query of the current page. */
  get query(): Record<string, string> {
    return this.place.page === "unknown" ? {} : this.place.query;
  }

  /** Calls `holds` before the page is left; returns a function that removes it. */
  guard(holds: () => boolean): () => void {
    this.#guards.add(holds);
    return () => this.#guards.delete(holds);
  }

  /** Calls `leave` once when another page or another item is shown; returns a function that removes it. */
  onLeave(leave: () => void): () => void {
    this.#leaving.add(leave);
    return () => this.#leaving.delete(leave);
  }

  #left(before: Place | Unknown): void {
    const idOf = (place: Place | Unknown): string | undefined => (place.page === "unknown" ? place.path : place.id);
    if (before.page === this.place.page && idOf(before) === idOf(this.place)) return;
    for (const leave of this.#leaving) leave();
    this.#leaving.clear();
  }

  /** Shows a place and adds it to the history. */
  async go(place: Place): Promise<void> {
    history.replaceState({ top: scrollY }, "");
    history.pushState({ top: 0 }, "", mount + build(place));
    const isOther = this.place.page !== place.page;
    this.#isOther ||= isOther;
    this.place = current();
    await tick();
    if (isOther) scrollTo(0, 0);
  }

  /** A page is shown. After navigation the focus is on its heading (WCAG 2.4.3). */
  async shown(): Promise<void> {
    if (!this.#isOther) return;
    this.#isOther = false;
    await tick();
    document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
  }

  /** Changes parameters of the current page. Typing replaces the entry of the history, applying adds one. */
  set(changes: Record<string, string | undefined>, { replace = false } = {}): void {
    if (this.place.page === "unknown") return;
    const query = { ...this.place.query };
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined || value === "") delete query[name];
      else query[name] = value;
    }
    const address = mount + build({ ...this.place, query });
    if (replace) history.replaceState(history.state, "", address);
    else history.pushState({ top: scrollY }, "", address);
    this.place = current();
  }
}

export const navigation = new Navigation();

/** Address of a page, for `href`. */
export function href(page: PageName, query: Record<string, string | undefined> = {}, id?: string): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return mount + build({ page, ...(id === undefined ? {} : { id }), query: Object.fromEntries(given) });
}

/** Follows links to pages without loading the document again. Modified clicks open tabs as usual. */
export function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element).closest("a");
  if (link === null || link.target !== "" || link.hasAttribute("download")) return;
  const target = new URL(link.href);
  if (target.origin !== location.origin || !target.pathname.startsWith(mount) || target.hash !== "") return;
  const place = parse(target.pathname.slice(mount.length), target.search);
  event.preventDefault();
  if (place.page === "unknown") location.assign(target);
  else void navigation.go(place);
}
