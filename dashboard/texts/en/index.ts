// English: the catalogue that defines the keys of all languages.
import { chart } from "./chart";
import { overview } from "./overview";
import { queues } from "./queues";
import { shell } from "./shell";
import { signIn } from "./sign-in";
import { words } from "./words";

export const texts = { chart, overview, queues, shell, signIn, words };

export type Texts = typeof texts;
