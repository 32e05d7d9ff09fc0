// The token lives as long as the tab: it is not persisted.
const KEY = "tickerq:token";

export function rememberedToken(): string {
  return sessionStorage.getItem(KEY) ?? "";
}

export function rememberToken(token: string): void {
  if (token === "") sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
}
