//! Signed calls to the tenants' APIs, by Standard Webhooks.
