import type { Texts } from "../en";
import { chart } from "./chart";
import { errors } from "./errors";
import { overview } from "./overview";
import { queues } from "./queues";
import { shell } from "./shell";
import { signIn } from "./sign-in";
import { words } from "./words";

export const texts: Texts = { chart, errors, overview, queues, shell, signIn, words };
