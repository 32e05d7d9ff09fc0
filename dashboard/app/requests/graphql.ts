// GraphQL operations, typed from schema.graphql by the compiler. At run time an operation is its text.
import type { initGraphQLTada } from "gql.tada";
import type { introspection } from "../../graphql-env";

export type { FragmentOf, ResultOf, VariablesOf } from "gql.tada";

type Graphql = initGraphQLTada<{
  introspection: introspection;
  disableMasking: true;
  scalars: { DateTime: string; TimeSpan: string; UUID: string; JSON: unknown };
}>;

/** What {@link graphql} returns at run time. */
export interface Operation {
  text: string;
  fragments: Operation[];
}

function operation(text: string, fragments: Operation[] = []): Operation {
  return { text: text.replace(/\s+/g, " ").trim(), fragments };
}

/** Declares an operation or a fragment: `graphql("query …", [fragment])`. */
export const graphql = operation as unknown as Graphql;

/** Text of an operation with all its fragments. */
export function textOf(document: unknown): string {
  const texts = new Set<string>();
  const add = ({ text, fragments }: Operation): void => {
    texts.add(text);
    fragments.forEach(add);
  };
  add(document as Operation);
  return [...texts].join(" ");
}
