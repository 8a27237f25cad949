//! `cargo xtask docs`: builds the command and writes the pages that it prints. `main.rs` calls it. The text of the pages is made
//! in `src/verbs/docs.rs`, whose unit test finds stale pages without this.

use std::fs;

use crate::args::{Args, unknown};
use crate::cargo::{cargo, command};
use crate::failure::{Failure, Result};
use crate::{libtorch, repo};

/// A page made from the code: its path in the tree and the words after `darkroom` that print it.
struct Page {
    path: &'static str,
    words: &'static [&'static str],
}

/// The generated pages. To add one, add a row.
const PAGES: &[Page] = &[
    Page {
        path: "docs/parameters.md",
        words: &["docs", "parameters"],
    },
    Page {
        path: "docs/config.md",
        words: &["docs", "config"],
    },
    Page {
        path: "docs/history.md",
        words: &["docs", "history"],
    },
    Page {
        path: "docs/keys.md",
        words: &["docs", "keys"],
    },
];

/// `cargo xtask docs [--check]`: writes the generated pages, or says which are stale.
pub fn run(mut args: Args) -> Result<()> {
    let mut check = false;
    while let Some((flag, _)) = args.flag()? {
        match flag.as_str() {
            "--check" => check = true,
            _ => return Err(unknown("docs", &flag)),
        }
    }
    libtorch::ensure()?;
    cargo(&["build"])?;
    PAGES.iter().try_for_each(|page| make(page, check))
}

fn make(page: &Page, check: bool) -> Result<()> {
    let darkroom = repo::target()?.join("debug").join("darkroom");
    let output = command(&darkroom)
        .args(page.words)
        .output()
        .map_err(|error| Failure::file("run", &darkroom, &error))?;
    let line = page.words.join(" ");
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!(
            "`darkroom {line}` failed, mend that first: {}",
            said.trim()
        )));
    }
    let path = repo::root().join(page.path);
    if fs::read(&path).is_ok_and(|old| old == output.stdout) {
        return Ok(());
    }
    if check {
        return Err(Failure::new(format!("{} is stale: run `cargo xtask docs`.", page.path)));
    }
    eprintln!("{}: written", page.path);
    fs::write(&path, &output.stdout).map_err(|error| Failure::file("write", &path, &error))
}
