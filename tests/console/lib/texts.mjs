// The console's words, read from its files.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";

const CONSOLE = fileURLToPath(new URL("../../../console", import.meta.url));

/** The languages that are there, by their folders. */
export const languages = readdirSync(path.join(CONSOLE, "texts"));

/** All texts of a language by `area.key`. */
export async function texts(language) {
  const folder = path.join(CONSOLE, "texts", language);
  const all = new Map();
  for (const file of readdirSync(folder)) {
    const area = path.basename(file, ".js");
    // As a module of its own: the files have no package.json that would say so.
    const source = readFileSync(path.join(folder, file), "utf8");
    const url = `data:text/javascript;base64,${Buffer.from(source).toString("base64")}`;
    const { default: words } = await import(url);
    for (const [key, text] of Object.entries(words)) all.set(`${area}.${key}`, text);
  }
  return all;
}

/** Every key, of any language. */
export const keys = new Set();
for (const language of languages) for (const key of (await texts(language)).keys()) keys.add(key);

/** The console's scripts: `[file, source]`. */
export function sources(folder = path.join(CONSOLE, "js")) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return sources(file);
    return [[path.relative(CONSOLE, file), readFileSync(file, "utf8")]];
  });
}
