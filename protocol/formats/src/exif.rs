//! The comment in a picture's EXIF block (CIPA DC-008, 4.6): where JPEG and WebP carry what a PNG has as a text.

/// The field that says where the Exif fields are.
const EXIF_IFD: u16 = 0x8769;
const USER_COMMENT: u16 = 0x9286;
/// Bytes of a field.
const FIELD: usize = 12;
/// Bytes before a comment that say how it is written.
const CODE: usize = 8;

/// The comment in the EXIF block `bytes`; `None` where there is none, or the block is damaged.
pub fn user_comment(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(b"Exif\0\0").unwrap_or(bytes);
    let block = Block {
        bytes,
        is_big: match bytes.get(..4)? {
            b"MM\0\x2a" => true,
            b"II\x2a\0" => false,
            _ => return None,
        },
    };
    let (_, fields) = block.field(block.long(4)?, EXIF_IFD)?;
    let (length, begin) = block.field(fields, USER_COMMENT)?;
    text(bytes.get(begin..begin.checked_add(length)?)?)
}

/// A TIFF: fields in lists, found by their offsets.
struct Block<'a> {
    bytes: &'a [u8],
    is_big: bool,
}

impl Block<'_> {
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

    /// Count and value of the field `tag` in the list at `list`. What is longer than four bytes has its offset as value.
    fn field(&self, list: usize, tag: u16) -> Option<(usize, usize)> {
        let count = usize::from(self.short(list)?);
        let first = list.checked_add(2)?;
        let mut fields = (0..count).map_while(|n| first.checked_add(n * FIELD));
        let at = fields.find(|at| self.short(*at) == Some(tag))?;
        Some((self.long(at.checked_add(4)?)?, self.long(at.checked_add(8)?)?))
    }
}

/// A comment without the code before it.
fn text(comment: &[u8]) -> Option<String> {
    let (code, text) = comment.split_at_checked(CODE)?;
    let text = match code {
        b"UNICODE\0" => utf16(text),
        b"ASCII\0\0\0" | [0, 0, 0, 0, 0, 0, 0, 0] => String::from_utf8_lossy(text).into_owned(),
        _ => return None,
    };
    let text = text.trim_end_matches('\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// Writers disagree on the order of bytes, whatever the block's is. Settings are ASCII, so the upper bytes are those that are
/// mostly zero.
fn utf16(bytes: &[u8]) -> String {
    let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let order = if zeros(0) >= zeros(1) {
        u16::from_be_bytes
    } else {
        u16::from_le_bytes
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

    fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        b"UNICODE\0"
            .iter()
            .copied()
            .chain(text.encode_utf16().flat_map(order))
            .collect()
    }

    const TEXT: &str = "a fox 🦊, 狐\nSteps: 20, Seed: 7";

    #[rstest]
    #[case::a1111(block(true, &wide(TEXT, u16::to_be_bytes)), Some(TEXT))]
    #[case::other_order(block(true, &wide(TEXT, u16::to_le_bytes)), Some(TEXT))]
    #[case::little(block(false, &wide(TEXT, u16::to_le_bytes)), Some(TEXT))]
    #[case::in_a_jpeg([b"Exif\0\0".to_vec(), block(true, &wide(TEXT, u16::to_be_bytes))].concat(), Some(TEXT))]
    #[case::ascii(block(true, b"ASCII\0\0\0a fox\0\0"), Some("a fox"))]
    #[case::unnamed(block(true, b"\0\0\0\0\0\0\0\0a fox"), Some("a fox"))]
    #[case::empty(block(true, b"ASCII\0\0\0"), None)]
    #[case::other_code(block(true, b"JIS\0\0\0\0\0a fox"), None)]
    #[case::no_block(b"GIF89a".to_vec(), None)]
    #[case::nothing(vec![], None)]
    fn comments(#[case] bytes: Vec<u8>, #[case] expected: Option<&str>) {
        assert_eq!(user_comment(&bytes).as_deref(), expected);
    }

    #[test]
    fn a_block_that_ends_early_says_nothing() {
        let whole = block(true, &wide(TEXT, u16::to_be_bytes));
        for end in 0..whole.len() {
            assert_eq!(user_comment(&whole[..end]), None, "{end}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(at in 0..70_usize, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut whole = block(at % 2 == 0, &wide(TEXT, u16::to_be_bytes));
            let end = (at + bytes.len()).min(whole.len());
            whole.splice(at..end, bytes);
            let _ = user_comment(&whole);
        }
    }
}
