//! The three tickets that the demo issues.

use serde_json::{Value, json};

/// A ticket to issue.
pub(super) struct Sample {
    /// Its task.
    pub(super) task: &'static str,
    /// Its input.
    pub(super) input: Value,
    /// Whether the task has the backend save its answer before the user sees it.
    pub(super) saved: bool,
}

/// One ticket for each sample task.
pub(super) fn samples() -> [Sample; 3] {
    [
        Sample {
            task: "writing-review",
            saved: true,
            input: json!({
                "topic": "Should students wear school uniforms?",
                "level": "middle",
                "essay": "I think students should wear uniforms. First, it save time in the morning, \
                          because we do not have to choose what to wear. Second, nobody is compared \
                          by the price of their clothes. Some people says uniforms take away \
                          freedom, but we can still show who we are by what we do. For these \
                          reasons I agree with school uniforms.",
            }),
        },
        Sample {
            task: "question-making",
            saved: true,
            input: json!({
                "level": "B1",
                "count": 2,
                "passage": "Honeybees tell each other where flowers are by dancing. A bee that has \
                            found food returns to the hive and walks in a figure of eight. The \
                            angle of its walk shows the direction of the flowers from the sun, and \
                            the length of its waggle shows how far away they are.",
            }),
        },
        Sample {
            task: "explanation",
            saved: false,
            input: json!({
                "question": "Why is the sky blue but the sunset red?",
                "subject": "science",
                "level": "middle",
            }),
        },
    ]
}

/// The student the answers are for.
pub(super) const USER: &str = "student-17";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Config;

    #[test]
    fn every_task_of_the_demo_s_tenant_has_a_sample() {
        let config = Config::demo([]).unwrap();
        let tenant = config.tenants.values().next().unwrap();
        let tasks: BTreeSet<&str> = tenant.tasks.keys().map(|task| task.as_str()).collect();
        let sampled: BTreeSet<&str> = samples().iter().map(|sample| sample.task).collect();
        assert_eq!(sampled, tasks);
    }

    #[test]
    fn every_sample_fits_its_task() {
        let config = Config::demo([]).unwrap();
        let tenant = config.tenants.values().next().unwrap();
        for sample in samples() {
            let task = &tenant.tasks[&sample.task.parse().unwrap()];
            let schema = task.input_schema.as_deref().unwrap();
            assert_eq!(sample.saved, task.post_process.is_some());
            assert!(
                jsonschema::is_valid(schema, &sample.input),
                "{}",
                sample.task
            );
        }
    }
}
