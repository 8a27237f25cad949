//! Tables of names, as families have them for single files: a row stands for every key that begins with it and a dot, and says where
//! that is under the other spelling; an inner table renames what is in it. What the rows are is each family's own.

/// Names before and after; a row stands for every key that begins with it and a dot.
pub type Table = &'static [(&'static str, &'static str)];

pub fn rows(table: Table) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.iter().copied()
}

pub fn swap<'a>((from, to): (&'a str, &'a str)) -> (&'a str, &'a str) {
    (to, from)
}

/// The row that `key` begins with: its other name, and what of the key is left.
pub fn look_up<'t, 'k>(
    mut table: impl Iterator<Item = (&'t str, &'t str)>,
    key: &'k str,
) -> Option<(&'t str, &'k str)> {
    let rest = |from: &str| key.strip_prefix(from)?.strip_prefix('.');
    table.find_map(|(from, to)| Some((to, rest(from)?)))
}

/// A place, and what is in it under diffusers' name.
pub fn rename(found: Option<(&str, &str)>, inner: Table) -> Option<String> {
    let (place, rest) = found?;
    Some(joined(place, rest, look_up(rows(inner), rest)))
}

/// A place, and what is in it under the original code's name.
pub fn name_back(found: Option<(&str, &str)>, inner: Table) -> Option<String> {
    let (place, rest) = found?;
    Some(joined(place, rest, look_up(rows(inner).map(swap), rest)))
}

fn joined(place: &str, rest: &str, inner: Option<(&str, &str)>) -> String {
    match inner {
        Some((name, rest)) => format!("{place}.{name}.{rest}"),
        None => format!("{place}.{rest}"),
    }
}
