//! The plans that once broke a promise. Each is carried out in every run, so what was found stays
//! found; a plan that a seed breaks is put here by the run that met it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::plan::Plan;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulation/corpus")
}

/// Every kept plan, with the name of its file.
pub(crate) fn kept() -> Vec<(String, Plan)> {
    let entries = fs::read_dir(folder()).expect("the corpus is there");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("it is listed").path())
        .collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    files.sort();
    let read = |path: PathBuf| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).expect("the plan can be read");
        let plan = serde_json::from_str(&text);
        (
            name.clone(),
            plan.unwrap_or_else(|error| panic!("{name}: {error}")),
        )
    };
    files.into_iter().map(read).collect()
}

/// Keeps a plan. Where that is, if the folder can be written to.
pub(crate) fn keep(plan: &Plan) -> Option<PathBuf> {
    let path = folder().join(format!("seed-{}.json", plan.seed));
    fs::write(&path, text(plan) + "\n").ok()?;
    Some(path)
}

/// A plan as it is kept: one step a line.
pub(crate) fn text(plan: &Plan) -> String {
    let json = |value: serde_json::Result<String>| value.expect("a plan is JSON");
    let steps = plan
        .steps
        .iter()
        .map(|step| json(serde_json::to_string(step)));
    let steps: Vec<_> = steps.map(|step| format!("    {step}")).collect();
    let setup = json(serde_json::to_string(&plan.setup));
    format!(
        "{{\n  \"seed\": {},\n  \"setup\": {setup},\n  \"steps\": [\n{}\n  ]\n}}",
        plan.seed,
        steps.join(",\n")
    )
}
