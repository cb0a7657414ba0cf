import { defineConfig } from "vite";

// The viewer of pages that open offline: one script, put into them by cast3d.result.report.
export default defineConfig({
  build: {
    outDir: "dist-report",
    target: "es2022",
    lib: { entry: "src/report/main.ts", formats: ["iife"], name: "cast3dViewer", fileName: () => "viewer.js" },
    sourcemap: false,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
  },
});
