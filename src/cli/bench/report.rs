//! What was measured, for people and for programs.

use serde::Serialize;

use super::fairness::Fairness;
use super::idle_sessions::IdleSessions;
use super::latency::FirstWords;
use super::machine::Machine;
use super::open_tickets::{Memory, Recovery};
use super::prompts::Prompts;
use super::replay::Replay;
use super::settings::Settings;
use super::throughput::{Arm, Cell};

/// How the figures came about, in the words the report ends with.
const METHOD: &str = "\
a is a bare actix-web + reqwest program that makes the same HTTP calls: no store, no actors, no
sessions, no signatures, no limits; it is done with a ticket when its answer is posted. b is
Punchcard: every step durable, calls signed, answers streamed over WebSocket; it is done when the
user has acknowledged the answer. The program under test is a process of its own; the load
generator, the model and the tenant's API run beside it on the same cores and take their share.";

/// Everything that was measured. Sections that were not asked for are absent.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    pub(super) version: &'static str,
    pub(super) command: Vec<String>,
    pub(super) machine: Machine,
    pub(super) settings: Settings,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) throughput: Option<Vec<Cell>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) latency: Option<Vec<FirstWords>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sessions: Option<IdleSessions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recovery: Option<Recovery>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompts: Option<Prompts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fairness: Option<Fairness>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replay: Option<Replay>,
}

impl Report {
    /// The report in lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "Punchcard {}: {}",
            self.version,
            self.command.join(" ")
        )];
        lines.extend(self.machine.lines());
        lines.extend(self.settings.lines());
        for cell in self.throughput.iter().flatten() {
            lines.push(String::new());
            lines.extend(throughput(cell));
        }
        if let Some(latency) = &self.latency {
            lines.push(String::new());
            lines.push("first words, from the model's sending to the user's reading".to_owned());
            lines.extend(latency.iter().map(first_words));
        }
        if let Some(memory) = &self.memory {
            lines.push(String::new());
            lines.extend(open_tickets(memory));
        }
        if let Some(sessions) = &self.sessions {
            lines.push(String::new());
            lines.push(format!(
                "{} idle sessions: {} each; target under {}: {}",
                sessions.sessions,
                kib(sessions.bytes_per_session),
                kib(sessions.target_bytes),
                verdict(sessions.reached)
            ));
        }
        if let Some(recovery) = &self.recovery {
            lines.push(String::new());
            lines.extend(way_back(recovery));
        }
        if let Some(prompts) = &self.prompts {
            lines.push(String::new());
            lines.extend(many_prompts(prompts));
        }
        if let Some(fairness) = &self.fairness {
            lines.push(String::new());
            lines.extend(fairness.lines());
        }
        if let Some(replay) = &self.replay {
            lines.push(String::new());
            lines.extend(replay.lines());
        }
        lines.push(String::new());
        lines.extend(METHOD.lines().map(str::to_owned));
        lines
    }
}

fn throughput(cell: &Cell) -> Vec<String> {
    let target = match (cell.target, cell.reached) {
        (Some(target), Some(reached)) => format!("; target {target:.2}: {}", verdict(reached)),
        _ => String::new(),
    };
    let pairs: Vec<_> = cell
        .ratios
        .iter()
        .map(|ratio| format!("{ratio:.3}"))
        .collect();
    vec![
        format!(
            "model delay {} ms, {} in flight (tickets/s)",
            cell.model_delay_ms, cell.in_flight
        ),
        arm("a  floor    ", &cell.floor),
        arm("b  punchcard", &cell.punchcard),
        format!(
            "  b / a        median {:>8.3}   min {:.3} max {:.3}   pairs {}{target}",
            cell.ratio.median,
            cell.ratio.min,
            cell.ratio.max,
            pairs.join(" ")
        ),
    ]
}

fn arm(name: &str, arm: &Arm) -> String {
    let rounds: Vec<_> = arm
        .rounds
        .iter()
        .map(|round| format!("{:.0}", round.tickets_per_second))
        .collect();
    let refused: u64 = arm.rounds.iter().map(|round| round.refused).sum();
    let failed: u64 = arm.rounds.iter().map(|round| round.failed).sum();
    let trouble = match (refused, failed) {
        (0, 0) => String::new(),
        _ => format!("   {refused} refused, {failed} failed"),
    };
    let rate = arm.tickets_per_second;
    format!(
        "  {name} median {:>8.0}   min {:.0} max {:.0}   rounds {}   {:.0} µs CPU each{trouble}",
        rate.median,
        rate.min,
        rate.max,
        rounds.join(" "),
        arm.cpu_us_per_ticket.median
    )
}

fn first_words(words: &FirstWords) -> String {
    format!(
        "  {:>4} in flight  median {:.2} ms  p99 {:.2} ms  max {:.2} ms  of {}; target median {} ms: {}",
        words.in_flight,
        words.median_ms,
        words.p99_ms,
        words.max_ms,
        words.samples,
        words.target_ms,
        verdict(words.reached)
    )
}

fn open_tickets(memory: &Memory) -> Vec<String> {
    vec![
        format!(
            "{} open tickets: {} each beyond its own text; target under {}: {}",
            memory.tickets,
            kib(memory.beyond_text_bytes),
            kib(memory.target_bytes),
            verdict(memory.reached)
        ),
        format!(
            "  all memory {} each ({} without mapped files), own text {}, on disk {}; issued at {:.0}/s",
            kib(memory.bytes_per_ticket),
            kib(memory.anonymous_bytes_per_ticket),
            kib(memory.own_text_bytes),
            kib(memory.disk_bytes_per_ticket),
            memory.issued_per_second
        ),
    ]
}

fn way_back(recovery: &Recovery) -> Vec<String> {
    vec![
        format!(
            "{} open tickets after kill -9: ready in {:.2} s; target under {} s: {}",
            recovery.tickets,
            recovery.ready_seconds,
            recovery.target_seconds,
            verdict(recovery.reached)
        ),
        format!(
            "  all picked up {:.1} s after the start (paced by runtime.recovery_per_second), {} in memory",
            recovery.all_picked_up_seconds,
            kib(precise(recovery.rss_bytes))
        ),
    ]
}

fn many_prompts(prompts: &Prompts) -> Vec<String> {
    vec![
        format!(
            "{} prompts of {} versions: rendering adds {:.1} µs to a ticket at the median; target under {} µs: {}",
            prompts.prompts,
            prompts.versions,
            prompts.render_us.median,
            prompts.target_us,
            verdict(prompts.reached)
        ),
        format!(
            "  min {:.1} max {:.1} µs of {}; the first ticket of a version median {:.0} max {:.0} µs",
            prompts.render_us.min,
            prompts.render_us.max,
            prompts.render_samples,
            prompts.first_render_us.median,
            prompts.first_render_us.max
        ),
        format!(
            "  start: ready in {:.2} s, {:.2} s without them; replay of {} events in {:.2} s; {} each in memory, {:.0} MB on disk",
            prompts.ready_seconds,
            prompts.ready_without_seconds,
            prompts.events,
            prompts.replay_seconds,
            kib(prompts.bytes_per_prompt),
            precise(prompts.disk_bytes) / 1e6
        ),
        format!(
            "  prompt list over HTTP: page of {} median {:.2} ms, max {:.2} ms; all of them {:.2} s",
            prompts.page, prompts.page_ms.median, prompts.page_ms.max, prompts.list_seconds
        ),
    ]
}

fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "NOT reached" }
}

fn kib(bytes: f64) -> String {
    format!("{:.2} KiB", bytes / 1024.0)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
const fn precise(bytes: u64) -> f64 {
    bytes as f64
}
