//! The last resort where signs cannot be other than ASCII: what the client's own words and frames have beyond it is replaced in the frame
//! that was drawn, column for column. What a person wrote stays as it is, and so do pictures in half blocks.

use ratatui::buffer::Buffer;

/// Signs of one column, each with what stands for it.
const SIGNS: [(&str, &str); 16] = [
    ("…", "~"),
    ("×", "x"),
    ("·", "."),
    ("–", "-"),
    ("─", "-"),
    ("│", "|"),
    ("┌", "+"),
    ("┐", "+"),
    ("└", "+"),
    ("┘", "+"),
    ("├", "+"),
    ("┤", "+"),
    ("▸", ">"),
    ("◂", "<"),
    ("↓", "v"),
    ("↑", "^"),
];

/// Replaces them in all of a frame.
pub fn plain(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if let Some((_, sign)) = SIGNS.iter().find(|(sign, _)| *sign == cell.symbol()) {
            cell.set_symbol(sign);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_replaced_and_words_stay() {
        let mut buffer = Buffer::with_lines(["┌ 64 × 64 é 猫 … ─┐"]);
        plain(&mut buffer);
        assert_eq!(buffer, Buffer::with_lines(["+ 64 x 64 é 猫 ~ -+"]));
        assert!(SIGNS.iter().all(|(_, sign)| sign.is_ascii() && sign.len() == 1));
    }
}
