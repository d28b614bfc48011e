// What must hold of every page that is shown: no serious finding of axe, no key in place of a text, nothing
// wider than the window.

/** Findings of these weights fail a story. */
const WEIGHTS = ["serious", "critical"];

/** Runs axe. */
export async function accessible(page, where) {
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { resultTypes: ["violations"] }),
  );
  const found = violations.filter(({ impact }) => WEIGHTS.includes(impact));
  if (found.length === 0) return;
  const lines = found.flatMap(({ id, impact, help, nodes }) => [
    `${impact}: ${id}: ${help}`,
    ...nodes.slice(0, 5).map(({ html, failureSummary }) => `    ${html}\n    ${failureSummary}`),
  ]);
  throw new Error(`axe at ${where}:\n${lines.join("\n")}`);
}

/** Fails if the page is wider than the window: on a phone nobody scrolls sideways. */
export async function fits(page, where) {
  const wide = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return [];
    const over = [...document.querySelectorAll("body *")].filter(
      (one) => one.getBoundingClientRect().right > room + 1,
    );
    return over.slice(0, 5).map((one) => `${one.tagName}.${one.className}`);
  });
  if (wide.length > 0) throw new Error(`${where} is wider than the window: ${wide.join(", ")}`);
}

/** The texts that are shown in `page`, attributes that are read out included. */
export async function texts(page) {
  return page.evaluate(() => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const { parentElement, data } = walker.currentNode;
      if (data.trim() === "" || !parentElement.checkVisibility()) continue;
      found.push({ text: data.trim(), tag: parentElement.closest("h1,h2,h3,button,label,legend,th,dt,nav,summary,[role=tab]")?.tagName ?? "" });
    }
    for (const one of document.body.querySelectorAll("[aria-label],[title],[placeholder]")) {
      for (const name of ["aria-label", "title", "placeholder"]) {
        const value = one.getAttribute(name);
        if (value) found.push({ text: value, tag: name });
      }
    }
    return found;
  });
}

/** Fails if a text is the key of one. */
export async function worded(page, where, keys) {
  const shown = await texts(page);
  const bare = shown.filter(({ text }) => keys.has(text) || /^[a-z_]+(\.[a-z_]+)+$/.test(text));
  // `a.b` may be data, such as a model's name; a key's first part is an area.
  const areas = new Set([...keys].map((key) => key.split(".")[0]));
  const left = bare.filter(({ text }) => areas.has(text.split(".")[0]));
  if (left.length > 0) {
    throw new Error(`${where} shows keys: ${left.map(({ text }) => text).join(", ")}`);
  }
}
