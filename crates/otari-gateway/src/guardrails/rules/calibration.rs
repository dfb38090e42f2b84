//! How good the rules are, measured on the texts beside this file. The table in `docs/guardrails.md` is what this prints:
//! `cargo test -p otari-gateway calibration -- --nocapture`.

use std::fmt::Write as _;

use otari_config::section::guardrails::Action;

use super::{Rules, THRESHOLD};

const INJECTION: &str = include_str!("corpus/injection.txt");
const PII: &str = include_str!("corpus/pii.txt");
const SECRETS: &str = include_str!("corpus/secrets.txt");
const DOCS: &str = include_str!("../../../../../docs/guardrails.md");

/// A text and what is in it; empty for nothing.
struct Case {
    held_out: bool,
    expected: Vec<String>,
    text: String,
}

fn cases(corpus: &str) -> Vec<Case> {
    let mut held_out = false;
    let mut cases = Vec::new();
    for line in corpus.lines() {
        match line {
            "[tuning]" => held_out = false,
            "[held-out]" => held_out = true,
            line if line.starts_with('#') || line.is_empty() => {}
            line => {
                let (label, text) = line
                    .split_once('|')
                    .unwrap_or_else(|| panic!("no label: {line}"));
                let expected = label
                    .split(',')
                    .filter(|kind| *kind != "-")
                    .map(str::to_owned);
                cases.push(Case {
                    held_out,
                    expected: expected.collect(),
                    text: text.replace("\\n", "\n"),
                });
            }
        }
    }
    cases
}

#[derive(Debug, Default)]
struct Tally {
    caught: usize,
    missed: usize,
    false_alarms: usize,
    quiet: usize,
}

impl Tally {
    fn row(&self, name: &str, part: &str) -> String {
        let percent = |part: usize, whole: usize| 100 * part / whole.max(1);
        let positives = self.caught + self.missed;
        format!(
            "| {name} | {part} | {positives} | {} | {} % | {} % | {} |\n",
            self.false_alarms + self.quiet,
            percent(self.caught, self.caught + self.false_alarms),
            percent(self.caught, positives),
            self.false_alarms,
        )
    }
}

fn measure(rules: &Rules, corpus: &str, held_out: bool) -> Tally {
    let mut tally = Tally::default();
    for case in cases(corpus)
        .into_iter()
        .filter(|case| case.held_out == held_out)
    {
        let text = case.text.replace('~', "");
        let (found, score) = rules.judge(&text);
        let mut kinds: Vec<&str> = found.iter().map(|finding| finding.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let right = match case.expected.first().map(String::as_str) {
            Some("+") => !kinds.is_empty(),
            _ => kinds == case.expected.iter().map(String::as_str).collect::<Vec<_>>(),
        };
        let count = match (case.expected.is_empty(), right) {
            (false, true) => &mut tally.caught,
            (false, false) => &mut tally.missed,
            (true, true) => &mut tally.quiet,
            (true, false) => &mut tally.false_alarms,
        };
        *count += 1;
        if !right {
            let side = if held_out { "held-out" } else { "tuning" };
            println!(
                "{side}: expected {:?}, found {kinds:?} ({score:.2}): {text}",
                case.expected
            );
        }
    }
    tally
}

fn all_rules() -> [(&'static str, Rules, &'static str); 3] {
    let (kinds, action) = (None, Action::Detect);
    [
        (
            "prompt-injection",
            Rules::Injection {
                threshold: THRESHOLD,
                encoder: false,
            },
            INJECTION,
        ),
        (
            "pii",
            Rules::Pii {
                kinds: kinds.clone(),
                action,
            },
            PII,
        ),
        ("secrets", Rules::Secrets { kinds, action }, SECRETS),
    ]
}

#[test]
fn calibration_is_as_documented() {
    let mut table = String::from(
        "| check | texts | with | without | precision | recall | false alarms |\n|---|---|---|---|---|---|---|\n",
    );
    for (name, rules, corpus) in all_rules() {
        for (part, held_out) in [("tuning", false), ("held-out", true)] {
            let tally = measure(&rules, corpus, held_out);
            let _ = write!(table, "{}", tally.row(name, part));
        }
    }
    println!("\n{table}");
    assert!(
        DOCS.contains(&table),
        "docs/guardrails.md has another table than:\n{table}"
    );
}

/// What the rules were tuned on they get right, but for what is known to be beyond them.
#[test]
fn the_tuning_part_holds() {
    for (name, rules, corpus) in all_rules() {
        let tally = measure(&rules, corpus, false);
        assert!(
            tally.false_alarms == 0 && tally.missed == 0,
            "{name}: {tally:?}"
        );
    }
}
