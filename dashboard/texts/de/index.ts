import type { Texts } from "../en";
import { chart } from "./chart";
import { overview } from "./overview";
import { shell } from "./shell";
import { signIn } from "./sign-in";
import { words } from "./words";

export const texts: Texts = { chart, overview, shell, signIn, words };
