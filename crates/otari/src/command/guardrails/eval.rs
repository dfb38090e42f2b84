//! `otari guardrails eval`: how often a profile is right about texts whose labels are known, and how long it takes.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use otari_gateway::GuardrailTrial;

use super::texts::{Labelled, read};
use crate::cli::GuardrailsEval;
use crate::command::{print, runtime};
use crate::configuration::load;

const HEADER: &str = "| profile | provider | file | with | without | precision | recall | F1 | false alarms | p50 | p99 |\n\
                      |---|---|---|---|---|---|---|---|---|---|---|";

pub(crate) fn eval(args: &GuardrailsEval) -> anyhow::Result<ExitCode> {
    let config = load(&args.file, Vec::new())?;
    let mut files = Vec::new();
    for file in &args.files {
        let name = file.file_stem().unwrap_or_default();
        files.push((name.to_string_lossy().into_owned(), read(file)?));
    }
    runtime()?.block_on(async {
        print(HEADER)?;
        for profile in &args.profiles {
            let options = otari_server::guardrails(&config);
            let trial = GuardrailTrial::new(options, profile).await?;
            if let Some((_, texts)) = files.first() {
                warm(&trial, texts).await;
            }
            for (name, texts) in &files {
                let tally = measure(&trial, texts).await?;
                let provider = trial.provider();
                print(&format!(
                    "| {profile} | {provider} | {name} {}",
                    tally.row()
                ))?;
                if args.misses {
                    for wrong in &tally.wrong {
                        print(wrong)?;
                    }
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// What is compiled or read once is not a text's time.
async fn warm(trial: &GuardrailTrial, texts: &[Labelled]) {
    if let Some(first) = texts.first() {
        let _ = trial.finds(&first.text).await;
    }
}

/// What came of the texts.
#[derive(Default)]
struct Tally {
    caught: usize,
    missed: usize,
    false_alarms: usize,
    quiet: usize,
    took: Vec<Duration>,
    wrong: Vec<String>,
}

async fn measure(trial: &GuardrailTrial, texts: &[Labelled]) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for Labelled { place, text, label } in texts {
        let begun = Instant::now();
        let found = match trial.finds(text).await {
            Ok(found) => found,
            Err(problem) => bail!("{place} could not be checked: {problem}"),
        };
        tally.took.push(begun.elapsed());
        let (count, wrong) = match (label, found) {
            (true, true) => (&mut tally.caught, None),
            (true, false) => (&mut tally.missed, Some("missed")),
            (false, true) => (&mut tally.false_alarms, Some("false alarm")),
            (false, false) => (&mut tally.quiet, None),
        };
        *count += 1;
        if let Some(wrong) = wrong {
            tally.wrong.push(format!("{place}: {wrong}"));
        }
    }
    tally.took.sort_unstable();
    Ok(tally)
}

impl Tally {
    /// From the number of texts with something to find on. A share of nothing is a dash.
    fn row(&self) -> String {
        let with = self.caught + self.missed;
        let without = self.false_alarms + self.quiet;
        let found = self.caught + self.false_alarms;
        format!(
            "| {with} | {without} | {} | {} | {} | {} | {} | {} |",
            if with == 0 {
                "-".to_owned()
            } else {
                percent(self.caught, found)
            },
            percent(self.caught, with),
            if with == 0 {
                "-".to_owned()
            } else {
                percent(2 * self.caught, found + with)
            },
            percent(self.false_alarms, without),
            self.time(50),
            self.time(99),
        )
    }

    fn time(&self, hundredth: usize) -> String {
        let at = self.took.len().saturating_sub(1) * hundredth / 100;
        let took = self.took.get(at).copied().unwrap_or_default();
        format!("{:.2} ms", took.as_secs_f64() * 1e3)
    }
}

fn percent(part: usize, whole: usize) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    // Rounded to the nearest.
    let thousandths = (part * 2000 + whole) / (2 * whole);
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}
