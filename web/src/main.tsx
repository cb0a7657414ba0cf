import { render } from "preact";
import { App } from "./app/app.tsx";
import { start } from "./app/store.ts";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/compose.css";
import "./styles/job.css";

start();
render(<App />, document.getElementById("root")!);
