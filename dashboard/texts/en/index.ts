// English: the catalogue that defines the keys of all languages.
import { chart } from "./chart";
import { errors } from "./errors";
import { history } from "./history";
import { jobActions } from "./job-actions";
import { jobs } from "./jobs";
import { overview } from "./overview";
import { palette, settings } from "./palette";
import { payload } from "./payload";
import { queues } from "./queues";
import { shell } from "./shell";
import { signIn } from "./sign-in";
import { types } from "./types";
import { words } from "./words";

export const texts = { chart, errors, history, jobActions, jobs, overview, palette, payload, queues, settings, shell, signIn, types, words };

export type Texts = typeof texts;
