// English: the catalogue that defines the keys of all languages.
import { shell } from "./shell";
import { signIn } from "./sign-in";
import { words } from "./words";

export const texts = { shell, signIn, words };

export type Texts = typeof texts;
