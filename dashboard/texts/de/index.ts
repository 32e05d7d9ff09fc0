import type { Texts } from "../en";
import { chart } from "./chart";
import { overview } from "./overview";
import { queues } from "./queues";
import { shell } from "./shell";
import { signIn } from "./sign-in";
import { words } from "./words";

export const texts: Texts = { chart, overview, queues, shell, signIn, words };
