// Chromium, and a watch over everything that a page does wrong behind the user's back.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.CONSOLE_TESTS, "node", "index.js"));
const { chromium } = require("playwright-core");
/** axe, run before each page's own scripts: the page's policy would not let it in later. */
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

// Without these Chromium looks for hosts of its vendor, which no test is to do.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** What the editor asks while a text is being written: that it has mistakes is the answer. */
const RENDERS = /\/v1\/prompts\/[^/]+\/render$/;
/** How long anything that a story waits for may take. */
const PATIENCE = 10_000;

export async function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM, headless: true, args: FLAGS });
}

/** What went wrong on the pages of a context. What a story brings about itself is forgiven. */
export class Watch {
  #faults = [];
  #forgiven = [];

  over(page) {
    page.on("console", (message) => {
      const kind = message.type();
      if (kind === "error" && RENDERS.test(message.location().url)) return;
      if (kind === "error" || kind === "warning") this.#note(`console ${kind}: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.#note(`page error: ${error.stack ?? error}`));
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText ?? "";
      // The page gave it up itself: a stream that is left, a poll that is no longer wanted.
      if (why !== "net::ERR_ABORTED") this.#note(`request failed: ${why} ${request.url()}`);
    });
    page.on("response", (response) => {
      const { pathname } = new URL(response.url());
      if (response.status() < 500 && RENDERS.test(pathname)) return;
      const asked = `${response.request().method()} ${pathname}`;
      if (response.status() >= 400) this.#note(`refused: ${response.status()} ${asked}`);
    });
    page.on("dialog", (dialog) => {
      // Whether to leave unsaved text: a story that leaves means to.
      if (dialog.type() === "beforeunload") return void dialog.accept().catch(() => {});
      this.#note(`a dialog of the browser's own: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    page.on("popup", (popup) => this.#note(`a window opened: ${popup.url()}`));
  }

  violated(violation) {
    this.#note(`content security policy: ${violation}`);
  }

  /** From here on faults that match are what the story is about. */
  forgive(...patterns) {
    this.#forgiven.push(...patterns);
  }

  /** Fails if anything went wrong since the last time. */
  check() {
    const faults = this.#faults.splice(0);
    if (faults.length > 0) throw new Error(`behind the page's back:\n  ${faults.join("\n  ")}`);
  }

  #note(fault) {
    if (!this.#forgiven.some((pattern) => pattern.test(fault))) this.#faults.push(fault);
  }
}

/** A browser of one person: a context of its own with one watch over its pages. */
export async function person(browser, options = {}) {
  const context = await browser.newContext({
    locale: "en-US",
    timezoneId: "Asia/Seoul",
    viewport: { width: 1280, height: 800 },
    acceptDownloads: true,
    ...options,
  });
  context.setDefaultTimeout(PATIENCE);
  const watch = new Watch();
  await context.exposeFunction("policyWasViolated", (what) => watch.violated(what));
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      const { violatedDirective, blockedURI, sourceFile, lineNumber, sample } = event;
      const where = `${sourceFile}:${lineNumber}`;
      globalThis.policyWasViolated(`${violatedDirective} ${blockedURI} at ${where} ${sample}`);
    });
  });
  await context.addInitScript({ content: axe });
  context.on("page", (page) => watch.over(page));
  return { context, watch };
}
