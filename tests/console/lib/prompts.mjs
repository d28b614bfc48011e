// The page of one prompt, as a planner uses it.

export class Prompt {
  constructor(console, task) {
    Object.assign(this, { console, task, page: console.page, main: console.main });
    this.preview = this.main.getByRole("region", { name: "Preview" });
  }

  async open(tab) {
    await this.console.visit(`/prompts/${this.task}${tab ? `?tab=${tab}` : ""}`);
    await this.console.heading(new RegExp(`^${this.task}`));
  }

  async tab(name) {
    const tabs = this.main.getByRole("navigation", { name: `Parts of ${this.task}` });
    await tabs.getByRole("link", { name, exact: true }).click();
    await tabs.getByRole("link", { name, exact: true, current: "page" }).waitFor();
  }

  /** The text of a message, from 1. */
  message(number) {
    return this.main.getByRole("textbox", { name: `Message ${number}` });
  }

  async save() {
    await this.console.button("Save draft").click();
    await this.console.says(/Saved as edit \d+/, this.main);
  }

  /** Publishes the saved draft. */
  async publish(notes) {
    await this.console.button("Publish…").click();
    await this.main.getByLabel("What is new in it").fill(notes);
    await this.console.button("Publish").click();
    await this.console.says(/Version \d+ is published/, this.page);
  }

  /** Runs the tests of what is chosen, and gives the verdict: Passed or Failed. */
  async test(what) {
    const choice = this.main.getByLabel("Test", { exact: true });
    const wanted = await choice.locator("option", { hasText: what }).first().getAttribute("value");
    await choice.selectOption(wanted);
    // An earlier run is shown until the new one takes its place.
    const shown = this.main.locator(".run-now > section");
    for (const old of await shown.all()) await old.evaluate((one) => (one.dataset.earlier = "yes"));
    await this.console.button("Run the tests").click();
    const results = this.main.locator(".run-now > section:not([data-earlier])");
    const verdict = results.locator(".run-head").getByText(/^(Passed|Failed)$/);
    await verdict.waitFor();
    return verdict.textContent();
  }

  /** Deploys a version to production, after the confirmation. */
  async deploy(version, reason) {
    await this.main.getByLabel("Version", { exact: true }).selectOption(String(version));
    await this.console.button("Deploy…").click();
    const { dialog } = this.console;
    await dialog.getByLabel("Reason").fill(reason);
    await this.console.button("Deploy", dialog).click();
    await dialog.waitFor({ state: "hidden" });
  }
}
