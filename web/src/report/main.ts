// The page's viewer as one script for pages that open offline: `cast3dViewer.show`, and report.html by itself.

import { start } from "./page.ts";

export { show } from "./show.ts";

const panel = document.querySelector<HTMLElement>(".viewer");
if (panel) void start(panel);
