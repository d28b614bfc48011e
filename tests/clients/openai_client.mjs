// The official JavaScript client of OpenAI's API, unchanged, against a running punchcard.
//
// Run by tests/clients/main.rs, which says in the environment where punchcard is and scripts what the
// model answers to each word.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import OpenAI from "openai";

const baseURL = process.env.PUNCHCARD_URL + "/v1";
const apiKey = process.env.PUNCHCARD_KEY;
const client = new OpenAI({ baseURL, apiKey });
const user = (content) => [{ role: "user", content }];

async function raised(kind, call) {
  try {
    await call();
  } catch (error) {
    assert.equal(error.constructor, kind, String(error));
    return error;
  }
  assert.fail(`no ${kind.name}`);
}

const tests = {
  async "a completion comes in one piece"() {
    const whole = await client.chat.completions.create({
      model: "say",
      messages: user("ping"),
      user: "min",
      metadata: { a: "b" },
    });
    assert.equal(whole.choices[0].message.content, "pong 🙂");
    assert.equal(whole.choices[0].finish_reason, "stop");
    assert.equal(whole.usage.total_tokens, 18);
    assert.match(whole.id, /^chatcmpl-/);
    assert.ok(whole._request_id);
  },

  async "a completion comes in chunks"() {
    const stream = await client.chat.completions.create({
      model: "say",
      messages: user("ping"),
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let last;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      last = chunk;
    }
    assert.equal(text, "pong 🙂");
    assert.deepEqual([last.choices, last.usage.total_tokens], [[], 18]);
  },

  async "the streaming helper gathers them"() {
    const stream = client.chat.completions.stream({ model: "say", messages: user("ping") });
    assert.equal(await stream.finalContent(), "pong 🙂");
  },

  async "headers name the ticket"() {
    const asking = client.chat.completions.create({ model: "say", messages: user("ping") });
    const { data, response } = await asking.withResponse();
    assert.equal(data.id, `chatcmpl-${response.headers.get("x-punchcard-ticket")}`);
    const streaming = client.chat.completions.create({
      model: "say",
      messages: user("ping"),
      stream: true,
    });
    const raw = await streaming.asResponse();
    assert.ok(raw.headers.get("x-punchcard-ticket"));
    assert.ok((await raw.text()).endsWith("data: [DONE]\n\n"));
  },

  async "a conversation follows a prompt without variables"() {
    const messages = [
      { role: "developer", content: "Stay polite." },
      { role: "user", content: [{ type: "text", text: "hello" }] },
    ];
    const first = await client.chat.completions.create({ model: "talk", messages });
    messages.push(first.choices[0].message, ...user("ping"));
    const second = await client.chat.completions.create({ model: "talk", messages });
    assert.equal(second.choices[0].message.content, "pong 🙂");
  },

  async "an input fills in a prompt"() {
    const whole = await client.chat.completions.create({
      model: "translate",
      messages: [],
      input: { text: "ping", language: "Korean" },
    });
    assert.equal(whole.choices[0].message.content, "pong 🙂");
  },

  async "models are listed and found"() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    for (const name of ["say", "talk", "review"]) assert.ok(names.includes(name), `${names}`);
    assert.equal((await client.models.retrieve("say")).owned_by, "acme");
    const error = await raised(OpenAI.NotFoundError, () => client.models.retrieve("nothing"));
    assert.equal(error.code, "model_not_found");
  },

  async "errors are those that the client knows"() {
    const create = (more) =>
      client.chat.completions.create({ model: "say", messages: user("ping"), ...more });
    const wrong = new OpenAI({ baseURL, apiKey: "wrong" });
    const unknown = await raised(OpenAI.AuthenticationError, () => wrong.models.list());
    assert.deepEqual([unknown.status, unknown.code], [401, "unauthorized"]);
    const missing = await raised(OpenAI.NotFoundError, () => create({ model: "nothing" }));
    assert.deepEqual([missing.code, missing.param], ["model_not_found", "model"]);
    const several = await raised(OpenAI.BadRequestError, () => create({ n: 2 }));
    assert.deepEqual([several.code, several.param], ["unsupported_parameter", "n"]);
    assert.equal(several.type, "invalid_request_error");
  },

  async "too much is a rate limit with a time to come back"() {
    const full = new OpenAI({ baseURL, apiKey: process.env.PUNCHCARD_FULL_KEY, maxRetries: 0 });
    const held = await full.chat.completions
      .create(
        { model: "say", messages: user("held") },
        { headers: { Prefer: "respond-async" } },
      )
      .asResponse();
    assert.equal(held.status, 202);
    const error = await raised(OpenAI.RateLimitError, () =>
      full.chat.completions.create({ model: "say", messages: user("ping") }),
    );
    assert.equal(error.code, "too_many_open_tickets");
    assert.ok(Number(error.headers.get("retry-after")) >= 1);
  },

  async "a ticket outlives the patience of its client"() {
    const ask = { model: "say", messages: user("slow") };
    const headers = { "Idempotency-Key": randomUUID() };
    const hasty = { headers, timeout: 300, maxRetries: 0 };
    await raised(OpenAI.APIConnectionTimeoutError, () =>
      client.chat.completions.create(ask, hasty),
    );
    const whole = await client.chat.completions.create(ask, { headers });
    assert.equal(whole.choices[0].message.content, "at last");
  },

  async "a reader that leaves a stream leaves no ticket behind"() {
    const asking = client.chat.completions.create({
      model: "say",
      messages: user("slow"),
      stream: true,
    });
    const { data: stream, response } = await asking.withResponse();
    for await (const chunk of stream) {
      assert.ok(chunk.id);
      break;
    }
    const ticket = response.headers.get("x-punchcard-ticket");
    const path = `${baseURL}/tickets/${ticket}/stream`;
    const followed = await fetch(path, { headers: { authorization: `Bearer ${apiKey}` } });
    assert.match(await followed.text(), /at last/);
  },

  async "a failed ticket is not tried again by the client"() {
    const error = await raised(OpenAI.InternalServerError, () =>
      client.chat.completions.create({ model: "say", messages: user("refused") }),
    );
    assert.deepEqual([error.status, error.code], [502, "ticket_failed"]);
    assert.ok(error.error.ticket);
  },

  async "a stream that cannot go on raises"() {
    const stream = await client.chat.completions.create({
      model: "say",
      messages: user("turning"),
      stream: true,
    });
    let text = "";
    const error = await raised(OpenAI.APIError, async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    });
    assert.deepEqual([text, error.code], ["one ", "answer_changed"]);
  },
};

for (const [name, test] of Object.entries(tests)) {
  await test();
  console.log("passed", name);
}
console.log("all passed");
