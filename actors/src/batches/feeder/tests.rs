use std::collections::BTreeMap;

use super::*;

fn line(number: u32) -> RequestLine {
    RequestLine {
        line: number,
        custom_id: None,
        task: punchcard_events::TaskName::new("say").expect("a valid name"),
        label: None,
        user: None,
        input: Arc::new(serde_json::Value::Null),
        metadata: BTreeMap::new(),
        not_before: None,
        deadline: None,
    }
}

#[test]
fn no_line_before_a_group_is_issued_anew_and_none_of_a_cut_group_is_left_out() {
    // Every third line is empty or was rejected.
    let lines: Vec<_> = (1..200).filter(|n| n % 3 != 0).map(line).collect();
    let mut seen = 0;
    for group in groups(&lines) {
        let (first, last) = (group[0].line, group[group.len() - 1].line);
        seen += group.len();
        for newest in group {
            // The process stops when only this one of its group is a ticket.
            let fed = newest.line.saturating_sub(AT_ONCE);
            assert!(fed < first, "line {first} would be lost");
        }
        assert!(last - first < AT_ONCE);
    }
    assert_eq!(seen, lines.len());
}
