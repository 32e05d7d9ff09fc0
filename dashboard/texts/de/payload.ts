import type { Texts } from "../en";

export const payload: Texts["payload"] = {
  raw: "Text",
  show: "Werte anzeigen",
  save: "Als Datei speichern",
  search: "In Schlüsseln und Werten suchen",
  expand: "Alle öffnen",
  collapse: "Schließen",
  items: (count, text) => `[ ${text} ${count === 1 ? "Element" : "Elemente"} ]`,
  members: (_count, text) => `{ ${text} Schlüssel }`,
  more: (lines) => `Alle ${lines} Zeilen zeigen`,
};
