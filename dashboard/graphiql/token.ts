// The token lives as long as the tab: it is not written to a place that outlives it.
const KEY = "tickerq:token";

export function rememberedToken(): string {
  return sessionStorage.getItem(KEY) ?? "";
}

export function rememberToken(token: string): void {
  if (token === "") sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
}
