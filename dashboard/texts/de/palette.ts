import type { Texts } from "../en";

export const palette: Texts["palette"] = {
  placeholder: "Seite, Warteschlange, Typ, Zeitplan, ID oder Adresse; > für Aktionen",
  results: "Ergebnisse",
  none: (text) => `Nichts heißt „${text}“.`,
  count: (count) => `${count} ${count === 1 ? "Ergebnis" : "Ergebnisse"}`,
  incomplete: "Der Server hat nicht geantwortet: Warteschlangen, Typen, Zeitpläne und Worker können fehlen.",
  searchJobs: (text) => `Jobs mit „${text}“`,
  open: (kind, id) => `${kind} ${id}`,
  groups: {
    recent: "Zuletzt", views: "Gespeicherte Ansichten", pages: "Seiten", queues: "Warteschlangen", types: "Jobtypen", schedules: "Zeitpläne",
    workers: "Worker", endpoints: "Webhooks", ids: "Nach ID", jobs: "Suche", actions: "Aktionen",
  },
  actions: {
    keys: "Alle Tasten zeigen", pause: "Live-Aktualisierung anhalten", resume: "Live-Aktualisierung fortsetzen", refresh: "Neu lesen", link: "Adresse dieser Seite kopieren",
    view: "Diese Ansicht speichern", light: "Helle Darstellung", dark: "Dunkle Darstellung", system: "Darstellung des Systems", dense: "Dichte Zeilen",
    comfortable: "Bequeme Zeilen", utc: "Zeiten in UTC", browser: "Zeiten in der Zone des Browsers", relative: "Relative Zeiten", absolute: "Absolute Zeiten",
    lock: "Änderungen in diesem Browser sperren", unlock: "Änderungen entsperren", signOut: "Abmelden",
  },
  viewSaved: (name) => `Die Ansicht „${name}“ ist gespeichert.`,
  viewsFull: "50 Ansichten sind gespeichert. Löschen Sie zuerst eine in den Einstellungen.",
  keys: {
    title: "Tasten",
    off: "Einzelne Buchstaben sind ausgeschaltet. In den Einstellungen lassen sie sich einschalten.",
    palette: "Suchen oder gehen zu", show: "Alle Tasten zeigen", go: "Gehe zu", filter: "Filtern oder suchen", refresh: "Neu lesen", pause: "Live-Aktualisierung anhalten oder fortsetzen",
    fresh: "Neue Zeilen zeigen", next: "Nächste Zeile", previous: "Vorherige Zeile", select: "Zeile auswählen", enter: "Zeile öffnen", escape: "Schließen", then: "dann",
    table: "Diagramm als Tabelle zeigen",
  },
};

export const settings: Texts["settings"] = {
  appearance: "Darstellung", theme: "Farben", density: "Zeilen", comfortable: "Bequem", dense: "Dicht", language: "Sprache", browserLanguage: "Sprache des Browsers",
  times: "Zeiten", zone: "Zeitzone", browserZone: (zone) => `Browser (${zone})`, unknownZone: "Das ist keine IANA-Zeitzone.", relative: "Relativ, etwa vor 2 Min.", absolute: "Absolut",
  timesLabel: "Zeiten in Listen", now: (time) => `Es ist ${time}.`,
  behaviour: "Bedienung", keys: "Tasten mit einzelnen Buchstaben", keysHint: "? zeigt alle Tasten.", hide: "Nutzdaten verbergen", hideHint: "Zeigt Schlüssel und Größen, bis Nutzdaten angefordert werden.",
  lock: "Änderungen sperren", lockHint: "Keine Seite dieses Browsers bietet eine Änderung an. Das schützt vor Versehen und ist kein Recht.",
  start: "Startseite", startHint: "Die Seite, die das Dashboard öffnet.",
  views: "Gespeicherte Ansichten", noViews: "Keine Ansicht ist gespeichert. Die Palette speichert die aktuelle Seite: Strg K drücken und > Ansicht eingeben.", remove: (name) => `Die Ansicht ${name} löschen`, viewName: "Name der Ansicht",
  json: "Einstellungen als JSON", jsonHint: "Einstellungen in einen anderen Browser kopieren oder hier einfügen.", apply: "Anwenden", applied: "Die Einstellungen sind angewendet.", invalid: "Das ist kein JSON von Einstellungen.",
  download: "Herunterladen", reset: "Zurücksetzen", resetHint: "Stellt die Vorgaben wieder her und löscht gespeicherte Ansichten.", resetTitle: "Alle Einstellungen zurücksetzen?", wasReset: "Die Einstellungen sind zurückgesetzt.",
  stored: "Einstellungen werden in diesem Browser gespeichert.",
};
