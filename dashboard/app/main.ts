import "./styles/tokens.css";
import "./styles/base.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { live } from "./live/live.svelte";
import { watchPreferences } from "./preferences.svelte";
import { session } from "./session.svelte";
import { loadTexts } from "./texts.svelte";

watchPreferences();
await Promise.all([loadTexts(), session.load()]);
if (!session.needsSignIn) live.start();
const target = document.getElementById("app");
if (target !== null) mount(App, { target });
