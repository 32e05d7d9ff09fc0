// English: the catalogue that defines the keys of all languages.
import { chart } from "./chart";
import { errors } from "./errors";
import { overview } from "./overview";
import { queues } from "./queues";
import { shell } from "./shell";
import { signIn } from "./sign-in";
import { words } from "./words";

export const texts = { chart, errors, overview, queues, shell, signIn, words };

export type Texts = typeof texts;
