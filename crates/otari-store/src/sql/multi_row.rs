//! Statements over many rows at once, in few fixed sizes so that each is prepared once per connection.

use crate::Engine;

/// Rows per statement, largest first. Ends in 1, so that every number of rows can be made of these.
const SIZES: [usize; 3] = [32, 8, 1];

/// `head (…),(…),… tail` for every size.
#[derive(Debug)]
pub(crate) struct MultiRow {
    postgres: [String; SIZES.len()],
    /// With `?` in order: the driver looks every numbered placeholder up by walking through all of them.
    sqlite: [String; SIZES.len()],
}

impl MultiRow {
    /// Each row has `columns` placeholders.
    pub(crate) fn values(head: &str, columns: usize, tail: &str) -> Self {
        Self::build(head, tail, |row| {
            let placeholders: Vec<String> = (1..=columns)
                .map(|column| format!("${}", row * columns + column))
                .collect();
            format!("({})", placeholders.join(","))
        })
    }

    /// A list of single values after `fixed` placeholders of the head.
    pub(crate) fn list(head: &str, fixed: usize, tail: &str) -> Self {
        Self::build(head, tail, |row| format!("${}", fixed + row + 1))
    }

    fn build(head: &str, tail: &str, one: impl Fn(usize) -> String) -> Self {
        let postgres = SIZES.map(|size| {
            let rows: Vec<String> = (0..size).map(&one).collect();
            format!("{head}{}{tail}", rows.join(","))
        });
        let sqlite = postgres.each_ref().map(|text| {
            let mut parts = text.split('$');
            let head = parts.next().unwrap_or_default().to_owned();
            parts.fold(head, |text, part| {
                text + "?" + part.trim_start_matches(|c: char| c.is_ascii_digit())
            })
        });
        Self { postgres, sqlite }
    }

    /// Cuts `rows` into the sizes there are texts for.
    pub(crate) fn cut<'s, 'r, T>(
        &'s self,
        engine: Engine,
        rows: &'r [T],
    ) -> Vec<(&'s str, &'r [T])> {
        let texts = match engine {
            Engine::Sqlite => &self.sqlite,
            Engine::Postgres => &self.postgres,
        };
        let mut rest = rows;
        let mut cuts = Vec::new();
        for (size, text) in SIZES.into_iter().zip(texts) {
            while let Some((cut, remaining)) = rest.split_at_checked(size) {
                cuts.push((text.as_str(), cut));
                rest = remaining;
                if rest.is_empty() {
                    return cuts;
                }
            }
        }
        cuts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_exactly_one_cut_and_placeholders_match() {
        let statement = MultiRow::values("INSERT ", 2, " END");
        for count in [0, 1, 7, 8, 9, 31, 32, 33, 105] {
            let rows: Vec<usize> = (0..count).collect();
            let cuts = statement.cut(Engine::Postgres, &rows);
            for (text, cut) in statement.cut(Engine::Sqlite, &rows) {
                assert_eq!(
                    text,
                    format!("INSERT {} END", vec!["(?,?)"; cut.len()].join(","))
                );
            }
            let all: Vec<usize> = cuts
                .iter()
                .flat_map(|(_, cut)| cut.iter().copied())
                .collect();
            assert_eq!(all, rows);
            for (text, cut) in cuts {
                assert_eq!(text.matches('$').count(), 2 * cut.len());
                assert!(text.contains(&format!("${})", 2 * cut.len())));
            }
        }
    }
}
