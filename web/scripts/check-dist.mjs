// Fails unless dist/ is exactly what a build of the sources gives.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join, relative, resolve } from "node:path";

const web = fileURLToPath(new URL("..", import.meta.url));
const committed = resolve(web, "dist");
const fresh = mkdtempSync(resolve(web, ".build-"));

const files = (root) =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();

try {
  execFileSync(process.execPath, [resolve(web, "scripts/build.mjs"), fresh], { stdio: "inherit" });
  const [want, have] = [files(fresh), files(committed)];
  const differing = [...new Set([...want, ...have])].filter(
    (name) => !want.includes(name) || !have.includes(name) || !readFileSync(join(fresh, name)).equals(readFileSync(join(committed, name))),
  );
  if (differing.length > 0) {
    console.error(`dist/ is not what the sources give; run "npm run build". Differing:\n  ${differing.join("\n  ")}`);
    process.exitCode = 1;
  } else {
    console.log(`dist/ equals a fresh build (${have.length} files)`);
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
