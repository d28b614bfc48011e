//! The stable words for what can go wrong, each with its status and its title.

use actix_web::http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $text:literal, $title:literal;)+) => {
        /// The stable words for what can go wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])* $name),+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as clients see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            pub(in crate::http) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            pub(in crate::http) const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }
        }
    };
}

codes! {
    /// No valid API key.
    Unauthorized = UNAUTHORIZED, "unauthorized", "No valid API key";
    /// The key has none of the roles that the route asks for.
    RoleMissing = FORBIDDEN, "role_missing", "The key's role does not allow this";
    /// The tenant is suspended.
    TenantSuspended = FORBIDDEN, "tenant_suspended", "The tenant is suspended";
    /// The tenant has no such task.
    UnknownTask = UNPROCESSABLE_ENTITY, "unknown_task", "Unknown task";
    /// The task's label points to no version.
    TaskNotDeployed = CONFLICT, "task_not_deployed", "The task is not deployed";
    /// The task takes no new tickets.
    TaskRetired = CONFLICT, "task_retired", "The task is retired";
    /// The input does not fit the task.
    InvalidInput = UNPROCESSABLE_ENTITY, "invalid_input", "The input does not fit the task";
    /// The input is larger than the task takes.
    InputTooLarge = UNPROCESSABLE_ENTITY, "input_too_large", "The input is too large";
    /// The body or a header is not what the route takes.
    InvalidRequest = BAD_REQUEST, "invalid_request", "The request is not valid";
    /// The body is not JSON.
    InvalidJson = BAD_REQUEST, "invalid_json", "The body is not valid JSON";
    /// The body is over the limit.
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large";
    /// The body is not said to be JSON.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported media type";
    /// The `Idempotency-Key` header breaks its rule.
    InvalidIdempotencyKey = BAD_REQUEST, "invalid_idempotency_key", "The idempotency key is not valid";
    /// The key was used for another request.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY, "idempotency_key_reused", "The idempotency key was used before";
    /// The first request with this key is still being worked on.
    IdempotencyKeyInFlight = CONFLICT, "idempotency_key_in_flight", "The idempotency key is in use";
    /// There is nothing here for this key.
    NotFound = NOT_FOUND, "not_found", "Not found";
    /// The cursor was not given out for this list.
    InvalidCursor = BAD_REQUEST, "invalid_cursor", "The cursor is not valid";
    /// A query parameter or resume id breaks its rule.
    InvalidParameter = BAD_REQUEST, "invalid_parameter", "A parameter is not valid";
    /// The ticket has nothing yet that could be run again.
    NotPrepared = CONFLICT, "not_prepared", "The ticket has nothing to run again yet";
    /// The server has no model of this name.
    UnknownModel = UNPROCESSABLE_ENTITY, "unknown_model", "The model is not configured";
    /// The ticket has ended.
    TicketAlreadyEnded = CONFLICT, "ticket_already_ended", "The ticket has already ended";
    /// The ticket is in a state that does not allow this.
    WrongState = CONFLICT, "wrong_state", "The ticket's state does not allow this";
    /// Only a failed ticket can be redriven.
    NotFailed = CONFLICT, "not_failed", "The ticket is not failed";
    /// The tenant has a redrive that runs.
    RedriveRunning = CONFLICT, "redrive_running", "A redrive is running";
    /// No failed ticket is meant by a redrive.
    NoDeadLetters = CONFLICT, "no_dead_letters", "There are no tickets to open again";
    /// The redrive has come to its end.
    RedriveEnded = CONFLICT, "redrive_ended", "The redrive has ended";
    /// Lines of a batch are wrong, and all or nothing was asked for; or it has none.
    BatchRejected = UNPROCESSABLE_ENTITY, "batch_rejected", "The batch does not run";
    /// The batch is not in a state that allows what was asked.
    WrongBatchState = CONFLICT, "wrong_batch_state", "The batch's state does not allow this";
    /// The tenant has as many open batches as it may have.
    TooManyBatches = TOO_MANY_REQUESTS, "too_many_batches", "Too many open batches";
    /// The ticket ended so long ago that its texts are not served any more.
    ResultExpired = GONE, "result_expired", "The ticket's texts are kept no longer";
    /// The tenant has as many open tickets as it may have.
    TooManyOpenTickets = TOO_MANY_REQUESTS, "too_many_open_tickets", "Too many open tickets";
    /// The tenant sends more at a time than it may.
    TooManyRequests = TOO_MANY_REQUESTS, "too_many_requests", "Too many requests";
    /// Too much is going on.
    Overloaded = SERVICE_UNAVAILABLE, "overloaded", "Too much is going on";
    /// The event store does not answer.
    StoreUnavailable = SERVICE_UNAVAILABLE, "store_unavailable", "The store is unavailable";
    /// The process is stopping.
    Stopping = SERVICE_UNAVAILABLE, "stopping", "The server is stopping";
    /// The route takes other methods.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed";
    /// The body did not come in time.
    RequestTimeout = REQUEST_TIMEOUT, "request_timeout", "The request took too long";
    /// A session may not be opened from this origin.
    ForbiddenOrigin = FORBIDDEN, "forbidden_origin", "The origin is not allowed";
    /// A page of another site asks for a change.
    CrossSite = FORBIDDEN, "cross_site", "Another site may change nothing here";
    /// The route speaks WebSocket.
    UpgradeRequired = UPGRADE_REQUIRED, "upgrade_required", "WebSocket upgrade required";
    /// A change of something that is edited came without what its author saw.
    PreconditionRequired = PRECONDITION_REQUIRED, "precondition_required", "Say what you started from";
    /// The task has no prompt.
    NoPrompt = NOT_FOUND, "no_prompt", "There is no such prompt";
    /// What is stored of the prompt cannot be read.
    PromptDamaged = INTERNAL_SERVER_ERROR, "prompt_damaged", "The prompt's history is damaged";
    /// There is nothing being edited.
    NoDraft = NOT_FOUND, "no_draft", "There is no draft";
    /// The prompt has no version of this number.
    NoSuchVersion = NOT_FOUND, "no_such_version", "There is no such version";
    /// The prompt has no label of this name.
    NoSuchLabel = NOT_FOUND, "no_such_label", "There is no such label";
    /// The task has no test set, or had none of this number.
    NoSuchTestSet = NOT_FOUND, "no_such_test_set", "There is no such test set";
    /// The task has no test run of this id.
    NoSuchTestRun = NOT_FOUND, "no_such_test_run", "There is no such test run";
    /// No canary is running, or not this one.
    CanaryNotRunning = NOT_FOUND, "canary_not_running", "The canary is not running";
    /// Another name is needed: this one the API keeps for itself.
    ReservedName = UNPROCESSABLE_ENTITY, "reserved_name", "The name is taken by the API";
    /// The content has mistakes.
    BrokenPrompt = UNPROCESSABLE_ENTITY, "broken_prompt", "The prompt has mistakes";
    /// The test set has mistakes.
    BrokenTestSet = UNPROCESSABLE_ENTITY, "broken_test_set", "The test set has mistakes";
    /// Something in an import is wrong, so nothing of it was taken.
    ImportRefused = UNPROCESSABLE_ENTITY, "import_refused", "Nothing was imported";
    /// The prompt's text came after a planner's.
    NotEmpty = CONFLICT, "not_empty", "The prompt has been begun already";
    /// Somebody else saved the draft.
    DraftConflict = CONFLICT, "draft_conflict", "The draft was changed in the meantime";
    /// A draft came with partials of its own.
    DraftWithPartials = UNPROCESSABLE_ENTITY, "draft_with_partials", "A draft brings no partials";
    /// The content that was checked is not the draft's.
    NotTheDraft = CONFLICT, "not_the_draft", "The draft was changed in the meantime";
    /// The draft says what a version says.
    SameAsVersion = CONFLICT, "same_as_version", "Nothing was changed";
    /// Somebody else moved the label.
    LabelConflict = CONFLICT, "label_conflict", "The label was moved in the meantime";
    /// The canary is not as its author saw it.
    CanaryConflict = CONFLICT, "canary_conflict", "The canary was changed in the meantime";
    /// There is nothing to test with.
    NoTestCases = CONFLICT, "no_test_cases", "There are no test cases";
    /// The version was not tested.
    NotTested = CONFLICT, "not_tested", "The version has not been tested";
    /// The version failed its tests.
    TestFailed = CONFLICT, "test_failed", "The version failed its tests";
    /// The version was not tried on past tickets.
    NotShadowed = CONFLICT, "not_shadowed", "The version has not been tried on past tickets";
    /// The version gave no answer to too many past tickets.
    ShadowFailed = CONFLICT, "shadow_failed", "The version failed on past tickets";
    /// A policy asks for a shadow run that cannot be.
    MinCasesOutOfRange = UNPROCESSABLE_ENTITY, "min_cases_out_of_range", "The number of cases is out of range";
    /// No ticket of the past can be tried.
    NoCases = CONFLICT, "no_cases", "There are no tickets to try";
    /// The model has no price.
    NoPrice = CONFLICT, "no_price", "The model has no price";
    /// The tenant has as many shadow runs running as it may have.
    TooManyShadowRuns = TOO_MANY_REQUESTS, "too_many_shadow_runs", "Too many shadow runs";
    /// The shadow run is not in a state that allows what was asked.
    WrongShadowRunState = CONFLICT, "wrong_shadow_run_state", "The shadow run's state does not allow this";
    /// An override without a reason.
    ReasonMissing = UNPROCESSABLE_ENTITY, "reason_missing", "A reason is needed";
    /// The label never pointed anywhere else.
    NothingBefore = CONFLICT, "nothing_before", "There is nothing to roll back to";
    /// Tickets run `production`.
    ProductionStays = CONFLICT, "production_stays", "The label production stays";
    /// A canary needs a version in production.
    NoProduction = CONFLICT, "no_production", "Nothing is in production";
    /// Everybody gets the version already.
    AlreadyInProduction = CONFLICT, "already_in_production", "The version is in production already";
    /// A share of the users that is none, or all.
    PercentOutOfRange = UNPROCESSABLE_ENTITY, "percent_out_of_range", "The share of users is out of range";
    /// A bound of more than all.
    BoundOutOfRange = UNPROCESSABLE_ENTITY, "bound_out_of_range", "The bound is out of range";
    /// A bound over no tickets.
    NoMinimum = UNPROCESSABLE_ENTITY, "no_minimum", "The bound needs a number of tickets";
    /// One canary at a time.
    CanaryRunning = CONFLICT, "canary_running", "A canary is running";
    /// The prompt takes no new tickets.
    PromptRetired = CONFLICT, "prompt_retired", "The prompt is retired";
    /// Somebody else saved the test set.
    TestSetConflict = CONFLICT, "test_set_conflict", "The test set was changed in the meantime";
    /// A case's name cannot name a file.
    BadCaseName = UNPROCESSABLE_ENTITY, "bad_case_name", "The test case's name is not valid";
    /// Every answer passes the case.
    ExpectsNothing = UNPROCESSABLE_ENTITY, "expects_nothing", "A test case expects nothing";
    /// Two cases have one name.
    CaseTwice = UNPROCESSABLE_ENTITY, "case_twice", "Two test cases have one name";
    /// A result that does not fit the test set.
    ResultMisfit = CONFLICT, "result_misfit", "The result does not fit the test set";
    /// A result of another content.
    HashMisfit = CONFLICT, "hash_misfit", "The result is of another content";
    /// A limit in number.
    TooMany = UNPROCESSABLE_ENTITY, "too_many", "There would be too many";
    /// A limit in size.
    TooLong = UNPROCESSABLE_ENTITY, "too_long", "It is too long";
    /// A number that JSON cannot hold.
    NotFinite = UNPROCESSABLE_ENTITY, "not_finite", "The number is not finite";
    /// Somebody else saved the partial.
    PartialConflict = CONFLICT, "partial_conflict", "The partial was changed in the meantime";
    /// The tenant has as many prompts as it may have.
    TooManyPrompts = CONFLICT, "too_many_prompts", "There are too many prompts";
    /// Others changed the prompt again and again.
    PromptBusy = CONFLICT, "prompt_busy", "The prompt was changed by others";
    /// The store did not say whether it was done.
    OutcomeUnknown = SERVICE_UNAVAILABLE, "outcome_unknown", "It is not known whether it was done";
    /// What the ticket may use would pass a budget.
    BudgetExhausted = TOO_MANY_REQUESTS, "budget_exhausted", "The budget is used up";
    /// What the tenant used before the start is still being added up.
    StillCounting = SERVICE_UNAVAILABLE, "usage_not_counted", "Usage is still being counted";
    /// The usage table cannot be read.
    UsageUnavailable = SERVICE_UNAVAILABLE, "usage_unavailable", "Usage cannot be read now";
    /// More rows of usage are asked for than one answer has.
    TooManyRows = BAD_REQUEST, "too_many_rows", "Too many rows";
    /// As many test runs are going on as may.
    TooManyTestRuns = TOO_MANY_REQUESTS, "too_many_test_runs", "Too many test runs";
    /// There is no such tenant.
    NoSuchTenant = NOT_FOUND, "no_such_tenant", "There is no such tenant";
    /// The tenant's id is taken.
    TenantExists = CONFLICT, "tenant_exists", "There is such a tenant already";
    /// Somebody else changed the tenant.
    TenantConflict = CONFLICT, "tenant_conflict", "The tenant was changed in the meantime";
    /// Others changed the tenant again and again.
    TenantBusy = CONFLICT, "tenant_busy", "The tenant was changed by others";
    /// What is stored of the tenant cannot be read.
    TenantDamaged = INTERNAL_SERVER_ERROR, "tenant_damaged", "The tenant's history is damaged";
    /// There are as many tenants as there may be.
    TooManyTenants = CONFLICT, "too_many_tenants", "There are too many tenants";
    /// A text for people that cannot be read.
    BadText = UNPROCESSABLE_ENTITY, "bad_text", "The text is not valid";
    /// A key of this prefix was issued before.
    PrefixTaken = CONFLICT, "prefix_taken", "The key's prefix is taken";
    /// The tenant never had a key of this prefix.
    NoSuchKey = NOT_FOUND, "no_such_key", "There is no such key";
    /// The key was taken back.
    KeyRevoked = CONFLICT, "key_revoked", "The key is revoked";
    /// The key's time is over.
    KeyExpired = CONFLICT, "key_expired", "The key has expired";
    /// Another key has the key's place.
    KeyReplaced = CONFLICT, "key_replaced", "The key was replaced already";
    /// Two keys would open the same for too long.
    OverlapTooLong = UNPROCESSABLE_ENTITY, "overlap_too_long", "The overlap is too long";
    /// The key would never open anything.
    BornExpired = UNPROCESSABLE_ENTITY, "born_expired", "The key would expire before it is issued";
    /// The key would open nothing.
    NoRoles = UNPROCESSABLE_ENTITY, "no_roles", "A key needs a role";
    /// The prefix or hash is of no key.
    BadKey = UNPROCESSABLE_ENTITY, "bad_key", "This is not an API key's";
    /// A browser would never send this origin.
    BadOrigin = UNPROCESSABLE_ENTITY, "bad_origin", "The origin is not valid";
    /// The callback base URL cannot be called.
    BadCallback = UNPROCESSABLE_ENTITY, "bad_callback", "The callback URL is not valid";
    /// The hook's path leads elsewhere.
    BadHook = UNPROCESSABLE_ENTITY, "bad_hook", "The hook's path is not valid";
    /// A hook would be called nowhere.
    NoCallback = CONFLICT, "no_callback", "The tenant has no callback URL";
    /// Hooks would be called nowhere any more.
    HooksRemain = CONFLICT, "hooks_remain", "There are hooks that need the callback URL";
    /// A limit of nothing.
    ZeroLimit = UNPROCESSABLE_ENTITY, "zero_limit", "A limit is zero";
    /// A part of the models that is none, or too much.
    WeightOutOfRange = UNPROCESSABLE_ENTITY, "weight_out_of_range", "The weight is out of range";
    /// Days that are none, or too many.
    RetentionOutOfRange = UNPROCESSABLE_ENTITY, "retention_out_of_range", "The retention is out of range";
    /// The tenant has no such task in production and may ask no such model.
    ModelNotFound = NOT_FOUND, "model_not_found", "There is no such model";
    /// A parameter of OpenAI's API that this one does not have.
    UnsupportedParameter = BAD_REQUEST, "unsupported_parameter", "The parameter is not supported";
    /// A chat completion's ticket failed.
    TicketFailed = BAD_GATEWAY, "ticket_failed", "The ticket failed";
    /// A chat completion's ticket was cancelled.
    TicketCancelled = CONFLICT, "ticket_cancelled", "The ticket was cancelled";
    /// A chat completion was not answered while its request was held open.
    StillRunning = GATEWAY_TIMEOUT, "still_running", "The ticket is not answered yet";
    /// The answer is not the one whose beginning was streamed.
    AnswerChanged = BAD_GATEWAY, "answer_changed", "The answer began anew";
    /// The URL is not one that is called.
    ForbiddenUrl = UNPROCESSABLE_ENTITY, "forbidden_url", "The URL is not one that is called";
    /// The tenant has as many webhook endpoints as it may have.
    TooManyWebhooks = CONFLICT, "too_many_webhooks", "There are too many webhook endpoints";
    /// Others changed the endpoint again and again.
    WebhookBusy = CONFLICT, "webhook_busy", "The webhook endpoint was changed by others";
    /// Nothing is sent to the endpoint.
    WebhookDisabled = CONFLICT, "webhook_disabled", "The webhook endpoint is disabled";
    /// Two secrets are live.
    RotationUnderWay = CONFLICT, "rotation_under_way", "The secret is being rotated";
    /// The fault is the server's.
    Internal = INTERNAL_SERVER_ERROR, "internal", "Internal error";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_a_distinct_snake_case_word_with_an_error_status() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code:?} is there twice");
            assert!(
                code.as_str()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_')
            );
            assert!(code.status().is_client_error() || code.status().is_server_error());
        }
    }
}
