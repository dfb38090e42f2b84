//! What names the parts of a form: the boundary between them, and the headers of each (RFC 7578, RFC 2046).

/// RFC 2046.
const BOUNDARY_BYTES_MAX: usize = 70;

pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_it = name.trim().eq_ignore_ascii_case("boundary");
        is_it.then(|| value.trim().trim_matches('"'))
    })?;
    (1..=BOUNDARY_BYTES_MAX)
        .contains(&value.len())
        .then(|| value.to_owned())
}

/// The name in a part's headers, and whether it is a file's.
pub(super) fn disposition(header: &str) -> Option<(&str, bool)> {
    let is_folded = |line: &str| line.contains(['\r', '\n']) || line.starts_with([' ', '\t']);
    if header.split("\r\n").any(is_folded) {
        return None;
    }
    let mut lines = header.split("\r\n").filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_it = name.trim().eq_ignore_ascii_case("content-disposition");
        is_it.then_some(value)
    });
    let (value, None) = (lines.next()?, lines.next()) else {
        return None;
    };
    let (mut name, mut is_file) = (None, false);
    let mut parameters = parameters(value).into_iter();
    if !parameters.next()?.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    for parameter in parameters {
        let (key, value) = parameter.split_once('=')?;
        match key.trim().to_ascii_lowercase().as_str() {
            "name" if name.is_some() => return None,
            "name" => name = Some(value.trim().trim_matches('"')),
            "name*" => return None,
            "filename" | "filename*" => is_file = true,
            _ => {}
        }
    }
    let is_plain = |name: &&str| {
        let mut bytes = name.bytes();
        !name.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b"_-.[]".contains(&b))
    };
    Some((name.filter(is_plain)?, is_file))
}

/// Split at semicolons outside quotes.
fn parameters(value: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    value
        .split(|c: char| {
            let ends = c == ';' && !quoted;
            if c == '"' && !escaped {
                quoted = !quoted;
            }
            escaped = c == '\\' && !escaped;
            ends
        })
        .collect()
}
