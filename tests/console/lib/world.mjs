// The world of a story: what a browser cannot do is asked of the test that runs it, one line of JSON
// each (asks.rs); what an issuer's backend does goes over the API as a backend does it.

import readline from "node:readline";

let asked = 0;
const waiting = new Map();
const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { id, answer } = JSON.parse(line);
  waiting.get(id)?.(answer);
  waiting.delete(id);
});

/** Lets the process end: nothing more will be asked. */
export function farewell() {
  lines.close();
  process.stdin.destroy();
}

/** Asks the world for something, such as `ask("stop")`. */
export function ask(what, more = {}) {
  const id = ++asked;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    process.stdout.write(`${JSON.stringify({ id, ask: what, ...more })}\n`);
  });
}

/** Where everything is, and everybody's key. */
export const place = await ask("world");

/** The API for one of the people: `as("mina").post(path, body)`. Refusals are errors. */
export function as(name) {
  const call = (method) => async (path, body, headers = {}) => {
    // Operators and keys are at the admin listener, which serves the tenant's routes too.
    const response = await fetch(`${name === "backend" ? place.api : place.admin}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${place.keys[name]}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${name}: ${method} ${path}: ${response.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  };
  return { get: call("GET"), post: call("POST"), put: call("PUT"), delete: call("DELETE") };
}

const ENDS = ["delivered", "failed", "cancelled"];

/** The backend issues a ticket and gives its id. */
export async function issue(task, input, more = {}) {
  const ticket = await as("backend").post("/v1/tickets", { task, input, ...more });
  return ticket.id;
}

/** Waits until a ticket is in `state`, or has ended if none is said. Reads its history only: of a ticket
 * without a user, reading the ticket would take the answer. */
export async function until(ticket, state) {
  const there = state === undefined ? ENDS : [state];
  const last = {
    delivered: "TicketDelivered",
    failed: "TicketFailed",
    cancelled: "TicketCancelled",
    persisted: "TicketPersisted",
    answered: "TicketAnswered",
    sent: "TicketSent",
  };
  const types = there.map((state) => last[state]);
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    const { events } = await as("vera").get(`/v1/tickets/${ticket}/events`);
    if (types.includes(events.at(-1).type)) return events;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${ticket} is not ${there.join(" or ")} after 20 s`);
}
