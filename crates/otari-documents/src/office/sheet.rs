//! Excel workbooks: a table for each sheet.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use calamine::{DataRef, ExcelDateTime, Reader as _, SheetVisible, Xlsx, XlsxError};

use super::archive::Archive;
use crate::table;
use crate::written::Written;
use crate::{DocumentError, Limits};

type Book<'a> = Xlsx<Cursor<&'a [u8]>>;
type Rows = BTreeMap<u32, BTreeMap<u32, String>>;

pub(crate) fn read(bytes: &[u8], limits: &Limits, out: &mut Written) -> Result<(), DocumentError> {
    Archive::open(bytes, limits)?.check_size()?;
    let mut book: Book<'_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    let sheets: Vec<(String, bool)> = book
        .sheets_metadata()
        .iter()
        .map(|sheet| (sheet.name.clone(), sheet.visible == SheetVisible::Visible))
        .collect();
    let mut room = limits.cells;
    for (index, (name, visible)) in sheets.iter().enumerate() {
        if index >= limits.pages || out.is_full() || room == 0 {
            out.leave_out(format!(
                "the text ends after sheet {index} of {}",
                sheets.len()
            ));
            break;
        }
        // Charts are sheets too, without cells.
        let Some(rows) = rows(&mut book, name, &mut room)? else {
            continue;
        };
        if room == 0 {
            let most = limits.cells;
            out.leave_out(format!("only the first {most} cells are read"));
        }
        let hidden = if *visible { "" } else { " (hidden)" };
        out.block(&format!("## Sheet: {name}{hidden}"));
        out.block(&table::markdown(&without_empty_columns(rows)));
    }
    Ok(())
}

/// `None`: it is not a sheet of cells.
fn rows(book: &mut Book<'_>, name: &str, room: &mut usize) -> Result<Option<Rows>, DocumentError> {
    let mut cells = match book.worksheet_cells_reader(name) {
        Ok(cells) => cells,
        Err(XlsxError::NotAWorksheet(_) | XlsxError::WorksheetNotFound(_)) => return Ok(None),
        Err(error) => return Err(damaged(&error)),
    };
    let mut rows = Rows::new();
    while let Some(cell) = cells.next_cell().map_err(|error| damaged(&error))? {
        let text = text(cell.get_value());
        if text.is_empty() {
            continue;
        }
        if *room == 0 {
            break;
        }
        *room -= 1;
        let (row, column) = cell.get_position();
        rows.entry(row).or_default().insert(column, text);
    }
    Ok(Some(rows))
}

/// A cell far out would otherwise widen every row.
fn without_empty_columns(rows: Rows) -> Vec<Vec<String>> {
    let used: BTreeSet<u32> = rows.values().flat_map(|row| row.keys().copied()).collect();
    let full = |mut row: BTreeMap<u32, String>| -> Vec<String> {
        let cells = used.iter();
        cells
            .map(|column| row.remove(column).unwrap_or_default())
            .collect()
    };
    rows.into_values().map(full).collect()
}

fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.trim().to_owned()
        }
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(moment) => date(moment),
        DataRef::Error(error) => error.to_string(),
    }
}

fn date(moment: &ExcelDateTime) -> String {
    const SECONDS: f64 = 86_400.0;
    if moment.is_duration() {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturates, and no sheet has longer ones"
        )]
        let seconds = (moment.as_f64() * SECONDS).round() as i64;
        let (minutes, second) = (seconds / 60, seconds % 60);
        return format!("{}:{:02}:{second:02}", minutes / 60, minutes % 60);
    }
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    let day = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second) == (0, 0, 0) {
        return day;
    }
    format!("{day} {hour:02}:{minute:02}:{second:02}")
}

fn damaged(error: &XlsxError) -> DocumentError {
    match error {
        XlsxError::Password => DocumentError::Encrypted,
        error => DocumentError::Damaged(format!("the workbook cannot be read ({error})")),
    }
}
