//! What a person takes for one character: a letter with its marks, an emoji of several parts. The text area counts code points; here the
//! cursor is kept from stopping between those of one cluster, and Backspace and Delete take it whole. Create and the line that is typed
//! call this; how wide a cluster is, is the text area's own business.

use ratatui_textarea::{CursorMove, DataCursor, Input, Key, TextArea};
use unicode_segmentation::UnicodeSegmentation as _;

/// Code points of the cluster that ends at code point `at` of a line, or reaches over it; 0 at the line's begin.
pub fn before(line: &str, at: usize) -> usize {
    let mut begin = 0;
    for cluster in line.graphemes(true) {
        let end = begin + cluster.chars().count();
        if end >= at {
            return at - begin;
        }
        begin = end;
    }
    0
}

/// Code points from `at` to the end of the cluster there; 0 at the line's end.
pub fn after(line: &str, at: usize) -> usize {
    let mut end = 0;
    for cluster in line.graphemes(true) {
        end += cluster.chars().count();
        if end > at {
            return end - at;
        }
    }
    0
}

/// Gives a key to a text, by clusters: whether the text is another now.
pub fn input(area: &mut TextArea<'static>, key: Input) -> bool {
    let is_plain = !key.ctrl && !key.alt;
    match key.key {
        Key::Left if is_plain => again(area, &key, around(area).0),
        Key::Char('b') if key.ctrl => again(area, &key, around(area).0),
        Key::Right if is_plain => again(area, &key, around(area).1),
        Key::Char('f') if key.ctrl => again(area, &key, around(area).1),
        Key::Up | Key::Down => {
            area.input(key);
            settle(area);
            false
        }
        // What is selected goes as a whole.
        _ if area.is_selecting() => area.input(key),
        Key::Backspace if is_plain => remove(area, key, false),
        Key::Char('h') if key.ctrl => remove(area, key, false),
        Key::Delete if is_plain => remove(area, key, true),
        Key::Char('d') if key.ctrl => remove(area, key, true),
        _ => area.input(key),
    }
}

/// Code points of the clusters before and behind the cursor.
fn around(area: &TextArea<'static>) -> (usize, usize) {
    let DataCursor(row, at) = area.cursor();
    let line = area.lines().get(row).map_or("", String::as_str);
    (before(line, at), after(line, at))
}

/// Removes a cluster in one step, which one undo takes back.
fn remove(area: &mut TextArea<'static>, key: Input, forward: bool) -> bool {
    let (behind, ahead) = around(area);
    let many = if forward { ahead } else { behind };
    if many < 2 {
        return area.input(key);
    }
    if !forward {
        (0..many).for_each(|_| area.move_cursor(CursorMove::Back));
    }
    area.delete_str(many)
}

/// Moves over so many code points; at a line's end once, to the next. The text area itself does not move behind a mark that ends a line.
fn again(area: &mut TextArea<'static>, key: &Input, times: usize) -> bool {
    let DataCursor(row, at) = area.cursor();
    let is_back = matches!(key.key, Key::Left | Key::Char('b'));
    let target = if is_back { at - times } else { at + times };
    for _ in 0..times.max(1) {
        area.input(key.clone());
    }
    if times > 0
        && area.cursor() != DataCursor(row, target)
        && let (Ok(row), Ok(target)) = (u16::try_from(row), u16::try_from(target))
    {
        area.move_cursor(CursorMove::Jump(row, target));
    }
    false
}

/// From another line the cursor may come to stand within a cluster: it goes to its begin.
fn settle(area: &mut TextArea<'static>) {
    let DataCursor(row, at) = area.cursor();
    let (behind, ahead) = around(area);
    let line = area.lines().get(row).map_or("", String::as_str);
    // Where one ends the next begins: within a cluster both are parts of the same one.
    let is_within = ahead > 0 && before(line, at + ahead) == behind + ahead;
    if is_within {
        (0..behind).for_each(|_| area.move_cursor(CursorMove::Back));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::{Modifier, Style};
    use ratatui::widgets::Widget as _;
    use rstest::rstest;
    use unicode_width::UnicodeWidthStr as _;

    fn press(area: &mut TextArea<'static>, key: Key, ctrl: bool) {
        let key = Input {
            key,
            ctrl,
            ..Input::default()
        };
        input(area, key);
    }

    fn column(area: &TextArea<'static>) -> usize {
        area.cursor().1
    }

    /// The column in which the cursor is drawn.
    fn drawn(area: &TextArea<'static>) -> usize {
        let mut area = area.clone();
        area.set_cursor_line_style(Style::default());
        let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 1));
        (&area).render(buffer.area, &mut buffer);
        let is_cursor = |x: &u16| buffer[(*x, 0)].modifier.contains(Modifier::REVERSED);
        (0..40).find(is_cursor).map(usize::from).unwrap()
    }

    #[rstest]
    #[case::latin("e\u{301}te\u{301}", 3)]
    #[case::hebrew("שָׁלוֹם", 4)]
    #[case::arabic("قِطَّة", 3)]
    #[case::chinese("夜の海", 3)]
    #[case::korean("\u{1112}\u{1161}\u{11ab}글", 2)]
    #[case::emoji("👩‍🚀👍🏽🇯🇵", 3)]
    #[case::mixed("a קֶ 夜👩‍🚀", 6)]
    fn keys_go_by_what_a_person_sees(#[case] text: &str, #[case] clusters: usize) {
        let all = text.chars().count();
        for (left, right, back, delete, ctrl) in [
            (Key::Left, Key::Right, Key::Backspace, Key::Delete, false),
            (Key::Char('b'), Key::Char('f'), Key::Char('h'), Key::Char('d'), true),
        ] {
            let mut area = TextArea::new(vec![text.to_owned()]);
            (0..clusters).for_each(|_| press(&mut area, right, ctrl));
            assert_eq!(column(&area), all, "right");
            (0..clusters).for_each(|_| press(&mut area, left, ctrl));
            assert_eq!(column(&area), 0, "left");
            (0..clusters - 1).for_each(|_| press(&mut area, delete, ctrl));
            assert_eq!(area.lines()[0].graphemes(true).count(), 1, "delete");
            assert!(text.ends_with(&area.lines()[0]));
            let mut area = TextArea::new(vec![text.to_owned()]);
            area.move_cursor(CursorMove::End);
            (0..clusters - 1).for_each(|_| press(&mut area, back, ctrl));
            assert_eq!(area.lines()[0].graphemes(true).count(), 1, "backspace");
            assert!(text.starts_with(&area.lines()[0]));
            press(&mut area, back, ctrl);
            assert_eq!(area.lines(), [""]);
            area.undo();
            assert_eq!(area.lines()[0].graphemes(true).count(), 1, "one step takes it back");
        }
    }

    #[rstest]
    #[case::hebrew("שָׁלוֹם")]
    #[case::arabic("قِطَّة")]
    #[case::chinese("夜の海")]
    fn the_cursor_is_drawn_behind_the_columns_of_what_is_before_it(#[case] text: &str) {
        let mut area = TextArea::new(vec![text.to_owned()]);
        let mut seen = String::new();
        for cluster in text.graphemes(true) {
            assert_eq!(drawn(&area), seen.width(), "before {cluster}");
            press(&mut area, Key::Right, false);
            seen.push_str(cluster);
        }
        assert_eq!(drawn(&area), text.width());
    }

    #[test]
    fn lines_end_as_before_and_nothing_is_stood_in() {
        let mut area = TextArea::new(vec!["abcd".to_owned(), "👩‍🚀x".to_owned()]);
        area.move_cursor(CursorMove::Jump(0, 2));
        press(&mut area, Key::Down, false);
        let DataCursor(row, at) = area.cursor();
        let line = &area.lines()[row];
        let is_between = line.graphemes(true).scan(0, |sum, c| {
            *sum += c.chars().count();
            Some(*sum)
        });
        assert!(
            row == 1 && (at == 0 || is_between.into_iter().any(|end| end == at)),
            "{at}"
        );
        area.move_cursor(CursorMove::Jump(1, 0));
        press(&mut area, Key::Left, false);
        assert_eq!(area.cursor(), DataCursor(0, 4));
        press(&mut area, Key::Delete, false);
        assert_eq!(area.lines(), ["abcd👩‍🚀x"]);
        press(&mut area, Key::Delete, false);
        assert_eq!(area.lines(), ["abcdx"]);
        press(&mut area, Key::Backspace, false);
        assert_eq!(area.lines(), ["abcx"]);
    }
}
