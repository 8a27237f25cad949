//! iTerm2's inline images: the file in one sequence, drawn at the cursor.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::fit::Cells;

/// Writes a picture file's bytes so that it covers `cells`; the terminal scales.
pub(super) fn write(out: &mut impl Write, file: &[u8], cells: Cells) -> io::Result<()> {
    let Cells { columns, rows } = cells;
    let size = file.len();
    write!(
        out,
        "\x1b]1337;File=inline=1;size={size};width={columns};height={rows};preserveAspectRatio=1:"
    )?;
    out.write_all(STANDARD.encode(file).as_bytes())?;
    out.write_all(b"\x07")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence() {
        let mut out = Vec::new();
        write(&mut out, b"png", Cells { columns: 4, rows: 2 }).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap().escape_default(), @r"\u{1b}]1337;File=inline=1;size=3;width=4;height=2;preserveAspectRatio=1:cG5n\u{7}");
    }
}
