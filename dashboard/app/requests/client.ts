// The cache of what pages have read. Requests are cancelled when the last part that needs them is left.
import { QueryClient } from "@tanstack/svelte-query";
import { RequestError } from "./request";

export const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      // Rejected requests fail again; an unreachable or busy server may respond later.
      retry: (count, error) => error instanceof RequestError && [0, 429, 503].includes(error.status) && count < 3,
      retryDelay: (count, error) =>
        error instanceof RequestError && error.retryAfter !== null ? error.retryAfter * 1000 : Math.min(1000 * 2 ** count, 10_000),
    },
  },
});
