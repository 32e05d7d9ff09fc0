// Actions of the palette.
import { copyText } from "../../parts/Copy.svelte";
import { toasts } from "../../parts/toasts.svelte";
import { build } from "../addresses";
import { live } from "../live/live.svelte";
import { navigation } from "../navigation.svelte";
import { preferences } from "../preferences.svelte";
import { session } from "../session.svelte";
import { t } from "../texts.svelte";
import type { Entry } from "./entries";

/** Saves the current address under the title of the page. */
function saveView(): void {
  const { place } = navigation;
  if (place.page === "unknown") return;
  if (preferences.views.length >= 50) {
    toasts.show({ kind: "failed", text: t().palette.viewsFull });
    return;
  }
  const address = build(place);
  const detail = Object.values(place.query).join(" ");
  const name = `${t().shell.pages[place.page]}${detail === "" ? "" : `: ${detail}`}`.slice(0, 80);
  preferences.views = [...preferences.views.filter((view) => view.address !== address), { name, address }];
  toasts.show({ kind: "done", text: t().palette.viewSaved(name) });
}

/** All actions; `showKeys` opens the dialog of keys. */
export function actions(showKeys: () => void): Entry[] {
  const texts = t().palette.actions;
  const all: [string, () => unknown][] = [
    [texts.keys, showKeys],
    [texts.refresh, () => live.refresh()],
    [live.isPaused ? texts.resume : texts.pause, () => live.pause(!live.isPaused)],
    [texts.view, saveView],
    [texts.link, () => copyText(location.href)],
    [session.isLocked ? texts.unlock : texts.lock, () => session.lock(!session.isLocked)],
    [texts.light, () => (preferences.theme = "light")],
    [texts.dark, () => (preferences.theme = "dark")],
    [texts.system, () => (preferences.theme = "system")],
    preferences.density === "dense" ? [texts.comfortable, () => (preferences.density = "comfortable")] : [texts.dense, () => (preferences.density = "dense")],
    preferences.zone === "UTC" ? [texts.browser, () => (preferences.zone = null)] : [texts.utc, () => (preferences.zone = "UTC")],
    preferences.times === "relative" ? [texts.absolute, () => (preferences.times = "absolute")] : [texts.relative, () => (preferences.times = "relative")],
    ...(session.token === "" ? [] : [[texts.signOut, () => session.signOut()] as [string, () => unknown]]),
  ];
  return all.map(([label, run]) => ({ key: `action ${label}`, group: "actions", label, run }));
}
