//! A shadow run: a candidate version of a prompt, tried on real tickets of the past, with no effect
//! outside. Planners see what a change would do before it does it.
//!
//! Its life is in the stream `shadowrun-<uuid>`, which holds a handful of small events, so that all
//! runs can be read at a start. Its cases are in a stream of their own, `shadowcases-<uuid>`: first
//! the tickets that were chosen, then what came of each ([`ShadowCaseEnded`]), measured but without a
//! text. The result of a finished run is an event of the prompt, too
//! ([`PromptShadowed`](crate::prompt::PromptShadowed)).
//!
//! Each case is a fork of a past ticket, whose id follows from run and case ([`ticket`]): a case that
//! is begun again is the same ticket, and so no model is asked for it twice.
//!
//! Which tickets are chosen is a plain function of a seed and the tickets' ids ([`Choosing`]).
//!
//! Not here: the answers (they are the forks'), how like two of them are, and what tokens cost.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::ids::{StreamName, TicketId};

mod cases;
mod choosing;
mod event;
mod report;
mod spending;
mod state;

pub use cases::{
    CaseFailure, CaseVerdict, Cases, Measured, ShadowCaseEnded, ShadowCasesChosen, ShadowCasesEvent,
};
pub use choosing::{Choosing, InvalidShare, Share, draw};
pub use event::{
    Candidate, Choice, Estimate, ShadowRunEvent, ShadowRunFinished, ShadowRunResumed,
    ShadowRunStarted, ShadowRunStopped, StopReason, Tally, TicketPeriod,
};
pub use report::{BeforeAfter, Percentiles, Place, ReportSummary};
pub use spending::{Spending, Spent};
pub use state::{Command, Illegal, Phase, Rejection, ShadowRunState, apply, decide};

/// The category of the runs' own streams.
pub const RUN_CATEGORY: &str = "shadowrun";

/// The category of the streams of their cases.
pub const CASES_CATEGORY: &str = "shadowcases";

/// The most cases of a run.
pub const MAX_CASES: u32 = 1_000;

/// The stream of a run's life.
pub fn stream(run: Uuid) -> StreamName {
    StreamName::of_uuid(RUN_CATEGORY, run)
}

/// The stream of a run's cases.
pub fn cases_stream(run: Uuid) -> StreamName {
    StreamName::of_uuid(CASES_CATEGORY, run)
}

/// The run whose life this stream is, or `None` for another stream.
pub fn run_of_stream(stream: &StreamName) -> Option<Uuid> {
    let id = stream.as_str().strip_prefix(RUN_CATEGORY)?;
    Uuid::parse_str(id.strip_prefix('-')?).ok()
}

/// The ticket of case `case`: a UUID version 7 (RFC 9562) of the run's own time, all ones in its first
/// 12 random bits, the case in the next 20, and a hash of both in the rest. The ones keep it apart from
/// the tickets of a batch that began in the same millisecond, which have zeros there.
pub fn ticket(run: Uuid, case: u32) -> TicketId {
    let mut hash = Sha256::new();
    hash.update(run.as_bytes());
    hash.update(case.to_be_bytes());
    let digest = hash.finalize();
    let mut random = [0; 8];
    random.copy_from_slice(&digest[..8]);
    let time = run.as_u128() >> 80 << 80;
    let case = u128::from(case & 0xf_ffff) << 42;
    let random = u128::from(u64::from_be_bytes(random) & 0x3ff_ffff_ffff);
    TicketId(Uuid::from_u128(
        time | 0x7 << 76 | 0xfff << 64 | 0b10 << 62 | case | random,
    ))
}
