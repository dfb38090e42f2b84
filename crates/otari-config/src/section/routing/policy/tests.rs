use serde_json::json;

use super::*;

fn problems(value: &Value) -> Vec<String> {
    match PolicySpec::read(value) {
        Ok(spec) => panic!("accepted: {spec:?}"),
        Err(problems) => problems.into_iter().map(|problem| problem.path).collect(),
    }
}

#[test]
fn a_whole_policy_is_read_and_written_back() {
    let value = json!({
        "spec_version": 1,
        "select": [
            {"when": {"budget_used_pct": {"gte": 80.0}, "user_id": ["a", "b"]}, "target": "p:m"},
            {"router": "weighted", "candidates": ["p:m", "q:n"], "weights": {"p:m": 70.0, "q:n": 30.0}},
            {"default": "p:m"},
        ],
        "on_failure": ["q:n"],
        "guardrails": [{"profile": "pii", "mode": "block", "on_unavailable": "monitor", "on": ["input", "output"]}],
        "retry": {"attempts": 2, "backoff_ms": 100, "max_wait_ms": 1000},
        "first_token_timeout_ms": 3000,
        "hedge_after_ms": 800,
        "rescue": true,
        "sticky": true,
    });
    let spec = PolicySpec::read(&value).unwrap();
    assert_eq!(serde_json::to_value(&spec).unwrap(), value);
    let when = spec.select[0].when.as_ref().unwrap();
    assert_eq!(when.keys(), ["budget_used_pct", "user_id"]);
    assert!(when.budget_used_pct.unwrap().holds(80.0));
    assert!(!when.budget_used_pct.unwrap().holds(79.9));
}

#[test]
fn every_mistake_is_named_where_it_is() {
    for (value, expected) in [
        (json!({}), vec![""]),
        (
            json!({"select": [{"default": "p:m"}], "on_failures": []}),
            vec!["on_failures"],
        ),
        (
            json!({"select": [{"default": "plain"}]}),
            vec!["select.0.default"],
        ),
        (
            json!({"select": [{"target": "p:m", "when": {"user_id": "a"}}]}),
            vec!["select"],
        ),
        (
            json!({"select": [{"default": "p:m"}], "on_failure": ["p:m"]}),
            vec!["on_failure"],
        ),
        (
            json!({"select": [{"target": "p:m"}, {"default": "p:n"}]}),
            vec!["select.0"],
        ),
        (
            json!({"select": [{"target": "p:m", "when": {}}, {"default": "p:n"}]}),
            vec!["select.0.when"],
        ),
        (
            json!({"select": [{"target": "p:m", "when": {"budget_used_pct": {"gt": 1, "lt": 2}}}, {"default": "p:n"}]}),
            vec!["select.0.when.budget_used_pct"],
        ),
        (
            json!({"select": [{"target": "p:m", "when": {"budget_used_pct": {"gte": 100}}}, {"default": "p:n"}]}),
            vec!["select.0.when.budget_used_pct"],
        ),
        (
            json!({"select": [{"router": "weighted", "candidates": ["p:m"]}, {"default": "p:n"}]}),
            vec!["select.0.candidates", "select.0.weights"],
        ),
        (
            json!({"select": [{"router": "weighted", "candidates": ["p:m", "p:o"], "weights": {"p:x": 1}}, {"default": "p:n"}]}),
            vec!["select.0.weights.p:x"],
        ),
        (
            json!({"select": [{"default": "p:n"}], "on_failure": ["a:a", "b:b", "c:c", "d:d", "e:e"]}),
            vec!["select.0"],
        ),
        (
            json!({"select": [{"router": "least_busy", "candidates": ["p:m", "p:o"], "weights": {"p:m": 1}}, {"default": "p:n"}]}),
            vec!["select.0.weights"],
        ),
        (
            json!({"select": [{"default": "p:n"}], "sticky": true, "hedge_after_ms": 0}),
            vec!["hedge_after_ms", "sticky"],
        ),
        (
            json!({"select": [{"default": "p:n"}], "retry": {"attempts": 0, "backoff_ms": 9000}}),
            vec!["retry.attempts", "retry.backoff_ms"],
        ),
        (
            json!({"select": [{"default": "p:n"}], "guardrails": [{"profile": "x"}]}),
            vec!["guardrails[0]"],
        ),
        (
            json!({"select": [{"default": "p:n"}], "guardrails": [{"profile": "", "mode": "block"}]}),
            vec!["guardrails.0.profile"],
        ),
    ] {
        assert_eq!(problems(&value), expected, "{value}");
    }
}
