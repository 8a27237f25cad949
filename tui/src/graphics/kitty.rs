//! kitty's graphics protocol: the picture as PNG in chunks, drawn at the cursor.
//!
//! See "Terminal graphics protocol" in kitty's documentation. A PNG travels far better over a slow link than raw pixels.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::fit::Cells;

/// The most base64 bytes in a chunk.
const CHUNK: usize = 4096;

/// Writes a PNG file's bytes so that it covers `cells`; the terminal scales. A picture with the number of an earlier one takes
/// its place. `q=2` keeps answers out of the shell.
pub(super) fn write(out: &mut impl Write, png: &[u8], cells: Cells, id: Option<u32>) -> io::Result<()> {
    let id = id.map_or(String::new(), |id| format!(",i={id},p=1"));
    let text = STANDARD.encode(png);
    let chunks = text.as_bytes().chunks(CHUNK);
    let last = chunks.len().saturating_sub(1);
    for (i, chunk) in chunks.enumerate() {
        let more = u8::from(i < last);
        if i == 0 {
            let Cells { columns, rows } = cells;
            write!(out, "\x1b_Ga=T,f=100,q=2,c={columns},r={rows}{id},m={more};")?;
        } else {
            write!(out, "\x1b_Gq=2,m={more};")?;
        }
        out.write_all(chunk)?;
        out.write_all(b"\x1b\\")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_chunk() {
        let mut out = Vec::new();
        write(&mut out, b"png", Cells { columns: 4, rows: 2 }, None).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap().escape_default(), @r"\u{1b}_Ga=T,f=100,q=2,c=4,r=2,m=0;cG5n\u{1b}\\");
    }

    #[test]
    fn chunks_say_whether_more_follow() {
        let mut out = Vec::new();
        write(&mut out, &[7; 7000], Cells { columns: 4, rows: 2 }, None).unwrap();
        let text = String::from_utf8(out).unwrap();
        let chunks: Vec<&str> = text.trim_end().split_terminator("\x1b\\").collect();
        let more: Vec<bool> = chunks.iter().map(|c| c.contains("m=1;")).collect();
        assert_eq!(more, [true, true, false]);
        let data: String = chunks.iter().map(|c| c.split_once(';').unwrap().1).collect();
        assert_eq!(STANDARD.decode(data).unwrap(), vec![7; 7000]);
        assert!(chunks.iter().all(|c| c.split_once(';').unwrap().1.len() <= CHUNK));
    }
}
