//! Points at which a test makes the process die, an actor panic, or work wait.
//!
//! A point is a line `failpoint!("ticket::{}::before_append", event.kind)`. Without the feature
//! `failpoints` it does nothing and leaves no code behind; only this workspace's tests turn the
//! feature on, by their dev-dependencies, so `cargo build` never has it. With the feature, what a
//! point does comes from the variable `FAILPOINTS` of the process, in the language of the crate
//! `fail`: `name=2*off->1*return(kill)` kills at the third pass. To that language come
//!
//! - `return(kill)`: SIGKILL to oneself. Nothing unwinds and nothing is flushed, as in a power cut.
//! - `return(panic)`: a panic of whoever passes.
//!
//! and each time one of them happens a line `failpoint NAME: ACTION` goes to standard error first, so
//! a test can prove that its fault fired.
//!
//! Names are `ticket::<event type>::{before,after}_append`, `effect::<effect key>::{before,after}`
//! and `store::commit::{before,after}`. Which there are is a table in `tests/failpoints/`.

/// Passes a failpoint; the name is a format string with its arguments.
#[macro_export]
macro_rules! failpoint {
    ($($name:tt)+) => {
        $crate::failpoints::pass(::std::format_args!($($name)+))
    };
}

pub use points::{arm, pass};

#[cfg(not(feature = "failpoints"))]
mod points {
    /// Does nothing in a build without failpoints.
    #[inline(always)]
    pub const fn arm() {}

    /// Does nothing in a build without failpoints.
    #[inline(always)]
    pub const fn pass(_: std::fmt::Arguments<'_>) {}
}

#[cfg(feature = "failpoints")]
mod points {
    use std::fmt::Arguments;
    use std::io::Write as _;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    /// Whether any point was armed, so that the others cost next to nothing.
    static ARMED: AtomicBool = AtomicBool::new(false);

    /// Arms the points that the variable `FAILPOINTS` names, for as long as the process lives.
    pub fn arm() {
        if std::env::var_os("FAILPOINTS").is_some() {
            std::mem::forget(fail::FailScenario::setup());
            ARMED.store(true, Ordering::Release);
        }
    }

    /// Does what was armed for this point, if anything.
    pub fn pass(name: Arguments<'_>) {
        if ARMED.load(Ordering::Acquire) {
            let name = name.to_string();
            fail::fail_point!(&name, |action| act(&name, action.as_deref()));
        }
    }

    fn act(name: &str, action: Option<&str>) {
        let action = action.unwrap_or_default();
        // A standard error that is gone must not keep the fault from happening.
        let _ = writeln!(std::io::stderr(), "failpoint {name}: {action}");
        match action {
            "kill" => {
                let _ = kill_process(getpid(), Signal::KILL);
                // The signal comes before that returns; this is for the type checker.
                std::process::abort();
            }
            #[expect(clippy::panic, reason = "this is the fault that was asked for")]
            "panic" => panic!("failpoint {name}"),
            _ => {}
        }
    }
}
