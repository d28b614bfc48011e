// A planner's work on one prompt: write, see what is wrong, preview, test, publish, deploy, look back, roll
// back.

import { equal, ok } from "node:assert/strict";

import { Console } from "../lib/console.mjs";
import { Prompt } from "../lib/prompts.mjs";
import { tell } from "../lib/story.mjs";
import { as, ask, issue, until } from "../lib/world.mjs";
import * as setting from "../lib/setting.mjs";

await tell(async ({ step, person }) => {
  let it;
  let prompt;

  await step("the school has prompts, test cases and a ticket of a student", async () => {
    await setting.open();
    const ticket = await issue(setting.REVIEW, { essay: "My summer in Busan was hot." }, { user: setting.STUDENT });
    await until(ticket, "persisted");
  });

  await step("Pia opens the prompt, and sees what a past ticket would send", async () => {
    it = await Console.enter(await person(), "pia", "/prompts");
    await it.link(setting.REVIEW).click();
    await it.heading(new RegExp(`^${setting.REVIEW}`));
    prompt = new Prompt(it, setting.REVIEW);
    await prompt.tab("Edit");
    await it.says("My summer in Busan was hot.", prompt.preview);
  });

  await step("a slip is found while she writes, at its line", async () => {
    await prompt.message(1).fill("You review essays.\nThe essay: {{ essay }");
    await it.says(/1 mistake/, it.main);
    await it.says(/line 2/, it.main.locator(".editor-findings"));
    await it.says("The preview waits until the mistakes are mended.");
    await it.looksRight("planner-mistake");
  });

  await step("what is not saved is there after a reload", async () => {
    await it.page.reload();
    await it.says("This is what you wrote here and had not saved", it.main);
    ok((await prompt.message(1).inputValue()).includes("The essay: {{ essay }"));
  });

  await step("mended, it is previewed and saved", async () => {
    await prompt.message(1).fill(setting.WORDINGS.bad);
    await it.says(/No mistakes/, it.main);
    await it.says(setting.WORDINGS.bad, prompt.preview);
    await prompt.save();
    await it.looksRight("planner-saved");
  });

  await step("the tests say that it breaks the answers", async () => {
    await prompt.tab("Tests");
    equal(await prompt.test(/^Draft/), "Failed");
    await it.looksRight("planner-tests-failed");
  });

  await step("with better words the tests pass", async () => {
    await prompt.tab("Edit");
    await prompt.message(1).fill(setting.WORDINGS.mended);
    await it.says(setting.WORDINGS.mended, prompt.preview);
    await prompt.save();
    await prompt.tab("Tests");
    equal(await prompt.test(/^Draft/), "Passed");
    await it.looksRight("planner-tests-passed");
  });

  await step("she adds a case of the student's ticket, and the draft is tested again", async () => {
    await it.button("Case from a past ticket…").click();
    await it.button("Take its input").click();
    const added = it.main.getByRole("group").filter({ hasText: "case-3" });
    await added.getByLabel("Kind of expectation").selectOption({ label: "is as the answer schema says" });
    await it.button("Add an expectation", added).click();
    await it.button("Save the test cases").click();
    await it.says(/Saved as set 2/, it.main);
    const { cases } = await as("vera").get(`/v1/prompts/${setting.REVIEW}/test-set`);
    equal(cases.length, 3);
    equal(cases[2].input.essay, "My summer in Busan was hot.");
  });

  await step("she publishes it", async () => {
    await prompt.tab("Edit");
    await prompt.publish("Warmer, and still with a score");
    await it.looksRight("planner-published");
  });

  await step("a version without a passed test does not go to production", async () => {
    it.watch.forgive(/409/);
    await prompt.tab("Deploy");
    await prompt.deploy(2, "Warmer");
    await it.says("It was not deployed.", it.main);
    await it.looksRight("planner-not-deployed");
    equal(await production(), 1);
  });

  await step("tested, it is deployed after a confirmation", async () => {
    await prompt.tab("Tests");
    equal(await prompt.test(/^Version 2/), "Passed");
    await prompt.tab("Deploy");
    await it.main.getByLabel("Version", { exact: true }).selectOption("2");
    await it.says(/What changes, from version 1 to version 2/);
    await it.button("Deploy…").click();
    await it.says(/Every new ticket of writing-review runs version 2 at once/, it.dialog);
    await it.looksRight("planner-confirmation");
    await it.dialog.getByRole("button", { name: "Cancel" }).click();
    equal(await production(), 1);
    await prompt.deploy(2, "Warmer");
    await it.says("Version 2 is deployed to production.");
    equal(await production(), 2);
  });

  await step("the next ticket runs it", async () => {
    const ticket = await issue(setting.REVIEW, { essay: "The sea is blue." }, { user: setting.STUDENT });
    await until(ticket, "persisted");
    const calls = await ask("calls");
    equal(calls.at(-1).messages[0].content, setting.WORDINGS.mended);
  });

  await step("it is rolled back in one step", async () => {
    await it.main.getByRole("row", { name: /production/ }).getByRole("button", { name: "Roll back…" }).click();
    await it.dialog.getByLabel("Reason").fill("Too warm");
    await it.button("Roll back", it.dialog).click();
    await it.says("production is back at version 1.");
    equal(await production(), 1);
  });

  await step("the history tells who did what, and why", async () => {
    await prompt.tab("History");
    const entries = it.main.getByRole("listitem");
    await it.says(/Too warm/, it.main);
    for (const words of [/Too warm/, /Warmer, and still with a score/, /pia/]) {
      ok((await entries.filter({ hasText: words }).count()) > 0, String(words));
    }
    await it.looksRight("planner-history");
  });

  await step("two who write at once are shown each other's text", async () => {
    await prompt.tab("Edit");
    await prompt.message(1).fill("Pia's words about a score. {{ essay }}");
    const mina = as("mina");
    const path = `/v1/prompts/${setting.REVIEW}/draft`;
    await mina.put(path, { content: setting.review("Mina's words about a score.") }, { "if-none-match": "*" });
    it.watch.forgive(/412/);
    await it.button("Save draft").click();
    await it.says("Somebody else saved this draft while you were writing");
    await it.says(/Mina's words/, it.main);
    await it.looksRight("planner-conflict");
    ok((await prompt.message(1).inputValue()).startsWith("Pia's words"));
  });
});

async function production() {
  const { production } = await as("vera").get(`/v1/prompts/${setting.REVIEW}`);
  return production;
}
