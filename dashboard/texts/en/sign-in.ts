// Texts of the sign-in dialog.
export const signIn = {
  title: "Sign in",
  text: "This server requires an API key or a token.",
  token: "API key or token",
  rejected: "The server rejects this key or token.",
  remember: "Remember on this device",
  rememberHint: "Otherwise it is forgotten when the last tab is closed. On shared devices leave this off.",
  submit: "Sign in",
};
