// Signing in and out, the language, light and dark, a phone, the keyboard.

import { deepEqual, equal, ok } from "node:assert/strict";

import { Console } from "../lib/console.mjs";
import { tell } from "../lib/story.mjs";
import { place } from "../lib/world.mjs";

await tell(async ({ step, person }) => {
  const mina = await person();
  let it;

  await step("the console asks for a key", async () => {
    it = await Console.open(mina);
    await it.heading("Punchcard");
    await it.looksRight("sign-in");
  });

  await step("a wrong key is refused with a sentence, and can be entered anew", async () => {
    mina.watch.forgive(/401/);
    await it.page.getByLabel("API key").fill("pk_live_wrong");
    await it.button("Sign in").click();
    await it.says("No such key");
    ok(await it.page.getByLabel("API key").isVisible());
    await it.looksRight("sign-in-refused");
  });

  await step("with her key Mina is in, and the console says who she is", async () => {
    await it.signIn(place.keys.mina);
    await it.says("OneHour");
    await it.says(/mina/);
    await it.heading("Now");
  });

  await step("the key is in no address, no cookie and no lasting storage", async () => {
    const kept = await it.page.evaluate(() => [location.href, document.cookie, JSON.stringify({ ...localStorage })]);
    ok(kept.every((text) => !text.includes(place.keys.mina)));
    equal(kept[1], "");
  });

  await step("another tab is signed in as well, and a reload stays", async () => {
    const second = await Console.open(mina);
    await second.heading("Now");
    await second.page.close();
    await it.page.reload();
    await it.heading("Now");
  });

  await step("in Korean the page is Korean, after a reload too", async () => {
    await it.page.getByLabel("Language").selectOption("ko");
    await it.page.locator('html[lang="ko"]').waitFor();
    await it.page.reload();
    await it.page.locator('html[lang="ko"]').waitFor();
    await it.settled();
    await it.looksRight("frame-ko");
    await it.page.getByLabel("언어").selectOption("en");
    await it.page.locator('html[lang="en"]').waitFor();
  });

  await step("dark is dark, and is remembered", async () => {
    const background = () =>
      it.page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).map(Number));
    const light = await background();
    await it.page.getByLabel("Light or dark").selectOption("dark");
    await it.page.reload();
    await it.settled();
    const dark = await background();
    ok(dark[0] < 80 && light[0] > 180, `${light} and ${dark}`);
    await it.looksRight("frame-dark");
    await it.page.getByLabel("Light or dark").selectOption("auto");
  });

  await step("the keyboard is enough", async () => {
    await it.page.reload();
    await it.settled();
    await it.page.keyboard.press("Tab");
    const focused = () => it.page.evaluate(() => document.activeElement.textContent);
    equal(await focused(), "Skip to the page");
    await it.page.keyboard.press("Enter");
    equal(await it.page.evaluate(() => document.activeElement.tagName), "MAIN");
    await it.page.keyboard.press("g");
    await it.page.keyboard.press("p");
    await it.heading("Prompts");
    await it.page.keyboard.press("?");
    await it.dialog.getByRole("heading", { name: "Keyboard" }).waitFor();
    await it.looksRight("keyboard-help");
    await it.page.keyboard.press("Escape");
    await it.dialog.waitFor({ state: "hidden" });
  });

  await step("a phone shows the page first and the pages behind a button", async () => {
    await it.page.setViewportSize({ width: 360, height: 740 });
    await it.visit("/now");
    await it.heading("Now");
    await it.looksRight("frame-phone");
    await it.page.getByRole("button", { name: "Menu", exact: true }).click();
    await it.page.getByRole("navigation").getByRole("link", { name: /^Prompts/ }).waitFor();
    await it.looksRight("frame-phone-menu");
    await it.turnTo("Prompts");
    await it.heading("Prompts");
    await it.page.setViewportSize({ width: 1280, height: 800 });
  });

  await step("a page that is not there, or not hers, says so and leads back", async () => {
    await it.visit("/nothing/here");
    await it.heading("There is no such page");
    await it.looksRight("no-page");
    await it.link("To the first page").click();
    await it.heading("Now");
  });

  await step("whoever signs out is out in every tab, and nothing is left on the page", async () => {
    const second = await Console.open(mina);
    await second.heading("Now");
    await it.signOut();
    await it.says("You have signed out.");
    await second.says("You signed out in another tab.");
    await it.page.reload();
    await it.heading("Punchcard");
    deepEqual(await it.page.evaluate(() => ({ ...sessionStorage })), {});
  });

  await step("an operator signs in with an operator's key", async () => {
    const root = await person();
    root.watch.forgive(/401/);
    const operator = await Console.enter(root, "root");
    await operator.says("Operator");
    await operator.looksRight("frame-operator");
  });
});
