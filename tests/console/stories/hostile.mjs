// Inputs, answers and names of strangers: whatever they try to be, they are shown as text.

import { equal, ok } from "node:assert/strict";

import { Console } from "../lib/console.mjs";
import { shot, tell } from "../lib/story.mjs";
import { ask, issue, until } from "../lib/world.mjs";
import * as setting from "../lib/setting.mjs";

const SCRIPT = `<script>globalThis.pwned = 1</script><img src="http://evil.test/x.png" onerror="globalThis.pwned = 2">`;
const STYLE = `"><svg onload="globalThis.pwned = 3"><style>body{display:none}</style><a href="javascript:pwned=4">x</a>`;
const TERMINAL = "\u001b[31mred\u001b[0m\u0007\u0008";
const TURNED = "invoice-\u202Efdp.exe\u202C and zero\u200Bwidth";
const ALL = `${SCRIPT}\n${STYLE}\n${TERMINAL}\n${TURNED}`;

await tell(async ({ step, person }) => {
  const ada = await person();
  let it;
  let hostile;
  let huge;

  await step("strangers have been here", async () => {
    await setting.open();
    await ask("script", { word: "hostile", turn: [{ say: ALL }], times: 2 });
    // Well above a megabyte in one answer.
    const piece = "길고 긴 대답 ".repeat(4_000);
    await ask("script", { word: "endless", turn: Array(24).fill({ say: piece }) });
    hostile = await issue(
      setting.EXPLAIN,
      { word: `hostile ${ALL}` },
      { user: `${SCRIPT.slice(0, 60)}\u202E`, metadata: { [`<b>${"x".repeat(20)}</b>`]: ALL.slice(0, 400) } },
    );
    huge = await issue(setting.EXPLAIN, { word: "endless" }, { user: "s1" });
    await until(hostile, "persisted");
    await until(huge, "persisted");
  });

  for (const [path, name] of [
    ["/tickets", "hostile-tickets"],
    ["/tickets/HOSTILE", "hostile-ticket"],
  ]) {
    await step(`${path} shows them as text`, async () => {
      const where = path.replace("HOSTILE", hostile);
      if (it) await it.visit(where);
      else it = await Console.enter(ada, "ada", where);
      await it.settled();
      await it.says(/<script>globalThis\.pwned/);
      await harmless(it);
      await it.looksRight(name);
    });
  }

  await step("what cannot be seen is marked", async () => {
    await it.says("U+202E");
    await it.says("U+001B");
    const bare = await it.page.evaluate(() => document.body.innerText.match(/[\u0000-\u0008\u001b\u202a-\u202e\u200b]/));
    equal(bare, null);
  });

  await step("an answer of more than a megabyte is cut, and there is a way to all of it", async () => {
    const began = performance.now();
    await it.visit(`/tickets/${huge}`);
    await it.settled();
    await it.says("길고 긴 대답");
    ok(performance.now() - began < 5_000, "the page of a huge answer opens in time");
    const shown = await it.page.evaluate(() => document.body.innerText.length);
    ok(shown < 100_000, `${shown} characters are shown at once`);
    await it.main.getByRole("button", { name: /^Show all/ }).first().waitFor();
    await shot(it.page, "huge-ticket");
  });
});

async function harmless(it) {
  const state = await it.page.evaluate(() => ({
    pwned: globalThis.pwned,
    foreign: document.querySelectorAll('img:not([src^="/console/"]), iframe, object, embed, a[href^="javascript:"]').length,
    scripts: [...document.scripts].map((one) => new URL(one.src).pathname),
    hidden: getComputedStyle(document.body).display,
  }));
  equal(state.pwned, undefined);
  equal(state.foreign, 0);
  ok(state.scripts.every((path) => path.startsWith("/console/")), state.scripts.join());
  ok(state.hidden !== "none");
}
