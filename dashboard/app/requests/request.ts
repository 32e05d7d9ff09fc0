// Requests to the server: GraphQL for views and actions, REST where JSON must keep its digits.
import type { TadaDocumentNode } from "gql.tada";
import { addressOf, bootstrap } from "../bootstrap";
import { clock } from "../time/clock.svelte";
import { connection } from "./connection.svelte";
import { textOf } from "./graphql";
import { jsonOf } from "./raw-json";
import { session } from "../session.svelte";

/** A field that the server rejects. */
export interface FieldError {
  field: string | null;
  detail: string;
  /** Position in the text of a filter, in characters. */
  position: number | null;
}

/** A failed request, in the words of the server. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    /** Code of the problem, such as `not-found`; `offline` if the server does not respond. */
    readonly code: string,
    message: string,
    readonly fields: FieldError[] = [],
    /** Seconds after which the request may succeed. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }

  get isOffline(): boolean {
    return this.status === 0;
  }
}

interface GraphqlError {
  message: string;
  path?: (string | number)[];
  extensions?: Record<string, unknown>;
}

/** Errors of single root fields by their names; the other fields have values. */
export type PartErrors = Record<string, RequestError>;

function statusOf(code: string): number {
  const statuses: Record<string, number> = { UNAUTHENTICATED: 401, FORBIDDEN: 403, NOT_FOUND: 404, CONFLICT: 409 };
  return statuses[code] ?? 400;
}

function ofGraphql({ message, extensions = {} }: GraphqlError): RequestError {
  const code = String(extensions["code"] ?? "GRAPHQL_ERROR");
  const status = typeof extensions["status"] === "number" ? extensions["status"] : statusOf(code);
  const errors = Array.isArray(extensions["errors"]) ? (extensions["errors"] as Record<string, unknown>[]) : [extensions];
  const fields = errors.flatMap((error) => {
    const field = error["parameter"] ?? error["field"];
    const position = error["position"];
    if (field === undefined && position === undefined) return [];
    return [
      {
        field: field === undefined ? null : String(field),
        detail: String(error["detail"] ?? message),
        position: typeof position === "number" ? position : null,
      },
    ];
  });
  const after = extensions["retryAfter"];
  return new RequestError(status, code, message, fields, typeof after === "number" ? after : null);
}

async function ofProblem(response: Response): Promise<RequestError> {
  const after = Number(response.headers.get("retry-after"));
  const retryAfter = Number.isFinite(after) && after > 0 ? after : null;
  const problem = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const graphql = problem["errors"];
  if (Array.isArray(graphql) && problem["title"] === undefined && graphql.length > 0) {
    const error = ofGraphql(graphql[0] as GraphqlError);
    return new RequestError(response.status, error.code, error.message, error.fields, retryAfter ?? error.retryAfter);
  }
  const message = String(problem["detail"] ?? problem["title"] ?? response.statusText);
  const errors = Array.isArray(problem["errors"]) ? (problem["errors"] as Record<string, unknown>[]) : [];
  const fields = errors.map((error) => ({
    field: String(error["field"] ?? error["parameter"] ?? ""),
    detail: String(error["detail"] ?? error["message"] ?? ""),
    position: null,
  }));
  const code = String(problem["code"] ?? String(problem["type"] ?? "").split("/").pop() ?? "");
  return new RequestError(response.status, code, message, fields, retryAfter);
}

async function send(address: URL, init: RequestInit): Promise<Response> {
  const sent = Date.now();
  const response = await fetch(address, {
    ...init,
    headers: { ...session.headers(), ...(init.headers as Record<string, string> | undefined) },
    credentials: "same-origin",
    cache: "no-store",
  }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    connection.failed();
    throw new RequestError(0, "offline", "The server does not respond.");
  });
  // A proxy responds in place of a server that is away.
  if (response.status === 502 || response.status === 504) {
    connection.failed();
    throw new RequestError(0, "offline", "The server does not respond.");
  }
  connection.responded();
  clock.adjust(response.headers.get("date"), sent);
  if (response.status === 401) session.expired();
  return response;
}

/** Result of {@link query} with the root fields that failed. */
export interface Answer<Result> {
  data: Result;
  errors: PartErrors;
}

/** Sends a GraphQL operation. Fails only if no root field has a value; the others are in `errors`. */
export async function query<Result, Variables>(
  document: TadaDocumentNode<Result, Variables>,
  variables: Variables,
  { signal, headers }: { signal?: AbortSignal; headers?: Record<string, string> } = {},
): Promise<Answer<Result>> {
  if (bootstrap.graphql === null) throw new RequestError(404, "graphql-disabled", "GraphQL is disabled on this server.");
  const response = await send(addressOf(bootstrap.graphql), {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/graphql-response+json, application/json", ...headers },
    body: jsonOf({ query: textOf(document), variables }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (!response.ok) throw await ofProblem(response);
  const body = (await response.json()) as { data?: Result | null; errors?: GraphqlError[] };
  const errors: PartErrors = {};
  for (const error of body.errors ?? []) errors[String(error.path?.[0] ?? "")] = ofGraphql(error);
  const first = Object.values(errors)[0];
  const data = body.data ?? null;
  const isEmpty = data === null || Object.values(data as object).every((value) => value === null);
  if (first !== undefined && isEmpty) {
    if (first.status === 401) session.expired();
    throw first;
  }
  if (data === null) throw new RequestError(response.status, "no-data", "The response has no data.");
  return { data, errors };
}

/** Sends a GraphQL operation all of whose fields must succeed. */
export async function fetchData<Result, Variables>(
  document: TadaDocumentNode<Result, Variables>,
  variables: Variables,
  options: { signal?: AbortSignal } = {},
): Promise<Result> {
  const { data, errors } = await query(document, variables, options);
  const first = Object.values(errors)[0];
  if (first !== undefined) throw first;
  return data;
}

/** Reads a REST resource as text: numbers keep all their digits. */
export async function readText(path: string, signal?: AbortSignal): Promise<string> {
  const response = await send(addressOf(bootstrap.rest + path), { ...(signal === undefined ? {} : { signal }) });
  if (!response.ok) throw await ofProblem(response);
  return response.text();
}
