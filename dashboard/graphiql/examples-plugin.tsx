// The pane of examples: a click opens one in a new tab.
import { type GraphiQLPlugin, useGraphiQL, useGraphiQLActions } from "@graphiql/react";

import { Kind, parse } from "graphql";

import { type Example, examples } from "./examples";

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.6" aria-hidden="true">
      <path d="M5 4h14v16H5zM9 9h6M9 13h6M9 17h3" strokeLinecap="round" />
    </svg>
  );
}

function Content() {
  const { addTab, setOperationFacts, updateActiveTabValues } = useGraphiQLActions();
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);

  function open(example: Example) {
    addTab();
    const variables = example.variables ?? "";
    updateActiveTabValues({ query: example.query, variables });
    queryEditor?.setValue(example.query);
    variableEditor?.setValue(variables);
    // The editor parses the text asynchronously; until then it would run the previous tab's operation.
    const documentAST = parse(example.query);
    const operations = documentAST.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
    const operationName = operations[0]?.name?.value;
    updateActiveTabValues({ operationName });
    setOperationFacts({ documentAST, operationName, operations });
  }

  return (
    <section aria-label="Examples">
      <h2 className="graphiql-doc-explorer-title">Examples</h2>
      <ul className="tickerq-examples">
        {examples.map((example) => (
          <li key={example.title}>
            <button type="button" onClick={() => open(example)}>
              <strong>{example.title}</strong>
              <span>{example.about}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export const examplesPlugin: GraphiQLPlugin = { title: "Examples", icon: Icon, content: Content };
