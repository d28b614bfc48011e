"""The official Standard Webhooks verifier for Python, on a call that punchcard signed."""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

call = json.load(sys.stdin)
verifier = Webhook(call["secret"])
assert verifier.verify(call["body"], call["headers"])["type"] == "ticket.post_process"
for name, value in [("body", call["body"] + " "), ("secret", "whsec_" + "A" * 32)]:
    other = {**call, name: value}
    try:
        Webhook(other["secret"]).verify(other["body"], other["headers"])
    except WebhookVerificationError:
        continue
    raise AssertionError(f"another {name} passed")
print("all passed")
