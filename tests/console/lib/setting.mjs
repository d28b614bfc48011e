// What the school has when a story begins: prompts, test cases, tickets.

import { as, issue, place, until } from "./world.mjs";

export const REVIEW = "writing-review";
export const EXPLAIN = "explanation";
export const STUDENT = "student-17";

const ESSAY = {
  type: "object",
  required: ["essay"],
  additionalProperties: false,
  properties: { essay: { type: "string", minLength: 1, title: "Essay" } },
};
const SCORED = {
  type: "object",
  required: ["score", "comment"],
  additionalProperties: false,
  properties: {
    score: { type: "integer", minimum: 1, maximum: 5 },
    comment: { type: "string" },
  },
};

/** The wording that works, the one that does not, and the one that mends it. */
export const WORDINGS = {
  good: "You review essays. Answer in JSON with a score from 1 to 5 and a comment.",
  bad: "You review essays. Tell the student warmly how the essay is.",
  mended: "You review essays. Answer in JSON: a score from 1 to 5 and a warm comment.",
  strict: "You are a strict reviewer. Answer in JSON with a score from 1 to 5 and a comment.",
};

export function review(system) {
  return {
    messages: [
      { role: "system", content: system },
      { role: "user", content: "{{ essay }}" },
    ],
    model: "large",
    parameters: { temperature: 0.2, max_tokens: 500 },
    answer: "json",
    input_schema: ESSAY,
    answer_schema: SCORED,
  };
}

/** A text prompt of one message, for tasks whose answers are watched. */
export function explanation(text) {
  return {
    messages: [{ role: "user", content: text }],
    model: "small",
    parameters: {},
    answer: "text",
    input_schema: {
      type: "object",
      required: ["word"],
      additionalProperties: false,
      properties: { word: { type: "string", minLength: 1, maxLength: 2000, title: "Word" } },
    },
  };
}

/** Mina writes a version and publishes it. Gives its number. */
export async function published(task, content, notes = "Better") {
  const mina = as("mina");
  const path = `/v1/prompts/${task}/draft`;
  const { edit } = await mina.put(path, { content }, { "if-none-match": "*" });
  const { version } = await mina.post(`/v1/prompts/${task}/versions`, { edit, notes });
  return version;
}

/** Ada takes the responsibility for a version without a test run. */
export async function deployed(task, content, notes) {
  const version = await published(task, content, notes);
  const body = { version, override_reason: "The school opens today." };
  await as("ada").put(`/v1/prompts/${task}/labels/production`, body);
  return version;
}

/** A test case that the good wordings pass and the bad one does not. */
export const CASES = {
  cases: [
    {
      name: "short-essay",
      input: { essay: "My dog is big." },
      expect: ["fits_schema", { number_between: { path: "$.score", min: 1, max: 5 } }],
    },
    { name: "korean-essay", input: { essay: "우리 집 개는 크다." }, expect: ["fits_schema"] },
  ],
};

/** Both tasks in production and a test set for reviews. */
export async function open() {
  await deployed(REVIEW, review(WORDINGS.good), "The first");
  await as("mina").put(`/v1/prompts/${REVIEW}/test-set`, CASES, { "if-none-match": "*" });
  await deployed(EXPLAIN, explanation("Explain {{ word }}"), "The first");
}

/** The day's trouble: a wording that breaks every review is in production. Gives the failed ticket. */
export async function trouble() {
  await deployed(REVIEW, review(WORDINGS.bad), "Warmer words");
  const ticket = await issue(REVIEW, { essay: "My summer in Busan was hot." }, { user: STUDENT });
  await until(ticket, "failed");
  return ticket;
}

/** A school on an ordinary day: tickets of several kinds, a draft, a tested version, a shadow run, an
 * endpoint that is told. Gives the ids of what has one. */
export async function busy() {
  await open();
  const tickets = [];
  for (const essay of ["My dog is big.", "우리 집 개는 크다.", "I go to school by bus."]) {
    tickets.push(await issue(REVIEW, { essay }, { user: STUDENT }));
  }
  const mina = as("mina");
  const endpoint = await as("ada").post("/v1/webhooks", {
    url: `${place.api}/webhook-of-the-school`,
    event_types: ["ticket.failed", "ticket.persisted"],
  });
  const version = await published(REVIEW, review(WORDINGS.strict), "Stricter");
  const { run: tests } = await mina.post(`/v1/prompts/${REVIEW}/test-runs`, { ref: String(version) });
  await mina.put(`/v1/prompts/${REVIEW}/draft`, { content: review(WORDINGS.bad) }, { "if-none-match": "*" });
  for (const ticket of tickets) await until(ticket, "persisted");
  const shadow = { task: REVIEW, version, filter: {}, limit: 10 };
  const { run } = await mina.post("/v1/shadow-runs", shadow);
  await mina.get(`/v1/prompts/${REVIEW}/test-runs/${tests}?wait=20&seen=1`);
  await ended(() => mina.get(`/v1/shadow-runs/${run}`));
  return { tickets, endpoint: endpoint.id, run };
}

/** Waits until a run is not running any more. */
async function ended(read) {
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    const { state } = await read();
    if (state !== "running") return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("a run does not end");
}
