//! A minimal EXIF block: a big-endian TIFF with one IFD that points to the Exif IFD (CIPA DC-008, 4.6).

const EXIF_IFD: u16 = 0x8769;
const MAKER_NOTE: u16 = 0x927c;
const USER_COMMENT: u16 = 0x9286;
const LONG: u16 = 4;
const UNDEFINED: u16 = 7;

/// Begins the maker note: what follows is the task as JSON in UTF-8.
pub(super) const MAKER: &[u8] = b"darkroom\0";

/// Begins a user comment in UTF-16. EXIF readers of A1111 and its kin take it as big-endian.
pub(super) const UNICODE: &[u8] = b"UNICODE\0";

/// An EXIF block with `parameters` as user comment and `task_json` as maker note; an empty `task_json` is left out.
pub(super) fn exif(parameters: &str, task_json: &str) -> Vec<u8> {
    let comment: Vec<u8> = UNICODE
        .iter()
        .copied()
        .chain(parameters.encode_utf16().flat_map(u16::to_be_bytes))
        .collect();
    let mut entries = vec![(USER_COMMENT, comment)];
    if !task_json.is_empty() {
        entries.insert(0, (MAKER_NOTE, [MAKER, task_json.as_bytes()].concat()));
    }
    let mut out = b"MM\0\x2a\0\0\0\x08".to_vec();
    let exif_ifd = 8 + 2 + 12 + 4;
    out.extend(1u16.to_be_bytes());
    entry(&mut out, EXIF_IFD, LONG, 1, exif_ifd);
    out.extend(0u32.to_be_bytes());
    let mut at = exif_ifd + 2 + 12 * entries.len() as u32 + 4;
    out.extend((entries.len() as u16).to_be_bytes());
    for (tag, value) in &entries {
        entry(&mut out, *tag, UNDEFINED, value.len() as u32, at);
        at += value.len() as u32;
    }
    out.extend(0u32.to_be_bytes());
    entries.iter().for_each(|(_, value)| out.extend(value));
    out
}

/// `value` is the offset of the data; all of ours are longer than the four bytes that would stand in its place.
fn entry(out: &mut Vec<u8>, tag: u16, kind: u16, count: u32, value: u32) {
    out.extend(tag.to_be_bytes());
    out.extend(kind.to_be_bytes());
    out.extend(count.to_be_bytes());
    out.extend(value.to_be_bytes());
}
