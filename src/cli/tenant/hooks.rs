//! `punchcard tenant hooks`.

use clap::Args;
use punchcard_events::{TaskName, TenantId};
use serde_json::{Value, json};

use super::operator::Operator;
use super::setting::{self, Setting};
use super::show;
use super::views::TenantView;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD};

/// Arguments of `tenant hooks`.
#[derive(Debug, Args)]
#[command(after_help = "\
A hook is a path of the tenant's own API: one prepares the input before the model is asked, the other
persists the answer before the user sees it as final. `none` takes a hook away.

Examples:
  punchcard tenant hooks acme
  punchcard tenant hooks acme explanation --pre-process /prepare --post-process /persist
  punchcard tenant hooks acme explanation --pre-process none")]
pub(crate) struct HooksArgs {
    /// The tenant.
    tenant: TenantId,

    /// The task whose hooks are to change.
    task: Option<TaskName>,

    /// The path that prepares the input, or `none`.
    #[arg(long, value_name = "PATH", value_parser = setting::path, requires = "task")]
    pre_process: Option<Setting>,

    /// The path that persists the answer, or `none`.
    #[arg(long, value_name = "PATH", value_parser = setting::path, requires = "task")]
    post_process: Option<Setting>,
}

/// Shows or changes them.
pub(super) async fn run(
    args: &HooksArgs,
    operator: &Operator,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let seen = operator.tenant(&args.tenant).await?.view;
    let changes = [
        ("pre_process", &args.pre_process),
        ("post_process", &args.post_process),
    ];
    let changed = changes.iter().any(|(_, setting)| setting.is_some());
    let now = match &args.task {
        Some(task) if changed => {
            let before = seen.hooks.get(task.as_str()).cloned().unwrap_or_default();
            let mut body = json!({});
            let paths = [before.pre_process, before.post_process];
            for ((name, setting), before) in changes.into_iter().zip(paths) {
                let before = before.map(|path| Setting::Is(Value::String(path)));
                if let Some(setting) = setting.clone().or(before) {
                    setting.put(&mut body, &[name]);
                }
            }
            let place = ["hooks", task.as_str()];
            operator.put_over(&seen, &place, &body).await?.view
        }
        Some(_) | None => seen,
    };
    print(args, &now, out)?;
    Ok(Exit::Success)
}

fn print(args: &HooksArgs, tenant: &TenantView, out: &mut Output) -> Result<(), Failure> {
    let wanted = |task: &str| {
        args.task
            .as_ref()
            .is_none_or(|wanted| wanted.as_str() == task)
    };
    let hooks: Vec<_> = tenant
        .hooks
        .iter()
        .filter(|(task, _)| wanted(task))
        .collect();
    if out.is_json() {
        let shown = hooks.iter().map(|(task, hooks)| {
            let paths =
                json!({ "pre_process": hooks.pre_process, "post_process": hooks.post_process });
            ((*task).clone(), paths)
        });
        return out.document(&json!({ "hooks": shown.collect::<serde_json::Map<_, _>>() }));
    }
    if hooks.is_empty() {
        out.note("There is no hook: inputs go to the model, and answers to the user, as they are.");
        return Ok(());
    }
    for (task, hooks) in hooks {
        let (task, hooked) = (style::one_line(task), show::hooked(hooks));
        out.line(format_args!("{BOLD}{task}{BOLD:#} {hooked}"))?;
    }
    Ok(())
}
