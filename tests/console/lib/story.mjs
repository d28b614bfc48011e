// A story: named steps, one after another. The first that fails is named, and what every page looked like
// then is kept under target/console/screenshots/failed.

import { mkdirSync } from "node:fs";
import path from "node:path";

import { launch, person } from "./browser.mjs";
import { farewell, place } from "./world.mjs";

const SHOTS = path.join(process.env.CONSOLE_TESTS, "screenshots");

/** Tells a story: `tell(async ({ step, person }) => { await step("…", async () => { … }); })`. */
export async function tell(story) {
  const people = [];
  let now = "the beginning";
  const browser = await launch();
  const step = async (name, act) => {
    now = name;
    const began = performance.now();
    const result = await act();
    for (const { watch } of people) watch.check();
    console.log(`${String(Math.round(performance.now() - began)).padStart(6)} ms  ${name}`);
    return result;
  };
  try {
    await story({
      step,
      async person(options) {
        const one = await person(browser, options);
        people.push(one);
        return one;
      },
    });
    for (const { watch } of people) watch.check();
    console.log("all passed");
  } catch (error) {
    console.error(`failed at: ${now}\n${error.stack ?? error}`);
    await keep(people, now);
    for (const { watch } of people) sayFaults(watch);
    process.exitCode = 1;
  } finally {
    await browser.close();
    farewell();
  }
}

function sayFaults(watch) {
  try {
    watch.check();
  } catch (error) {
    console.error(error.message);
  }
}

async function keep(people, step) {
  const folder = path.join(SHOTS, "failed");
  mkdirSync(folder, { recursive: true });
  const pages = people.flatMap(({ context }) => context.pages());
  for (const [index, page] of pages.entries()) {
    const name = `${process.env.STORY}-${step.replaceAll(/[^\w]+/g, "-")}-${index}.png`;
    const file = path.join(folder, name);
    const kept = await page.screenshot({ path: file, timeout: 5_000 }).catch((error) => error);
    const text = await page
      .locator("body")
      .ariaSnapshot({ timeout: 5_000 })
      .catch((error) => String(error));
    const what = kept instanceof Error ? String(kept) : file;
    console.error(`page ${index} at ${page.url()}: ${what}\n${text.slice(0, 6_000)}`);
  }
}

/** Keeps what a page looks like, as an artefact of the test. */
export async function shot(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({
    path: path.join(SHOTS, `${name}.png`),
    fullPage: true,
    animations: "disabled",
  });
}

export { place };
