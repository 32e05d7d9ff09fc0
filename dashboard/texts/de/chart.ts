import type { Texts } from "../en";

export const chart: Texts["chart"] = {
  time: "Zeit",
  table: "Tabelle",
  tableKey: "Tabelle (T)",
  csv: "Als CSV speichern",
  png: "Als PNG speichern",
  period: "Zeitraum",
  periods: {
    "-15m": "Letzte 15 Minuten",
    "-1h": "Letzte Stunde",
    "-6h": "Letzte 6 Stunden",
    "-24h": "Letzte 24 Stunden",
    "-7d": "Letzte 7 Tage",
    "-30d": "Letzte 30 Tage",
    "-90d": "Letzte 90 Tage",
  },
  fix: "Von … bis …",
  change: "Ändern",
  today: "jetzt",
  from: "Von",
  to: "Bis",
  zone: (zone) => `Die Zeiten sind in ${zone}.`,
  apply: "Anwenden",
  noSuchTime: "Diese Uhrzeit gibt es nicht: An dem Tag wird die Uhr umgestellt.",
  endBeforeStart: "Das Ende muss nach dem Anfang liegen.",
  noData: "In diesem Zeitraum liefen keine Jobs.",
};
