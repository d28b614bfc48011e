// Every text is there in both languages, and every text that the scripts name is there.

import { deepEqual, ok } from "node:assert/strict";

import { tell } from "../lib/story.mjs";
import { keys, languages, sources, texts } from "../lib/texts.mjs";

/** The parts of a text: one, or one for each plural. */
const parts = (text) => (typeof text === "string" ? [text] : Object.values(text));
const holes = (text) => {
  const found = parts(text).flatMap((part) => part.match(/\{\w+\}/g) ?? []);
  return [...new Set(found)].sort();
};
const areas = [...new Set([...keys].map((key) => key.split(".")[0]))];
/** A key in a script: a whole one, or the beginning of one that goes on with what it is about. */
const NAMED = new RegExp(`['"\`]((?:${areas.join("|")})\\.[a-z0-9_]+)(\\$\\{|['"\`])`, "g");

await tell(async ({ step }) => {
  const [en, ko] = [await texts("en"), await texts("ko")];

  await step("the languages are English and Korean", () => {
    deepEqual([...languages].sort(), ["en", "ko"]);
  });

  await step("both have the same texts", () => {
    deepEqual([...keys].filter((key) => !ko.has(key)), [], "not in Korean");
    deepEqual([...keys].filter((key) => !en.has(key)), [], "not in English");
  });

  await step("a text has the same gaps in both, and says something", () => {
    for (const key of keys) {
      deepEqual(holes(ko.get(key)), holes(en.get(key)), `${key} has other gaps`);
      for (const text of [en, ko]) ok(parts(text.get(key)).every((part) => part.trim()), key);
    }
  });

  await step("what is in Korean is Korean", () => {
    const words = (text) => parts(text).join(" ").replaceAll(/\{\w+\}/g, "");
    const foreign = [...keys].filter((key) => {
      const korean = words(ko.get(key));
      // Units, names and abbreviations are the same in both: a word of four lower-case letters is not.
      return /[a-z]{4}/.test(korean) && !/\p{Script=Hangul}/u.test(korean) && words(en.get(key)) === korean;
    });
    const names = /^(Punchcard|OpenAPI|webhook|JSON|Webhook|webhook-id)s?$/;
    deepEqual(foreign.filter((key) => !names.test(ko.get(key))), []);
  });

  await step("the scripts name no text that is not there", () => {
    const missing = [];
    for (const [file, source] of sources()) {
      for (const [, key, end] of source.matchAll(NAMED)) {
        // Some are handed over as beginnings: `word("webhooks.reason_", code)`.
        const begins = end === "${" || (key.endsWith("_") && !keys.has(key));
        const there = begins ? [...keys].some((one) => one.startsWith(key)) : keys.has(key);
        if (!there) missing.push(`${file}: ${key}`);
      }
    }
    deepEqual(missing, []);
  });

  await step("no script has markup in it", () => {
    const markup = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/;
    const found = sources().filter(([, source]) =>
      source.split("\n").some((line) => markup.test(line) && !/^\s*(\/\/|\*|\/\*)/.test(line)),
    );
    deepEqual(found.map(([file]) => file).filter((file) => file !== "js/dom.js"), []);
  });
});
