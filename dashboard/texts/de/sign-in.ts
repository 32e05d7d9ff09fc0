import type { Texts } from "../en";

export const signIn: Texts["signIn"] = {
  title: "Anmelden",
  text: "Dieser Server verlangt einen API-Schlüssel oder ein Token.",
  token: "API-Schlüssel oder Token",
  rejected: "Der Server lehnt diesen Schlüssel oder dieses Token ab.",
  remember: "Auf diesem Gerät merken",
  rememberHint: "Sonst wird es vergessen, wenn der letzte Tab geschlossen wird. Auf gemeinsam genutzten Geräten bitte nicht wählen.",
  submit: "Anmelden",
};
