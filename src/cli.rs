//! The command line. One file for each command; `args` lists them.
//!
//! Results go to stdout, everything else to stderr, both through `output`. What a command found is
//! in its exit code, which `exit` defines. Nothing here decides anything about tickets.

mod args;
mod batch;
mod bench;
mod client;
mod completions;
mod config;
mod demo;
mod exit;
mod key;
mod open_files;
mod openapi;
mod output;
mod prompt;
mod redrive;
mod runtime;
#[cfg(test)]
mod scripted;
mod serve;
pub mod session_client;
mod store;
mod style;
mod tenant;
mod ticket;
mod timeline;
mod usage;
mod webhook;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser as _;
use exit::{Exit, Failure};
use output::Output;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Output::of_process(cli.json);
    match run(&cli, &mut out) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if let Failure::Told(complaint) = &failure {
                out.complain(complaint);
            }
            failure.exit().into()
        }
    }
}

fn run(cli: &Cli, out: &mut Output) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Serve(args) => runtime::on_system(serve::run(args, out)),
        Command::Demo(args) => runtime::on_system(demo::run(args, out)),
        Command::Ticket(args) => runtime::on_client(ticket::run(args, out)),
        Command::Batch(args) => runtime::on_client(batch::run(args, out)),
        Command::Redrive(args) => runtime::on_client(redrive::run(args, out)),
        Command::Prompt(args) => runtime::on_client(prompt::run(args, out)),
        Command::Usage(args) => runtime::on_client(usage::run(args, out)),
        Command::Tenant(args) => runtime::on_client(tenant::run(args, out)),
        Command::Webhook(args) => runtime::on_client(webhook::run(args, out)),
        Command::Key(args) => runtime::on_client(key::run(args, out)),
        Command::Store(command) => store::run(command, out),
        Command::Bench(args) => bench::run(args, out),
        Command::BenchFloor(args) => bench::run_floor(args, out),
        Command::Config(command) => config::run(command, out),
        Command::Openapi(args) => openapi::run(args, out),
        Command::Completions(args) => completions::run(args, out),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "it is a list")]
    fn every_command_is_parsed() {
        let id = "0192c0de-0000-7000-8000-000000000001";
        for line in [
            "serve --config a.toml --config b.toml --listen 127.0.0.1:0 --data-dir d".to_owned(),
            "demo --once --json".to_owned(),
            "ticket issue explanation --input {} --user u --metadata a=b --wait".to_owned(),
            "ticket issue explanation --input {} --wait=5 --idempotency-key k".to_owned(),
            "ticket list --state failed --limit 5 --all --url http://h:1 --key k".to_owned(),
            format!("ticket show {id} --json"),
            format!("ticket replay {id} --at 3"),
            format!("ticket watch {id}"),
            format!("ticket cancel {id} --mode void"),
            format!("ticket redrive {id} --from requested"),
            "ticket dead-letters --task explanation".to_owned(),
            "redrive start --task explanation --stage model --code c --per-second 5 --dry-run"
                .to_owned(),
            format!("redrive stop {id} --json"),
            "prompt list --limit 3".to_owned(),
            "prompt show explanation v3".to_owned(),
            "prompt new word-game --from-task explanation".to_owned(),
            "prompt edit explanation --file f --edit 4 --editor vi".to_owned(),
            "prompt diff explanation 3 staging".to_owned(),
            "prompt try explanation --input {}".to_owned(),
            "prompt test explanation 4 --answers".to_owned(),
            "prompt test-set edit explanation --file f --number 2".to_owned(),
            "prompt publish explanation --notes n --edit 2".to_owned(),
            "prompt deploy explanation v4 --canary 10 --max-failed 5 --max-violations 5 \
             --min-tickets 20 --yes"
                .to_owned(),
            "prompt deploy explanation 4 --label staging --reason r --override o".to_owned(),
            "prompt rollback explanation --label staging --reason r".to_owned(),
            "prompt canary start explanation 4 --percent 5".to_owned(),
            "prompt canary promote explanation --yes".to_owned(),
            "prompt unlabel explanation staging -y".to_owned(),
            "prompt history explanation --after 3".to_owned(),
            "prompt at explanation 2026-11-17T14:02:00Z --label staging".to_owned(),
            "prompt partial edit tone --file f".to_owned(),
            "prompt export a b --dir d --ref draft --force".to_owned(),
            "prompt import d --dry-run --json".to_owned(),
            "prompt retire explanation --reason r".to_owned(),
            "prompt restore explanation".to_owned(),
            "webhook list".to_owned(),
            "webhook create https://a.example/h --on ticket.failed --description d".to_owned(),
            format!("webhook change {id} --on ticket.persisted --on ticket.failed"),
            format!("webhook rotate {id} --overlap 2h"),
            format!("webhook deliveries {id} --state given_up --limit 3"),
            format!("webhook resend {id} msg_0192c0de000070008000000000000001"),
            format!(
                "webhook resend {id} --from 2026-11-23T00:00:00Z --until 2026-11-24T00:00:00Z --dry-run"
            ),
            "usage --from 2026-11-01 --to 2026-11-30 --by task --by model --csv".to_owned(),
            "key new --tenant onehour --name backend".to_owned(),
            "key new --operator --name ada".to_owned(),
            "key list --tenant acme --admin-url http://h:1 --admin-key k".to_owned(),
            "key issue --tenant acme --role admin,issuer --expires-at 2027-01-31T00:00:00Z"
                .to_owned(),
            "key rotate pk_live_0aB1cD2e --overlap 24h --json".to_owned(),
            "key revoke pk_live_0aB1cD2e --reason r --yes".to_owned(),
            "tenant list --limit 3 --after acme".to_owned(),
            "tenant create acme --name Acme --admin-key-file f".to_owned(),
            "tenant show acme --json".to_owned(),
            "tenant rename acme Acme-2".to_owned(),
            "tenant suspend acme --reason r -y".to_owned(),
            "tenant resume acme".to_owned(),
            "tenant limits acme --task say --daily-tokens 5_000 --monthly-usd 12.50".to_owned(),
            "tenant limits acme --weight 2 --raw-models a,b --requests-per-minute none".to_owned(),
            "tenant origins acme --add https://a.example --remove none".to_owned(),
            "tenant callback acme https://api.acme.example".to_owned(),
            "tenant hooks acme say --pre-process /p --post-process none".to_owned(),
            "tenant history acme --after 3".to_owned(),
            "store verify --data-dir d".to_owned(),
            "store backup f --data-dir d".to_owned(),
            "bench --quick --only latency --only memory --rounds 2 --seconds 1 --json".to_owned(),
            "config check --config a.toml".to_owned(),
            "openapi --admin".to_owned(),
            "completions zsh".to_owned(),
        ] {
            let words = std::iter::once("punchcard").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn a_wrong_command_line_exits_with_the_usage_code() {
        for line in [
            "ticket show not-an-id",
            "ticket cancel 0192c0de-0000-7000-8000-000000000001 --mode pause",
            "ticket issue Bad-Task --input {}",
            "ticket list --state done",
            "ticket issue explanation --input {} --wait=0",
            "prompt deploy explanation production",
            "prompt deploy explanation 4 --canary 100",
            "prompt show explanation Draft",
            "prompt at explanation yesterday",
            "key new --operator --tenant acme",
            "key issue --role root",
            "tenant create Acme --name x",
            "tenant suspend acme",
            "tenant limits acme --monthly-usd 1,5",
            "tenant limits acme --task say --weight 2",
            "tenant hooks acme --pre-process /p",
            "tenant callback acme https://a.example --remove",
            "frobnicate",
        ] {
            let words = std::iter::once("punchcard").chain(line.split(' '));
            let refused = Cli::try_parse_from(words).unwrap_err();
            assert_eq!(refused.exit_code(), i32::from(Exit::Usage.code()), "{line}");
        }
    }

    #[test]
    fn every_help_has_examples_and_the_exit_codes_are_listed() {
        let mut command = Cli::command();
        assert!(command.render_help().to_string().contains("Exit codes:"));
        for path in ["serve", "demo", "usage", "bench", "completions"] {
            let help = command.find_subcommand_mut(path).unwrap().render_help();
            assert!(help.to_string().contains("Examples:"), "{path}");
        }
    }

    #[test]
    fn completions_are_printed_for_every_shell() {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let cli = Cli::try_parse_from(["punchcard", "completions", shell]).unwrap();
            let (mut out, results, _) = Output::captured(false);
            assert_eq!(run(&cli, &mut out), Ok(Exit::Success));
            assert!(results.text().contains("replay"), "{shell}");
        }
    }
}
