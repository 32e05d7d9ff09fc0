// GraphiQL with a field for the token and with examples.
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./page.css";

import { explorerPlugin } from "@graphiql/plugin-explorer";
import { GraphiQL } from "graphiql";
import { StrictMode, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";

import { examples } from "./examples";
import { examplesPlugin } from "./examples-plugin";
import { connect } from "./fetcher";
import { rememberToken, rememberedToken } from "./token";
import { TokenBar } from "./token-bar";

const plugins = [examplesPlugin, explorerPlugin({ showAttribution: false })];
const firstTabs = examples.slice(0, 1).map(({ query, variables }) => ({ query, variables }));

function Page() {
  const [token, setToken] = useState(rememberedToken);
  const fetcher = useMemo(() => connect(token), [token]);

  return (
    <GraphiQL fetcher={fetcher} plugins={plugins} defaultTabs={firstTabs} shouldPersistHeaders={false}>
      <GraphiQL.Logo>
        <TokenBar
          token={token}
          onChange={(next) => {
            rememberToken(next);
            setToken(next);
          }}
        />
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Page />
    </StrictMode>,
  );
}
