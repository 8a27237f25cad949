//! Pictures of every writer as its program makes them, in every container, and such as are made to harm. Samples are written by hand
//! after each writer's own source. How A1111's text is taken apart is tested in `infotext/`, EXIF itself in `exif.rs`.

mod comfyui;
mod containers;
mod hostile;
mod writers;

use std::fmt::Write as _;

use darkroom_protocol::params::TABLE;

use super::*;

/// A picture with these texts.
fn with(pairs: &[(&str, &str)]) -> Texts {
    Texts {
        texts: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        width: 64,
        height: 64,
        ..Texts::default()
    }
}

/// What texts say, a line a value; what no parameter took is set in.
fn spelled(pairs: &[(&str, &str)]) -> String {
    spell(&said(&with(pairs)).unwrap())
}

fn spell(said: &Said) -> String {
    let mut out = said.writer.name().to_owned();
    for row in TABLE {
        if let Some(value) = said.request.get(row.name) {
            write!(out, "\n{}: {value}", row.name).unwrap();
        }
    }
    for (key, value) in &said.others {
        write!(out, "\n  {key}: {value}").unwrap();
    }
    if let Some(problem) = &said.problem {
        write!(out, "\n! {problem}").unwrap();
    }
    out
}
