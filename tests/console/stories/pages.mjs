// Every page, with something on it: light, dark, on a phone, in both languages.

import { tell } from "../lib/story.mjs";
import { as } from "../lib/world.mjs";
import { everyWay, twice } from "../lib/visit.mjs";
import * as setting from "../lib/setting.mjs";

await tell(async ({ step, person }) => {
  const things = await step("the school has been busy", () => setting.busy());
  const ada = await step("Ada signs in, by day and by night", () => twice(person, "ada"));
  const prompt = `/prompts/${setting.REVIEW}`;
  const shows = (words) => (it) => it.says(words, it.main);

  const pages = [
    ["/now", "now"],
    ["/tickets", "tickets", shows(/student-17/)],
    ["/tickets?view=dead", "dead-letters"],
    ["/tickets?view=redrives", "redrives"],
    [`/tickets/${things.tickets[0]}`, "ticket", (it) => it.main.locator("svg.path").first().waitFor()],
    ["/prompts", "prompts", shows(setting.REVIEW)],
    [`${prompt}?tab=edit`, "prompt-edit", (it) => it.main.locator(".preview-messages article").first().waitFor()],
    [`${prompt}?tab=tests`, "prompt-tests", shows("short-essay")],
    [`${prompt}?tab=versions`, "prompt-versions", shows("The first")],
    [`${prompt}?tab=deploy`, "prompt-deploy", shows("production")],
    [`${prompt}?tab=canary`, "prompt-canary"],
    [`${prompt}?tab=history`, "prompt-history", shows(/mina/)],
    [`/try?task=${setting.EXPLAIN}`, "try-it"],
    ["/shadow-runs", "shadow-runs"],
    [`/shadow-runs/${things.run}`, "shadow-run"],
    ["/keys", "keys", shows(/mina/)],
    ["/webhooks", "webhooks", shows(/webhook-of-the-school/)],
    [`/webhooks/${things.endpoint}`, "webhook"],
    ["/usage", "usage", (it) => it.main.locator(".bars rect").first().waitFor()],
  ];
  for (const [path, name, ready] of pages) {
    await step(`${name} is for everybody`, () => everyWay(ada, path, name, ready));
  }

  const root = await step("the operator signs in", async () => {
    const both = await twice(async (options) => {
      const one = await person(options);
      // Whose key it is is asked of the company's side first.
      one.watch.forgive(/401/);
      return one;
    }, "root");
    return both;
  });
  for (const [path, name, ready] of [
    ["/now", "operator-now"],
    ["/tenants", "tenants", shows("OneHour")],
    ["/tenants/onehour", "tenant", shows(/mina/)],
  ]) {
    await step(`${name} is for everybody`, () => everyWay(root, path, name, ready));
  }

  await step("every page that somebody has a link to was looked at", async () => {
    const seen = new Set([...pages.map(([path]) => path.split("?")[0]), "/tenants"]);
    for (const { day } of [ada, root]) {
      const links = await day.page.getByRole("navigation").first().getByRole("link").all();
      const paths = await Promise.all(links.map((link) => link.getAttribute("href")));
      const unseen = paths.filter((path) => !seen.has(path.slice(1)));
      if (unseen.length > 0) throw new Error(`nobody looks at ${unseen.join(", ")}`);
    }
  });
});
