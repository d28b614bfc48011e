// The day's trouble and its end: a review failed for a student. It is found and read, tried again beside with
// the old words, the prompt is mended, tested, published and deployed, and the ticket is opened again, watched
// while the model writes, and delivered to the student.

import { equal, ok } from "node:assert/strict";

import { Console } from "../lib/console.mjs";
import { Prompt } from "../lib/prompts.mjs";
import { tell } from "../lib/story.mjs";
import { ask, as } from "../lib/world.mjs";
import * as setting from "../lib/setting.mjs";

const NOTES = "A score again, and warm words";

await tell(async ({ step, person }) => {
  let it;
  let ticket;
  let prompt;
  const pia = await person();

  await step("a student waits for a review, and it fails", async () => {
    await setting.open();
    ticket = await setting.trouble();
  });

  await step("Pia reads why it failed", async () => {
    it = await Console.enter(pia, "pia", `/tickets/${ticket}`);
    await it.says(/It failed while asking the model/, it.main);
    await it.says(/the model was asked \d+ times/, it.main);
    await it.looksRight("day-failed");
  });

  await step("she goes through its time, event by event", async () => {
    const slider = it.main.getByRole("slider");
    await slider.focus();
    await it.page.keyboard.press("Home");
    await it.says(/event 1 of \d+/i, it.main);
    await it.looksRight("day-slider");
    for (const tab of ["Attempts", "Callbacks", "Events", "Origin"]) {
      await it.main.getByRole("tab", { name: new RegExp(`^${tab}`) }).click();
      await it.looksRight(`day-${tab.toLowerCase()}`);
    }
    await it.main.getByRole("tab", { name: /^Prompt/ }).click();
    await it.says(/Tell the student warmly/, it.main);
  });

  await step("the words of before would have done: a fork shows it", async () => {
    await it.button("Fork…").click();
    await it.dialog.getByLabel("Version of the prompt").fill("1");
    await it.button("What would it cost?", it.dialog).click();
    await it.says(/would get about/, it.dialog);
    await it.looksRight("day-fork-dialog");
    await it.button("Start the fork", it.dialog).click();
    await it.says("This is a fork, not a real request of a user.", it.main);
    await it.says(/Clear and lively/, it.main);
    await it.looksRight("day-fork");
    await it.link("Compare them").click();
    await it.says(/How the prompts differ/, it.main);
    await it.looksRight("day-compare");
    // Nothing went out because of it.
    const bodies = (await ask("deliveries")).filter(({ path }) => path === "/hooks/persist");
    equal(bodies.length, 0);
  });

  await step("she mends the prompt, and the tests pass", async () => {
    prompt = new Prompt(it, setting.REVIEW);
    await prompt.open("edit");
    await it.says("My summer in Busan was hot.", prompt.preview);
    await prompt.message(1).fill(setting.WORDINGS.mended);
    await it.says(setting.WORDINGS.mended, prompt.preview);
    await prompt.save();
    await prompt.publish(NOTES);
    await prompt.tab("Tests");
    equal(await prompt.test(/^Version 3/), "Passed");
  });

  await step("and deploys it", async () => {
    await prompt.tab("Deploy");
    await prompt.deploy(3, "Reviews fail");
    await it.says("Version 3 is deployed to production.");
  });

  await step("the ticket is opened again, prepared with the new words, and is watched", async () => {
    const turn = [{ say: '{"score": 3, ' }, { wait: "rest" }, { say: '"comment": "Warm and clear."}' }];
    await ask("script", { word: "Busan", turn });
    await it.visit(`/tickets/${ticket}`);
    await it.button("Try again…").click();
    await it.dialog.getByRole("radio", { name: /^Prepare it again/ }).check();
    await it.looksRight("day-redrive-dialog");
    await it.button("Try again", it.dialog).click();
    await it.says('{"score": 3,', it.main);
    await it.looksRight("day-streaming");
    // The student is back as well, and waits.
    await ask("student opens", { user: setting.STUDENT });
    await ask("open", { gate: "rest" });
    await it.says(/Warm and clear/, it.main);
  });

  await step("the student has it, and the page says so", async () => {
    await ask("student until", { ticket, type: "answer" });
    const saw = await ask("student saw", { ticket });
    equal(saw.answers, 1);
    ok(JSON.stringify(saw.answer).includes("Warm and clear."));
    await ask("student acks", { ticket });
    await it.says(/Answered and delivered in/, it.main);
    await it.looksRight("day-delivered");
    const [call] = (await ask("calls")).slice(-1);
    equal(call.messages[0].content, setting.WORDINGS.mended);
    const { state } = await as("vera").get(`/v1/tickets/${ticket}/state`);
    equal(state, "delivered");
  });
});
