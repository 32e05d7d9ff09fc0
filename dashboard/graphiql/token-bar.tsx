// The credentials: an API key or a signed token, sent with every request and subscription.
import { type FormEvent, useState } from "react";

export function TokenBar({ token, onChange }: { token: string; onChange(token: string): void }) {
  const [draft, setDraft] = useState(token);
  const isUsed = draft.trim() === token;

  function use(event: FormEvent) {
    event.preventDefault();
    onChange(draft.trim());
  }

  return (
    <form className="tickerq-token" onSubmit={use}>
      <label htmlFor="tickerq-token">Token</label>
      <input
        id="tickerq-token"
        type="password"
        autoComplete="off"
        spellCheck={false}
        placeholder="API key or JWT, if the server requires one"
        value={draft}
        onChange={(event) => setDraft(event.target.value)}
      />
      <button type="submit" className="tickerq-button" disabled={isUsed}>
        {isUsed && token !== "" ? "In use" : "Use"}
      </button>
    </form>
  );
}
