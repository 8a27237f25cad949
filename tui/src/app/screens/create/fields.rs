//! How the form's rows lie: width and height are one field, and two short fields that follow each other stand side by side where there is
//! room. Nothing here knows which parameters there are but for these two; `form.rs` has the values, `form_view.rs` draws them.

use darkroom_protocol::params::{Kind, Parameter};
use unicode_width::UnicodeWidthStr as _;

/// Columns from which on fields stand side by side, and of the left one at least.
const WIDE: u16 = 54;
const HALF: u16 = 28;
/// Columns of a name where fields stand side by side: of those at the left, and of those at the right.
pub const NAMES: (usize, usize) = (13, 10);
/// A longer name gives way to that of the flag.
const LONG: usize = 12;

/// A name as long as there is room; what it does stands below the form in full.
fn cut(name: String) -> String {
    match name.char_indices().nth(LONG) {
        None => name,
        Some(_) => name.chars().take(LONG - 1).chain(['…']).collect(),
    }
}

/// One thing to set.
#[derive(Clone, Copy, Debug)]
pub enum Field {
    /// Width and height at once.
    Size,
    /// A row of the table.
    Row(&'static Parameter),
}

impl Field {
    /// Its name in the request, and what a choice for it is asked by; `size` for both sides.
    pub fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Row(row) => row.name,
        }
    }

    /// What it is called: as in pictures' metadata, where that is not long, else as its flag: `keep-alive` is "Keep alive".
    pub fn label(self) -> String {
        let Self::Row(row) = self else { return "Size".to_owned() };
        let is_brief = !row.metadata.is_empty() && (row.metadata.width() <= LONG || row.flag.len() > LONG);
        if is_brief {
            return cut(row.metadata.to_owned());
        }
        let text = row.flag.replace('-', " ");
        let mut chars = text.chars();
        let first = chars.next().into_iter().flat_map(char::to_uppercase);
        cut(first.chain(chars).collect())
    }

    /// What it does, in one sentence.
    pub fn help(self) -> &'static str {
        match self {
            Self::Size => "Width and height, as 512x768, or a shape, as 3:2.",
            Self::Row(row) => row.help,
        }
    }

    /// Whether left and right change its value.
    pub fn is_movable(self) -> bool {
        match self {
            Self::Size => true,
            Self::Row(row) => match row.kind {
                Kind::Choice { .. } | Kind::Switch | Kind::Integer { .. } | Kind::Number { .. } => true,
                Kind::Text { .. } => row.name == "model",
                Kind::File | Kind::List { .. } | Kind::KeepAlive => false,
            },
        }
    }

    /// Whether it may stand at the left of another, and at the right.
    fn sides(self) -> (bool, bool) {
        let Self::Row(row) = self else { return (false, false) };
        let is_short = matches!(
            row.kind,
            Kind::Choice { .. } | Kind::Switch | Kind::Integer { .. } | Kind::Number { .. }
        );
        let name = self.label().width();
        (is_short && name < NAMES.0, is_short && name < NAMES.1)
    }
}

/// A line of the form: the place of its first field, and whether the next one stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Among all fields.
    pub first: usize,
    /// Whether it has two.
    pub is_pair: bool,
}

impl Line {
    fn has(self, at: usize) -> bool {
        at == self.first || self.is_pair && at == self.first + 1
    }
}

/// The column of the right one where fields stand side by side; `None` where there is no room for two.
pub fn half(width: u16) -> Option<u16> {
    (width >= WIDE).then_some(HALF.max(width / 2))
}

/// The fields in lines of so many columns.
pub fn lines(fields: &[Field], width: u16) -> Vec<Line> {
    let has_room = half(width).is_some();
    let mut lines = Vec::new();
    let mut first = 0;
    while first < fields.len() {
        let beside = fields.get(first + 1).is_some_and(|next| next.sides().1);
        let is_pair = has_room && beside && fields[first].sides().0;
        lines.push(Line { first, is_pair });
        first += if is_pair { 2 } else { 1 };
    }
    lines
}

/// The line that has that field.
pub fn line_of(lines: &[Line], at: usize) -> usize {
    lines.iter().position(|line| line.has(at)).unwrap_or(0)
}

/// The field above that one, or below it: in the same column where the line there has two.
pub fn beyond(lines: &[Line], at: usize, forward: bool) -> usize {
    let line = line_of(lines, at);
    let is_right = lines.get(line).is_some_and(|line| at > line.first);
    let to = match forward {
        true => (line + 1).min(lines.len().saturating_sub(1)),
        false => line.saturating_sub(1),
    };
    match lines.get(to) {
        Some(_) if to == line => at,
        Some(line) => line.first + usize::from(is_right && line.is_pair),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::params::find;

    fn fields(names: &[&str]) -> Vec<Field> {
        let one = |name: &&str| match *name {
            "size" => Field::Size,
            name => Field::Row(find(name).unwrap()),
        };
        names.iter().map(one).collect()
    }

    #[test]
    fn short_fields_stand_side_by_side_where_there_is_room() {
        let fields = fields(&[
            "model",
            "size",
            "steps",
            "cfg_scale",
            "sampler",
            "schedule",
            "seed",
            "init_image",
        ]);
        let firsts = |width| -> Vec<usize> { lines(&fields, width).iter().map(|line| line.first).collect() };
        assert_eq!(firsts(56), [0, 1, 2, 4, 6, 7]);
        assert_eq!(firsts(40), [0, 1, 2, 3, 4, 5, 6, 7]);
        let lines = lines(&fields, 56);
        // Down the right column, along what is alone, and up again.
        let walk = |from: usize, forward: bool| beyond(&lines, from, forward);
        assert_eq!((walk(3, true), walk(5, true), walk(7, true)), (5, 6, 7));
        assert_eq!(
            (walk(6, false), walk(5, false), walk(3, false), walk(0, false)),
            (4, 3, 1, 0)
        );
        assert_eq!((half(40), half(56), half(80)), (None, Some(28), Some(40)));
    }

    #[test]
    fn names_are_short() {
        let label = |name: &str| Field::Row(find(name).unwrap()).label();
        assert_eq!(label("schedule"), "Schedule");
        assert_eq!(label("denoise"), "Denoise");
        assert_eq!(label("cfg_scale"), "CFG scale");
        assert_eq!(label("keep_alive"), "Keep alive");
        for row in darkroom_protocol::params::TABLE {
            assert!(Field::Row(row).label().width() <= LONG, "{}", row.name);
        }
    }
}
