//! What kind of sound it is, by its first bytes: names of files lie.

/// IANA media type.
pub(super) fn media_type(sound: &[u8]) -> Option<&'static str> {
    let at = |from: usize, wanted: &[u8]| {
        sound
            .get(from..)
            .is_some_and(|rest| rest.starts_with(wanted))
    };
    Some(match sound {
        _ if at(0, b"RIFF") && at(8, b"WAVE") => "audio/wav",
        _ if at(0, b"FORM") && at(8, b"AIF") => "audio/aiff",
        _ if at(0, b"fLaC") => "audio/flac",
        _ if at(0, b"OggS") => "audio/ogg",
        _ if at(0, b"ID3") => "audio/mp3",
        _ if at(4, b"ftyp") => "audio/mp4",
        _ if at(0, b"\x1a\x45\xdf\xa3") => "audio/webm",
        // A frame's beginning: layer 0 is AAC's, the others are MPEG's.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => "audio/aac",
        [0xff, second, ..] if second & 0xe0 == 0xe0 => "audio/mp3",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_is_known_by_its_beginning() {
        for (sound, mime) in [
            (&b"RIFF\0\0\0\0WAVEfmt "[..], "audio/wav"),
            (b"ID3\x04", "audio/mp3"),
            (b"\xff\xfb\x90\x44", "audio/mp3"),
            (b"\xff\xf1\x50\x80", "audio/aac"),
            (b"fLaC\0", "audio/flac"),
            (b"OggS\0", "audio/ogg"),
            (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
            (b"\x1a\x45\xdf\xa3\x01", "audio/webm"),
            (b"FORM\0\0\0\0AIFF", "audio/aiff"),
        ] {
            assert_eq!(media_type(sound), Some(mime), "{mime}");
        }
        assert_eq!(media_type(b"hello there"), None);
    }
}
