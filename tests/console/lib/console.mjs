// The console as people use it: by the roles and names of what is on the page.

import { accessible, fits, worded } from "./look.mjs";
import { keys } from "./texts.mjs";
import { place, shot } from "./story.mjs";

/** One tab with the console in it. */
export class Console {
  constructor(page, watch) {
    this.page = page;
    /** What watches over this person's pages. */
    this.watch = watch;
    this.main = page.getByRole("main");
  }

  /** Opens the console in a new tab of a person's browser. */
  static async open({ context, watch }, path = "/") {
    const page = await context.newPage();
    await page.goto(`${place.admin}/console#${path}`);
    return new Console(page, watch);
  }

  /** The same, signed in. */
  static async enter(person, who, path = "/") {
    const opened = await Console.open(person, path);
    await opened.signIn(place.keys[who]);
    return opened;
  }

  async signIn(key) {
    const { page } = this;
    await page.getByLabel(/^(API key|API 키)/).fill(key);
    await page.getByRole("button", { name: /^(Sign in|로그인)$/ }).click();
    await page.getByRole("navigation").first().waitFor({ state: "attached" });
  }

  async signOut() {
    await this.page.getByRole("button", { name: "Sign out" }).click();
    await this.heading("Punchcard");
  }

  /** Opens a page by its link in the column. */
  async turnTo(name) {
    const pages = this.page.getByRole("navigation").first();
    await pages.getByRole("link", { name: new RegExp(`^${name}`) }).click();
  }

  /** Opens a page by its address, as from a bookmark. */
  async visit(path) {
    await this.page.evaluate((path) => (location.hash = `#${path}`), path);
  }

  /** The heading of the page; waits for it. */
  async heading(name) {
    await this.page.getByRole("heading", { level: 1, name }).waitFor();
  }

  button(name, within = this.main) {
    return within.getByRole("button", { name, exact: typeof name === "string" });
  }

  link(name, within = this.main) {
    return within.getByRole("link", { name });
  }

  /** Waits for a text on the page. */
  async says(text, within = this.page) {
    await within.getByText(text).filter({ visible: true }).first().waitFor();
  }

  /** The open dialog. */
  get dialog() {
    return this.page.getByRole("dialog");
  }

  /** Waits until nothing is loading any more. */
  async settled() {
    await this.page.getByRole("heading", { level: 1 }).first().waitFor();
    await this.page.waitForFunction(
      () => !document.querySelector('[aria-busy="true"]') && !document.querySelector(".loading"),
    );
  }

  /** Looks at the page as a whole: axe, words, width; and keeps a picture. */
  async looksRight(name) {
    await this.settled();
    await accessible(this.page, name);
    await worded(this.page, name, keys);
    await fits(this.page, name);
    await shot(this.page, name);
  }
}
