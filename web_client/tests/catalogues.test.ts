/** Both languages say the same things, and nothing on a page is outside the catalogues. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../src");
const locales = join(root, "locales");
type Tree = { [key: string]: string | Tree };

function leaves(tree: Tree, prefix = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === "string") found.set(prefix + key, value);
    else for (const [inner, text] of leaves(value, `${prefix}${key}.`)) found.set(inner, text);
  }
  return found;
}
function catalogue(language: string, area: string): Map<string, string> {
  return leaves(JSON.parse(readFileSync(join(locales, language, area), "utf8")) as Tree);
}
const singular = (key: string): string => key.replace(/_(one|other|zero)$/, "");
const names = (text: string): string[] => [...text.matchAll(/{{(\w+)}}/g)].map((found) => found[1] ?? "").sort();
const areas = readdirSync(join(locales, "en")).filter((name) => name.endsWith(".json"));

describe.each(areas)("%s", (area) => {
  const en = catalogue("en", area);
  const zh = catalogue("zh-CN", area);

  it("has the same keys in both languages", () => {
    const plain = (catalogue: Map<string, string>): string[] => [...new Set([...catalogue.keys()].map(singular))].sort();
    expect(plain(zh)).toEqual(plain(en));
  });

  it("has an `other` form for every plural", () => {
    for (const words of [en, zh]) {
      for (const key of words.keys()) if (key.endsWith("_one")) expect(words.has(key.replace(/_one$/, "_other")), key).toBe(true);
    }
  });

  it("fills in the same values", () => {
    for (const [key, text] of zh) {
      const other = en.get(key);
      if (other !== undefined) expect(names(text), key).toEqual(names(other));
    }
  });

  it("leaves nothing empty, and is really Chinese", () => {
    for (const [key, text] of [...en, ...zh]) expect(text.trim(), key).not.toBe("");
    const untranslated = [...zh].filter(([key, text]) => text === en.get(key) && /[a-z]{4}/.test(text.replace(/{{\w+}}/g, "")));
    expect(untranslated).toEqual([]);
  });
});

it("every page takes its words from the catalogues", () => {
  const strays: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.name.endsWith(".svelte")) {
        const markup = readFileSync(path, "utf8")
          .replace(/<!--[\s\S]*?-->/g, "")
          .replace(/<script[\s\S]*?<\/script>/g, "")
          .replace(/<style[\s\S]*?<\/style>/g, "");
        // Words of two or more letters between tags, outside of any expression.
        for (const [, text] of stripped(markup).matchAll(/>([^<>]*)</g)) {
          if (/\p{L}{2}/u.test(text ?? "") && !/^(Tele|English|PDF|s)$/.test((text ?? "").trim())) strays.push(`${entry.name}: ${text?.trim()}`);
        }
      }
    }
  };
  walk(root);
  expect(strays.filter((each) => !each.endsWith("· Tele"))).toEqual([]);
});

/** The markup without `{…}` expressions, nested ones included. */
function stripped(markup: string): string {
  let depth = 0;
  let out = "";
  for (const letter of markup) {
    if (letter === "{") depth += 1;
    else if (letter === "}") depth = Math.max(0, depth - 1);
    else if (depth === 0) out += letter;
  }
  return out;
}
