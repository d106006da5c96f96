import { defineConfig } from "vite";

// Where "npm run dev" finds the hub, or a mock of it.
const hub = process.env["BONGSU_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "/",
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2022",
    // Everything the page runs comes from files: no inline scripts, no data: URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
  },
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  // The hub takes calls only from its own origin, so it must see the Host that the browser sees.
  server: { proxy: { "/api": { target: hub, changeOrigin: false }, "/ws": { target: hub, changeOrigin: false, ws: true } } },
});
