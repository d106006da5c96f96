// Builds all that is committed: dist/ (the console, and the client at dist/client).
// With an argument it builds there instead, which is how check-dist compares.

import { execFileSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { resolve } from "node:path";
import { build } from "vite";

const web = fileURLToPath(new URL("..", import.meta.url));
const out = resolve(web, process.argv[2] ?? "dist");

rmSync(resolve(web, "client/dist"), { recursive: true, force: true });
execFileSync(process.execPath, [resolve(web, "node_modules/typescript/bin/tsc"), "-p", resolve(web, "client/tsconfig.json")], { stdio: "inherit" });
await build({ root: resolve(web, "console"), configFile: resolve(web, "console/vite.config.ts"), logLevel: "warn", build: { outDir: out, emptyOutDir: true } });
cpSync(resolve(web, "client/dist"), resolve(out, "client"), { recursive: true });
