// Texts of the palette, of the keys and of the settings.
export const palette = {
  placeholder: "Page, queue, type, schedule, id or address; > for actions",
  results: "Results",
  none: (text: string) => `Nothing is named “${text}”.`,
  count: (count: number) => `${count} ${count === 1 ? "result" : "results"}`,
  incomplete: "The server did not respond: queues, types, schedules and workers may be missing.",
  searchJobs: (text: string) => `Jobs with “${text}”`,
  open: (kind: string, id: string) => `${kind} ${id}`,
  groups: {
    recent: "Recent", views: "Saved views", pages: "Pages", queues: "Queues", types: "Job types", schedules: "Schedules",
    workers: "Workers", endpoints: "Webhooks", ids: "By id", jobs: "Search", actions: "Actions",
  },
  actions: {
    keys: "Show all keys", pause: "Pause live updates", resume: "Resume live updates", refresh: "Read again", link: "Copy the address of this page",
    view: "Save this view", light: "Light appearance", dark: "Dark appearance", system: "Appearance of the system", dense: "Dense rows",
    comfortable: "Comfortable rows", utc: "Times in UTC", browser: "Times in the browser's zone", relative: "Relative times", absolute: "Absolute times",
    lock: "Lock changes in this browser", unlock: "Unlock changes", signOut: "Sign out",
  },
  viewSaved: (name: string) => `The view “${name}” is saved.`,
  viewsFull: "50 views are saved. Delete one in the settings first.",
  keys: {
    title: "Keys",
    off: "Single letters are off. Switch them on in the settings.",
    palette: "Search or go to", show: "Show all keys", go: "Go to", filter: "Filter, or search", refresh: "Read again", pause: "Pause or resume live updates",
    fresh: "Show new rows", next: "Next row", previous: "Previous row", select: "Select the row", enter: "Open the row", escape: "Close", then: "then",
    table: "Show a chart as a table",
  },
};

export const settings = {
  appearance: "Appearance", theme: "Colours", density: "Rows", comfortable: "Comfortable", dense: "Dense", language: "Language", browserLanguage: "Browser's language",
  times: "Times", zone: "Time zone", browserZone: (zone: string) => `Browser (${zone})`, unknownZone: "This is no IANA time zone.", relative: "Relative, such as 2 min ago", absolute: "Absolute",
  timesLabel: "Times in lists", now: (time: string) => `It is ${time}.`,
  behaviour: "Use", keys: "Keys of single letters", keysHint: "? shows all keys.", hide: "Hide payloads", hideHint: "Shows keys and sizes until a payload is requested.",
  lock: "Lock changes", lockHint: "No page of this browser offers a change. This prevents slips; it is not a right.",
  start: "Start page", startHint: "The page that the dashboard opens.",
  views: "Saved views", noViews: "No views are saved. The palette saves the current page: press Ctrl K and type > save.", remove: (name: string) => `Delete the view ${name}`, viewName: "Name of the view",
  json: "Settings as JSON", jsonHint: "Copy the settings to another browser, or paste them here.", apply: "Apply", applied: "The settings are applied.", invalid: "This is not the JSON of settings.",
  download: "Download", reset: "Reset", resetHint: "Restores the defaults and deletes saved views.", resetTitle: "Reset all settings?", wasReset: "The settings are reset.",
  stored: "Settings are stored in this browser.",
};
