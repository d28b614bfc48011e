// The official Standard Webhooks verifier for JavaScript, on a call that punchcard signed.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const call = JSON.parse(readFileSync(0, "utf8"));
const verified = new Webhook(call.secret).verify(call.body, call.headers);
assert.equal(verified.type, "ticket.post_process");
for (const change of [{ body: call.body + " " }, { secret: "whsec_" + "A".repeat(32) }]) {
  const other = { ...call, ...change };
  const verify = () => new Webhook(other.secret).verify(other.body, other.headers);
  assert.throws(verify, WebhookVerificationError);
}
console.log("all passed");
