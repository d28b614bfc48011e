// A look at one page as different people have it: light and English, dark and Korean, on a phone.

import { Console } from "./console.mjs";

const KOREAN = { locale: "ko-KR", colorScheme: "dark" };
const DESK = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };

/** The same person twice: in English by day, in Korean by night. */
export async function twice(person, who) {
  const [day, night] = await Promise.all(
    [undefined, KOREAN].map(async (options) => Console.enter(await person(options), who)),
  );
  return { day, night };
}

/** Looks at `path` in every way. `ready(console)` waits for what the page is about. */
export async function everyWay({ day, night }, path, name, ready = async () => {}) {
  for (const [it, viewport, kind] of [
    [day, DESK, "light"],
    [day, PHONE, "phone"],
    [night, DESK, "dark-ko"],
  ]) {
    await it.page.setViewportSize(viewport);
    if (kind !== "phone") await it.visit(path);
    await it.settled();
    await ready(it);
    await it.looksRight(`${name}-${kind}`);
  }
}
