import type { Texts } from "../en";
import { shell } from "./shell";
import { signIn } from "./sign-in";
import { words } from "./words";

export const texts: Texts = { shell, signIn, words };
