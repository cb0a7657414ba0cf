import { defineConfig } from "vite";

// Names hold content hashes, so a server may let browsers keep them for ever. Nothing is inlined: the page's
// Content-Security-Policy allows neither inline script nor inline style.
export default defineConfig({
  base: "/",
  build: {
    outDir: "dist",
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { "/api": process.env.CAST3D_API ?? "http://127.0.0.1:8765" } },
});
