//! A WebAssembly file as its sections, down into the modules of a component: what can be compared of two builds.

use anyhow::{Context as _, bail};

/// In a component: a core module, another component.
const NESTED: [u8; 2] = [1, 4];
/// In a core module: its globals, and what its memory holds.
const STATE: [u8; 2] = [6, 11];
const PREAMBLE_BYTES: usize = 8;

/// One section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Section<'a> {
    /// How deep it is.
    depth: usize,
    in_component: bool,
    id: u8,
    content: &'a [u8],
}

impl Section<'_> {
    /// Whether it is the state of an interpreter that was frozen while it ran: no two runs leave the same.
    fn is_state(&self) -> bool {
        !self.in_component && STATE.contains(&self.id)
    }

    fn is_like(&self, other: &Self) -> bool {
        (self.depth, self.in_component, self.id) == (other.depth, other.in_component, other.id)
    }
}

/// What two builds have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Likeness {
    pub(super) same: usize,
    /// Sections of frozen state that differ.
    pub(super) state: usize,
}

/// Compares two builds. An error names what differs and should not.
pub(super) fn compare(one: &[u8], other: &[u8]) -> anyhow::Result<Likeness> {
    let (one, other) = (sections(one)?, sections(other)?);
    if one.len() != other.len() {
        bail!("one has {} sections, the other {}", one.len(), other.len());
    }
    let mut likeness = Likeness { same: 0, state: 0 };
    for (number, (left, right)) in one.iter().zip(&other).enumerate() {
        if left == right {
            likeness.same += 1;
        } else if left.is_like(right) && left.is_state() {
            likeness.state += 1;
        } else {
            bail!(
                "section {number} (id {}, {} bytes) is another one (id {}, {} bytes)",
                left.id,
                left.content.len(),
                right.id,
                right.content.len()
            );
        }
    }
    Ok(likeness)
}

/// The sections of a file, those of nested modules and components in place of what holds them.
pub(super) fn sections(file: &[u8]) -> anyhow::Result<Vec<Section<'_>>> {
    let mut found = Vec::new();
    walk(file, 0, &mut found)?;
    Ok(found)
}

fn walk<'a>(file: &'a [u8], depth: usize, found: &mut Vec<Section<'a>>) -> anyhow::Result<()> {
    let cut = "it ends in the middle of a section";
    let (preamble, mut rest) = file.split_at_checked(PREAMBLE_BYTES).context(cut)?;
    let in_component = match preamble {
        [0, b'a', b's', b'm', 1, 0, 0, 0] => false,
        [0, b'a', b's', b'm', _, 0, 1, 0] => true,
        _ => bail!("it is not WebAssembly"),
    };
    while let Some((id, after)) = rest.split_first() {
        let (size, after) = number(after).context(cut)?;
        let (content, after) = after.split_at_checked(size).context(cut)?;
        rest = after;
        if in_component && NESTED.contains(id) {
            walk(content, depth + 1, found)?;
        } else {
            found.push(Section {
                depth,
                in_component,
                id: *id,
                content,
            });
        }
    }
    Ok(())
}

/// A number of LEB128 and what follows it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: [u8; 8] = [0, b'a', b's', b'm', 1, 0, 0, 0];
    const COMPONENT: [u8; 8] = [0, b'a', b's', b'm', 13, 0, 1, 0];

    /// A component of one module with these sections.
    fn component(sections: &[(u8, &[u8])]) -> Vec<u8> {
        let section = |id: u8, content: &[u8]| {
            [&[id, u8::try_from(content.len()).unwrap()], content].concat()
        };
        let inside: Vec<u8> = sections
            .iter()
            .flat_map(|(id, content)| section(*id, content))
            .collect();
        let module = [&MODULE[..], &inside].concat();
        [&COMPONENT[..], &section(0, b"\x01n"), &section(1, &module)].concat()
    }

    #[test]
    fn frozen_state_may_differ_and_code_may_not() {
        let built = component(&[(10, b"code"), (11, b"heap")]);
        let again = component(&[(10, b"code"), (11, b"another heap")]);
        let likeness = compare(&built, &again).unwrap();
        assert_eq!(likeness, Likeness { same: 2, state: 1 });
        for other in [
            component(&[(10, b"cod!"), (11, b"heap")]),
            component(&[(10, b"code"), (11, b"heap"), (0, b"\x01x")]),
            component(&[(11, b"heap"), (10, b"code")]),
        ] {
            compare(&built, &other).unwrap_err();
        }
    }

    #[test]
    fn a_file_that_is_cut_or_something_else_is_refused() {
        let built = component(&[(10, b"code")]);
        for file in [&built[..built.len() - 1], &b"\0elf    "[..], b""] {
            sections(file).unwrap_err();
        }
    }
}
