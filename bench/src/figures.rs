//! The measured figures, and the table they are shown in.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::stats::median;

/// What is measured. The order is the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    Saturation,
    CpuSaturated,
    HalfRate,
    CpuHalf,
    HalfP50,
    HalfP99,
    AddedP50,
    AddedP99,
    FirstTokenP50,
    FirstTokenP99,
    FirstTokenAddedP50,
    FirstTokenAddedP99,
    ChunkDelayP50,
    ChunkDelayP99,
    ChunkAddedP50,
    ChunkAddedP99,
    GapP99,
    Merged,
    CpuChunk,
    MemoryIdle,
    MemoryStream,
    MemoryPeak,
    ColdHealth,
    ColdAnswer,
    FirstStart,
    Errors,
}

struct Row {
    figure: Figure,
    label: &'static str,
    decimals: usize,
}

const fn row(figure: Figure, label: &'static str, decimals: usize) -> Row {
    Row {
        figure,
        label,
        decimals,
    }
}

const ROWS: &[Row] = &[
    row(Figure::Saturation, "calls/s, 32 connections", 0),
    row(Figure::CpuSaturated, "CPU per call, saturated (µs)", 1),
    row(Figure::HalfRate, "half load: calls/s offered", 0),
    row(Figure::CpuHalf, "half load: CPU per call (µs)", 1),
    row(Figure::HalfP50, "half load: latency p50 (µs)", 0),
    row(Figure::HalfP99, "half load: latency p99 (µs)", 0),
    row(Figure::AddedP50, "half load: added p50 (µs)", 0),
    row(Figure::AddedP99, "half load: added p99 (µs)", 0),
    row(
        Figure::FirstTokenP50,
        "100 streams: first token p50 (µs)",
        0,
    ),
    row(
        Figure::FirstTokenP99,
        "100 streams: first token p99 (µs)",
        0,
    ),
    row(
        Figure::FirstTokenAddedP50,
        "100 streams: first token added p50 (µs)",
        0,
    ),
    row(
        Figure::FirstTokenAddedP99,
        "100 streams: first token added p99 (µs)",
        0,
    ),
    row(
        Figure::ChunkDelayP50,
        "100 streams: chunk delay p50 (µs)",
        0,
    ),
    row(
        Figure::ChunkDelayP99,
        "100 streams: chunk delay p99 (µs)",
        0,
    ),
    row(
        Figure::ChunkAddedP50,
        "100 streams: chunk delay added p50 (µs)",
        0,
    ),
    row(
        Figure::ChunkAddedP99,
        "100 streams: chunk delay added p99 (µs)",
        0,
    ),
    row(
        Figure::GapP99,
        "100 streams: gap between chunks p99 (µs)",
        0,
    ),
    row(Figure::Merged, "100 streams: merged chunks", 0),
    row(Figure::CpuChunk, "100 streams: CPU per chunk (µs)", 1),
    row(Figure::MemoryIdle, "memory, idle (MiB)", 1),
    row(Figure::MemoryStream, "memory per open stream (KiB)", 1),
    row(Figure::MemoryPeak, "memory, peak (MiB)", 1),
    row(Figure::ColdHealth, "cold start to /health (ms)", 1),
    row(Figure::ColdAnswer, "cold start to first answer (ms)", 1),
    row(
        Figure::FirstStart,
        "very first start, empty database (ms)",
        1,
    ),
    row(Figure::Errors, "errors", 0),
];

/// The columns, in order.
pub const DIRECT: &str = "direct";
pub const NGINX: &str = "nginx";
pub const OTARI: &str = "otari";
const NOTHING: &str = "-";

/// Every observation; a cell shows the median of its own.
#[derive(Clone, Debug, Default)]
pub struct Figures(BTreeMap<(Figure, &'static str), Vec<f64>>);

impl Figures {
    pub fn note(&mut self, column: &'static str, figure: Figure, value: f64) {
        self.0.entry((figure, column)).or_default().push(value);
    }

    pub fn median(&self, column: &'static str, figure: Figure) -> Option<f64> {
        self.0
            .get(&(figure, column))
            .and_then(|values| median(values))
    }

    /// A Markdown table that is also aligned for the terminal.
    pub fn table(&self) -> String {
        let mut rows = vec![["", DIRECT, NGINX, OTARI, "otari/nginx"].map(str::to_owned)];
        rows.extend(ROWS.iter().map(|row| self.cells(row)));
        let width = |place: usize| {
            rows.iter()
                .filter_map(|row| row.get(place))
                .map(|cell| cell.chars().count())
                .max()
        };
        let widths: Vec<usize> = (0..5).map(|place| width(place).unwrap_or(0)).collect();
        let mut text = String::new();
        for (index, row) in rows.iter().enumerate() {
            text.push_str(&line(row, &widths));
            if index == 0 {
                let rule = widths.iter().enumerate().map(|(place, width)| {
                    if place == 0 {
                        "-".repeat(*width)
                    } else {
                        format!("{}:", "-".repeat(width.saturating_sub(1)))
                    }
                });
                text.extend(["| ", &rule.collect::<Vec<_>>().join(" | "), " |\n"]);
            }
        }
        text
    }

    fn cells(&self, row: &Row) -> [String; 5] {
        let cell = |column| {
            let value = self.median(column, row.figure);
            value.map_or_else(
                || NOTHING.to_owned(),
                |value| format!("{value:.*}", row.decimals),
            )
        };
        let ratio = match (
            self.median(OTARI, row.figure),
            self.median(NGINX, row.figure),
        ) {
            (Some(otari), Some(nginx)) if otari > 0.0 && nginx > 0.0 => {
                format!("{:.2}", otari / nginx)
            }
            _ => NOTHING.to_owned(),
        };
        [
            row.label.to_owned(),
            cell(DIRECT),
            cell(NGINX),
            cell(OTARI),
            ratio,
        ]
    }

    /// Per row and column, every observation.
    pub fn json(&self) -> Value {
        let rows = ROWS.iter().map(|row| {
            let columns = [DIRECT, NGINX, OTARI].into_iter().filter_map(|column| {
                self.0
                    .get(&(row.figure, column))
                    .map(|values| (column.to_owned(), json!(values)))
            });
            (row.label.to_owned(), Value::Object(columns.collect()))
        });
        Value::Object(rows.collect())
    }
}

fn line(row: &[String; 5], widths: &[usize]) -> String {
    let cells = row
        .iter()
        .zip(widths)
        .enumerate()
        .map(|(place, (cell, width))| {
            let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
            if place == 0 {
                format!("{cell}{pad}")
            } else {
                format!("{pad}{cell}")
            }
        });
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}
