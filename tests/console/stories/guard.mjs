// What the console keeps out: other sites, keys that were revoked, texts that want to be more than texts.

import { deepEqual, equal, ok } from "node:assert/strict";
import { createServer } from "node:http";

import { Console } from "../lib/console.mjs";
import { shot, tell } from "../lib/story.mjs";
import { as, ask, place } from "../lib/world.mjs";
import * as setting from "../lib/setting.mjs";

/** How soon a key that was revoked must be out of the console, in ms. */
const REVOKED_WITHIN = 5_000;

await tell(async ({ step, person }) => {
  const ada = await person();
  await setting.open();

  await step("every answer carries the policy, and nothing may frame the console", async () => {
    const response = await fetch(`${place.admin}/console`);
    const policy = response.headers.get("content-security-policy");
    for (const rule of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) {
      ok(policy.includes(rule), `${rule} is not in ${policy}`);
    }
    ok(!/unsafe|\*|data:/.test(policy), policy);
    equal(response.headers.get("x-content-type-options"), "nosniff");
    equal(response.headers.get("referrer-policy"), "no-referrer");
    equal(response.headers.get("cross-origin-opener-policy"), "same-origin");
  });

  await step("a write from another site is refused, whatever key it shows", async () => {
    const before = await tickets();
    for (const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "http://evil.test" },
    ]) {
      const refused = await as("ada")
        .post("/v1/tickets", { task: setting.EXPLAIN, input: { word: "sky" } }, headers)
        .then(() => "taken", String);
      ok(refused.includes("403") && refused.includes("cross_site"), refused);
    }
    equal(await tickets(), before);
  });

  await step("so does a browser that was sent there by another site", async () => {
    const answers = [];
    const evil = createServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><title>evil</title><p>Win a prize</p>");
    });
    await new Promise((resolve) => evil.listen(0, "127.0.0.1", resolve));
    const visitor = await person();
    visitor.watch.forgive(/.*/s);
    const page = await visitor.context.newPage();
    page.on("response", (response) => answers.push([response.request().method(), response.status()]));
    await page.goto(`http://localhost:${evil.address().port}/`);
    await page.evaluate(
      (url) => fetch(url, { method: "POST", mode: "no-cors", body: "x" }).catch(() => {}),
      `${place.admin}/v1/tickets`,
    );
    const preflighted = await page.evaluate(
      ([url, key]) =>
        fetch(url, { method: "POST", headers: { authorization: `Bearer ${key}` } }).then(
          () => "answered",
          () => "refused",
        ),
      [`${place.admin}/v1/tickets`, place.keys.ada],
    );
    equal(preflighted, "refused");
    const framed = await page.evaluate(async (url) => {
      const frame = document.createElement("iframe");
      frame.src = url;
      document.body.append(frame);
      await new Promise((resolve) => (frame.onload = resolve));
      try {
        return frame.contentDocument?.body?.textContent ?? "closed";
      } catch {
        return "closed";
      }
    }, `${place.admin}/console`);
    ok(!framed.includes("Punchcard"), framed);
    deepEqual(answers.filter(([method]) => method === "POST").map(([, status]) => status), [403]);
    await visitor.context.close();
    evil.close();
  });

  await step("a server that starts again is missed, and found again", async () => {
    ada.watch.forgive(/ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE|Failed to load resource|50[23]/);
    const it = await Console.enter(ada, "ada", "/now");
    await it.settled();
    await ask("stop");
    await it.says("Connection lost. Trying again…");
    await shot(it.page, "connection-lost");
    const answered = it.page.waitForResponse((one) => one.url().endsWith("/v1/now") && one.ok(), { timeout: 20_000 });
    await ask("start");
    await answered;
    await it.page.locator(".connection").waitFor({ state: "hidden" });
    await it.looksRight("connected-again");
  });

  await step("a key that is revoked is out within five seconds, with a sentence", async () => {
    const made = await as("root").post("/admin/v1/tenants/onehour/keys", { name: "guest", roles: ["viewer"] });
    const guest = await person();
    guest.watch.forgive(/401/);
    const it = await Console.open(guest, "/now");
    await it.signIn(made.key);
    await it.heading("Now");
    await as("root").post(`/admin/v1/tenants/onehour/keys/${made.key.slice(0, 16)}/revoke`, { reason: "left" });
    const revoked = Date.now();
    await it.says(/Your key opens nothing any more/);
    const took = Date.now() - revoked;
    ok(took < REVOKED_WITHIN, `${took} ms`);
    equal(await it.page.getByRole("navigation").count(), 0);
    await it.looksRight("revoked");
  });
});

async function tickets() {
  const { tickets } = await as("vera").get("/v1/tickets");
  return tickets.length;
}
