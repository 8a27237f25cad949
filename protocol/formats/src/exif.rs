//! A picture's EXIF block (CIPA DC-008, 4.6): where JPEG and WebP carry what a PNG has as texts, A1111's as the user comment,
//! ComfyUI's as the camera's make and model, Darkroom's exact record as the maker note. What the texts mean is read in `foreign/`.

use darkroom_protocol::text::unmarked;

/// The field that says where the Exif fields are.
const EXIF_IFD: u16 = 0x8769;
const USER_COMMENT: u16 = 0x9286;
const MAKER_NOTE: u16 = 0x927c;
/// Fields of the first list that writers put texts into. ComfyUI goes downwards from the camera's make.
const TEXTS: [(u16, &str); 7] = [
    (0x010d, "DocumentName"),
    (0x010e, "ImageDescription"),
    (0x010f, "Make"),
    (0x0110, "Model"),
    (0x0131, "Software"),
    (0x013b, "Artist"),
    (0x8298, "Copyright"),
];
/// Begins the maker note of Darkroom's own pictures; the record's JSON follows.
const MAKER: &[u8] = b"darkroom\0";
/// Bytes of a field.
const FIELD: usize = 12;
/// Bytes of a field's value that need no place of their own.
const INLINE: usize = 4;
/// Bytes before a comment that say how it is written.
const CODE: usize = 8;
/// The type of a field that is text without a code before it.
const ASCII: u16 = 2;
/// The longest text that is read, in bytes.
pub(crate) const MAX_TEXT: usize = 4 << 20;

/// The comment in the EXIF block `bytes`; `None` where there is none, or the block is damaged.
pub fn user_comment(bytes: &[u8]) -> Option<String> {
    let (kind, comment) = Block::new(bytes)?.exif(USER_COMMENT)?;
    match kind {
        ASCII => text(comment).or_else(|| filled(&narrow(comment))),
        _ => text(comment),
    }
}

/// The JSON of Darkroom's record in the EXIF block `bytes`; `None` where there is none, or the block is damaged.
pub fn record(bytes: &[u8]) -> Option<&str> {
    let (_, note) = Block::new(bytes)?.exif(MAKER_NOTE)?;
    std::str::from_utf8(note.strip_prefix(MAKER)?).ok()
}

/// Name and text of every field of the EXIF block `bytes` that is known to carry one, by the standard's names: those of the
/// camera, `UserComment`, and a `MakerNote` that is plain text. Texts above 4 MiB are left out.
pub fn texts(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let Some(block) = Block::new(bytes) else {
        return Vec::new();
    };
    let first = TEXTS.iter().filter_map(|(tag, name)| {
        let (_, bytes) = block.bytes(block.first()?, *tag)?;
        Some((*name, filled(&narrow(bytes))?))
    });
    let comment = user_comment(bytes).map(|text| ("UserComment", text));
    let note = match block.exif(MAKER_NOTE) {
        Some((ASCII, note)) => filled(&narrow(note)).map(|text| ("MakerNote", text)),
        _ => None,
    };
    first.chain(comment).chain(note).collect()
}

/// A TIFF: fields in lists, found by their offsets.
struct Block<'a> {
    bytes: &'a [u8],
    is_big: bool,
}

impl<'a> Block<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(b"Exif\0\0").unwrap_or(bytes);
        let is_big = match bytes.get(..4)? {
            b"MM\0\x2a" => true,
            b"II\x2a\0" => false,
            _ => return None,
        };
        Some(Self { bytes, is_big })
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.is_big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn long(&self, at: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        let long = if self.is_big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        };
        usize::try_from(long).ok()
    }

    /// Where the first list is.
    fn first(&self) -> Option<usize> {
        self.long(4)
    }

    /// Where the field `tag` of the list at `list` is.
    fn field(&self, list: usize, tag: u16) -> Option<usize> {
        let count = usize::from(self.short(list)?);
        let first = list.checked_add(2)?;
        let mut fields = (0..count).map_while(|n| first.checked_add(n * FIELD));
        fields.find(|at| self.short(*at) == Some(tag))
    }

    /// Type and bytes of the field `tag`, one byte a value, in the list at `list`.
    fn bytes(&self, list: usize, tag: u16) -> Option<(u16, &'a [u8])> {
        let at = self.field(list, tag)?;
        let length = self.long(at.checked_add(4)?)?;
        let value = at.checked_add(8)?;
        let begin = if length <= INLINE { value } else { self.long(value)? };
        let bytes = self.bytes.get(begin..begin.checked_add(length)?)?;
        (length <= MAX_TEXT).then_some((self.short(at.checked_add(2)?)?, bytes))
    }

    /// The same among the Exif fields, or in the first list, where Python's Pillow leaves what it is given without one.
    fn exif(&self, tag: u16) -> Option<(u16, &'a [u8])> {
        let first = self.first()?;
        let list = self.field(first, EXIF_IFD).and_then(|at| self.long(at.checked_add(8)?));
        list.and_then(|list| self.bytes(list, tag))
            .or_else(|| self.bytes(first, tag))
    }
}

/// A comment without the code before it. Writers disagree on the code's letters, and some leave it blank.
fn text(comment: &[u8]) -> Option<String> {
    let (code, text) = comment.split_at_checked(CODE)?;
    let text = match &code.to_ascii_uppercase()[..] {
        b"UNICODE\0" => wide(text),
        b"ASCII\0\0\0" | b"UTF-8\0\0\0" | b"UTF8\0\0\0\0" | [0, 0, 0, 0, 0, 0, 0, 0] | b"        " => narrow(text),
        _ => return None,
    };
    filled(&text)
}

/// `text` without what fills it up; `None` where nothing is left.
fn filled(text: &str) -> Option<String> {
    let text = unmarked(text.trim_end_matches('\0'));
    (!text.is_empty()).then(|| text.to_owned())
}

/// UTF-8 where it is that, else Latin-1.
fn narrow(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.unwrap_or_else(|_| bytes.iter().copied().map(char::from).collect())
}

/// UTF-16. Writers disagree on the order of bytes, whatever the block's is. A byte order mark tells; else settings are ASCII, so
/// the upper bytes are those that are mostly zero. Without any zero it is UTF-8, if it can be, from a writer who mistook it.
fn wide(bytes: &[u8]) -> String {
    let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let order = match bytes {
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        _ => match (zeros(0), zeros(1)) {
            (0, 0) if std::str::from_utf8(bytes).is_ok() => return narrow(bytes),
            (big, little) if big >= little => u16::from_be_bytes,
            _ => u16::from_le_bytes,
        },
    };
    let units = bytes.chunks_exact(2).map(|pair| order([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    /// A block with one comment, its numbers in that order.
    fn block(is_big: bool, comment: &[u8]) -> Vec<u8> {
        let short = |n: u16| if is_big { n.to_be_bytes() } else { n.to_le_bytes() };
        let long = |n: u32| if is_big { n.to_be_bytes() } else { n.to_le_bytes() };
        let mut out = if is_big {
            b"MM\0\x2a".to_vec()
        } else {
            b"II\x2a\0".to_vec()
        };
        out.extend(long(8));
        for (tag, kind, count, value) in [(EXIF_IFD, 4, 1, 26), (USER_COMMENT, 7, comment.len() as u32, 44)] {
            out.extend(short(1));
            out.extend(short(tag));
            out.extend(short(kind));
            out.extend(long(count));
            out.extend(long(value));
            out.extend(long(0));
        }
        out.extend(comment);
        out
    }

    fn coded(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        b"UNICODE\0"
            .iter()
            .copied()
            .chain(text.encode_utf16().flat_map(order))
            .collect()
    }

    const TEXT: &str = "a fox 🦊, 狐\nSteps: 20, Seed: 7";

    #[rstest]
    #[case::a1111(block(true, &coded(TEXT, u16::to_be_bytes)), Some(TEXT))]
    #[case::other_order(block(true, &coded(TEXT, u16::to_le_bytes)), Some(TEXT))]
    #[case::little(block(false, &coded(TEXT, u16::to_le_bytes)), Some(TEXT))]
    #[case::in_a_jpeg([b"Exif\0\0".to_vec(), block(true, &coded(TEXT, u16::to_be_bytes))].concat(), Some(TEXT))]
    #[case::ascii(block(true, b"ASCII\0\0\0a fox\0\0"), Some("a fox"))]
    #[case::unnamed(block(true, b"\0\0\0\0\0\0\0\0a fox"), Some("a fox"))]
    #[case::named_in_small(block(true, b"Unicode\0\0a\0b"), Some("ab"))]
    #[case::marked(block(true, &coded("\u{feff}狐狸", u16::to_le_bytes)), Some("狐狸"))]
    #[case::marked_big(block(false, &coded("\u{feff}狐狸", u16::to_be_bytes)), Some("狐狸"))]
    #[case::utf8_by_mistake(block(true, "UNICODE\0a fox, 狐".as_bytes()), Some("a fox, 狐"))]
    #[case::utf8(block(true, "ASCII\0\0\0a fox, 狐".as_bytes()), Some("a fox, 狐"))]
    #[case::latin(block(true, b"ASCII\0\0\0caf\xe9"), Some("caf\u{e9}"))]
    #[case::marked_utf8(block(true, b"\0\0\0\0\0\0\0\0\xef\xbb\xbfa fox"), Some("a fox"))]
    #[case::empty(block(true, b"ASCII\0\0\0"), None)]
    #[case::other_code(block(true, b"JIS\0\0\0\0\0a fox"), None)]
    #[case::no_block(b"GIF89a".to_vec(), None)]
    #[case::nothing(vec![], None)]
    fn comments(#[case] bytes: Vec<u8>, #[case] expected: Option<&str>) {
        assert_eq!(user_comment(&bytes).as_deref(), expected);
    }

    #[test]
    fn a_block_that_ends_early_says_nothing() {
        let whole = block(true, &coded(TEXT, u16::to_be_bytes));
        for end in 0..whole.len() {
            assert_eq!(user_comment(&whole[..end]), None, "{end}");
        }
    }

    /// A block as Python's Pillow writes it: every field is text in the first list.
    fn flat(fields: &[(u16, &str)]) -> Vec<u8> {
        let mut out = b"II\x2a\0\x08\0\0\0".to_vec();
        out.extend((fields.len() as u16).to_le_bytes());
        let mut place = out.len() + fields.len() * FIELD + 4;
        let mut values = Vec::new();
        for (tag, text) in fields {
            let value = [text.as_bytes(), b"\0"].concat();
            out.extend(tag.to_le_bytes());
            out.extend(ASCII.to_le_bytes());
            out.extend((value.len() as u32).to_le_bytes());
            if value.len() <= INLINE {
                out.extend(value.iter().copied().chain([0; INLINE]).take(INLINE));
            } else {
                out.extend((place as u32).to_le_bytes());
                place += value.len();
                values.extend(value);
            }
        }
        out.extend([0; 4]);
        out.extend(values);
        out
    }

    #[test]
    fn texts_of_the_first_list_have_their_names() {
        let fields = [
            (0x010f, "workflow:{}"),
            (0x0110, "prompt:{\"1\":{}}"),
            (0x0131, "Any"),
            (USER_COMMENT, "a fox, no code"),
            (MAKER_NOTE, "fooocus"),
        ];
        let expected = ["Make", "Model", "Software", "UserComment", "MakerNote"]
            .into_iter()
            .zip(fields.map(|(_, text)| text.to_owned()))
            .collect::<Vec<_>>();
        let whole = flat(&fields);
        assert_eq!(texts(&whole), expected);
        for end in 0..whole.len() {
            assert!(texts(&whole[..end]).len() < expected.len(), "{end}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(at in 0..70_usize, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut whole = block(at % 2 == 0, &coded(TEXT, u16::to_be_bytes));
            let end = (at + bytes.len()).min(whole.len());
            whole.splice(at..end, bytes);
            let _ = (user_comment(&whole), record(&whole), texts(&whole));
        }
    }
}
