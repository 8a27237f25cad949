//! kitty's graphics protocol: the picture as PNG in chunks, drawn at the cursor.
//!
//! See "Terminal graphics protocol" in kitty's documentation. A PNG travels far better over a slow link than raw pixels.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::fit::{Cells, Side};
use super::mux::wrap;

/// The most base64 bytes in a chunk.
const CHUNK: usize = 4096;

/// How a picture is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// At the cursor, which stays. Only the side that decides is given: the terminal finds the other by the picture's shape.
    Here {
        /// Columns or rows.
        side: Side,
        /// A number by which it is known again; a picture with the number of an earlier one takes its place.
        id: Option<u32>,
    },
    /// Wherever its placeholders are, for which see [`super::placeholders`], through tmux.
    Virtual {
        /// What it covers; the terminal keeps its shape.
        cells: Cells,
        /// Its number.
        id: u32,
    },
}

/// Writes a PNG file's bytes; the terminal scales. `q=2` keeps answers out of the shell.
pub(super) fn write(out: &mut impl Write, png: &[u8], put: Put) -> io::Result<()> {
    let how = match put {
        Put::Here { side, id } => {
            // Behind text: what is said over it stays readable.
            let id = id.map_or(String::new(), |id| format!(",i={id},p=1,z=-1"));
            match side {
                Side::Columns(columns) => format!("C=1,c={columns}{id}"),
                Side::Rows(rows) => format!("C=1,r={rows}{id}"),
            }
        }
        Put::Virtual { cells, id } => format!("U=1,i={id},c={},r={}", cells.columns, cells.rows),
    };
    let text = STANDARD.encode(png);
    let chunks = text.as_bytes().chunks(CHUNK);
    let last = chunks.len().saturating_sub(1);
    for (i, chunk) in chunks.enumerate() {
        let more = u8::from(i < last);
        let mut piece = if i == 0 {
            format!("\x1b_Ga=T,f=100,q=2,{how},m={more};").into_bytes()
        } else {
            format!("\x1b_Gq=2,m={more};").into_bytes()
        };
        piece.extend_from_slice(chunk);
        piece.extend_from_slice(b"\x1b\\");
        match put {
            Put::Here { .. } => out.write_all(&piece)?,
            Put::Virtual { .. } => out.write_all(&wrap(&piece))?,
        }
    }
    out.flush()
}

/// Ends a picture of which the last chunk has not been sent: it is none, and the terminal forgets what it has of it.
pub(super) fn break_off(through_tmux: bool) -> Vec<u8> {
    let command = b"\x1b_Gq=2,m=0;\x1b\\";
    if through_tmux { wrap(command) } else { command.to_vec() }
}

/// Takes a picture away and forgets it.
pub(super) fn delete(id: u32, through_tmux: bool) -> Vec<u8> {
    let command = format!("\x1b_Ga=d,d=I,i={id},q=2\x1b\\").into_bytes();
    if through_tmux { wrap(&command) } else { command }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_chunk() {
        let mut out = Vec::new();
        let here = |side, id| Put::Here { side, id };
        write(&mut out, b"png", here(Side::Columns(4), None)).unwrap();
        write(&mut out, b"png", here(Side::Rows(2), Some(7))).unwrap();
        let cells = Cells { columns: 4, rows: 2 };
        write(&mut out, b"png", Put::Virtual { cells, id: 9 }).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap().replace("\x1b", "␛"), @r"␛_Ga=T,f=100,q=2,C=1,c=4,m=0;cG5n␛\␛_Ga=T,f=100,q=2,C=1,r=2,i=7,p=1,z=-1,m=0;cG5n␛\␛Ptmux;␛␛_Ga=T,f=100,q=2,U=1,i=9,c=4,r=2,m=0;cG5n␛␛\␛\");
    }

    #[test]
    fn chunks_say_whether_more_follow() {
        let mut out = Vec::new();
        let side = Side::Columns(4);
        write(&mut out, &[7; 7000], Put::Here { side, id: None }).unwrap();
        let text = String::from_utf8(out).unwrap();
        let chunks: Vec<&str> = text.trim_end().split_terminator("\x1b\\").collect();
        let more: Vec<bool> = chunks.iter().map(|c| c.contains("m=1;")).collect();
        assert_eq!(more, [true, true, false]);
        let data: String = chunks.iter().map(|c| c.split_once(';').unwrap().1).collect();
        assert_eq!(STANDARD.decode(data).unwrap(), vec![7; 7000]);
        assert!(chunks.iter().all(|c| c.split_once(';').unwrap().1.len() <= CHUNK));
    }
}
