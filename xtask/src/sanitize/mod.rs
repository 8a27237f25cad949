//! `cargo xtask sanitize`: the C++ shim under AddressSanitizer and UndefinedBehaviorSanitizer, with any compiler that has both.
//!
//! The checks of `daemon/engine/shim/check` call every function of `shim.h` and compare what comes out; here they are compiled
//! with the shim, linked with libtorch and run. How far a result may be from the exact one, and what is drawn, is theirs to say.

mod compile;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use compile::{Compiler, Object};

use crate::args::{Args, unknown};
use crate::cargo::{command, status};
use crate::failure::{Failure, Result};
use crate::{libtorch, repo, say};

/// A few seconds of one core.
const ROUNDS: u64 = 12;
/// Parts of the shim that other compilers and processors see otherwise: what leaves them out, and what sources have them by.
/// They are only compiled.
const VARIANTS: [(&str, &str); 2] = [
    ("DARKROOM_PORTABLE", "DARKROOM_"),
    ("DARKROOM_WITHOUT_TILES", "DARKROOM_TILES"),
];
/// libtorch itself has no sanitizer in it. None of its ways needs an exception all the same: its memory comes and goes through
/// the same calls, what it keeps for good it can reach, and its containers are not marked as those of libc++ would be.
const ENVIRONMENT: [(&str, &str); 2] = [
    ("UBSAN_OPTIONS", "print_stacktrace=1"),
    // On a busy machine threads that spin for each other take seconds.
    ("OMP_WAIT_POLICY", "passive"),
];

/// `cargo xtask sanitize [CHECK…] [--rounds N] [--seed N]`: all checks, or those named, N times each from seed N on.
pub fn run(mut args: Args) -> Result<()> {
    let (mut rounds, mut seed, mut checks) = (ROUNDS, 1u64, Vec::new());
    while let Some((word, inline)) = args.flag()? {
        match word.as_str() {
            "--rounds" => rounds = args.number(&word, inline)?,
            "--seed" => seed = args.number(&word, inline)?,
            flag if flag.starts_with('-') => return Err(unknown("sanitize", flag)),
            check => checks.push(check.to_owned()),
        }
    }
    libtorch::ensure()?;
    let places = Places::find()?;
    let program = places.build()?;
    let functions: Vec<_> = functions(&read(&places.shim.join("shim.h"))?).into_iter().collect();
    let last = places.own.join("last");
    fs::write(&last, "").map_err(|e| Failure::file("write", &last, &e))?;
    let started = Instant::now();
    let mut run = command(&program);
    run.args(["--functions", &functions.join(",")])
        .arg("--last")
        .arg(&last)
        .args(["--rounds", &rounds.to_string(), "--seed", &seed.to_string()])
        .args(&checks)
        .envs(ENVIRONMENT);
    if !status(&mut run)?.success() {
        return Err(match read(&last)?.trim() {
            "" => Failure::new("The shim's checks failed, see above."),
            case => Failure::new(format!(
                "The shim's checks failed, see above. The case again: cargo xtask sanitize {case}"
            )),
        });
    }
    eprintln!("the shim's checks: {}", say::time(started.elapsed()));
    Ok(())
}

/// Where things are and are built.
struct Places {
    shim: PathBuf,
    own: PathBuf,
}

impl Places {
    fn find() -> Result<Self> {
        let own = repo::target()?.join("sanitize");
        fs::create_dir_all(&own).map_err(|e| Failure::file("make", &own, &e))?;
        Ok(Self {
            shim: repo::root().join("daemon").join("engine").join("shim"),
            own,
        })
    }

    /// Compiles what changed since the last time, and links it.
    fn build(&self) -> Result<PathBuf> {
        let started = Instant::now();
        let compiler = Compiler::find()?;
        let shim = sources(&self.shim)?;
        let mut objects: Vec<Object> = Vec::new();
        for source in shim.iter().chain(&sources(&self.shim.join("check"))?) {
            objects.push(Object::sanitized(source, &self.own)?);
        }
        let linked: Vec<PathBuf> = objects.iter().map(|object| object.path.clone()).collect();
        for source in &shim {
            let text = read(source)?;
            for (without, part) in VARIANTS {
                if text.contains(part) {
                    objects.push(Object::variant(source, &self.own, without)?);
                }
            }
        }
        let compiled = compiler.compile(&objects)?;
        let program = self.own.join("shim-check");
        compiler.link(&linked, &program)?;
        if compiled > 0 {
            eprintln!(
                "{compiled} files of the shim compiled: {}",
                say::time(started.elapsed())
            );
        }
        Ok(program)
    }
}

/// The C++ files of a folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |e| Failure::file("read", folder, &e);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|end| end == "cpp") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| Failure::file("read", path, &e))
}

/// The shim's functions that a header declares: each must be called by some check.
fn functions(header: &str) -> BTreeSet<String> {
    let code = header.lines().map(|line| line.split("//").next().unwrap_or_default());
    let before = code.flat_map(|line| line.match_indices('(').map(move |(at, _)| &line[..at]));
    let name = |text: &str| {
        let begin = text
            .rfind(|c: char| !c.is_alphanumeric() && c != '_')
            .map_or(0, |at| at + 1);
        text[begin..].to_owned()
    };
    before.map(name).filter(|name| name.starts_with("dk_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_those_that_are_declared() {
        let header = "// dk_not(1)\nconst char *dk_one(); // dk_nor()\nint dk_two(int n,\n           Tensor **out);\nusing Release = void (*)(void *);\n";
        assert_eq!(functions(header), ["dk_one", "dk_two"].map(str::to_owned).into());
        let all = functions(&read(&Places::find().unwrap().shim.join("shim.h")).unwrap());
        assert!(all.len() > 40 && all.contains("dk_attention"), "{all:?}");
    }

    /// The run itself looks at what was called; this finds a new function without compiling anything.
    #[test]
    fn every_function_is_named_in_a_check() {
        let shim = Places::find().unwrap().shim;
        let checks = sources(&shim.join("check")).unwrap();
        let text: String = checks.iter().map(|path| read(path).unwrap()).collect();
        let called = |name: &String| text.contains(&format!("CALL({name})")) || text.contains(&format!("CALL({name},"));
        let forgotten: Vec<_> = functions(&read(&shim.join("shim.h")).unwrap())
            .into_iter()
            .filter(|name| !called(name))
            .collect();
        assert_eq!(forgotten, [] as [String; 0], "call it in daemon/engine/shim/check");
    }

    #[test]
    fn variants_leave_out_something_that_is_there() {
        let files = sources(&Places::find().unwrap().shim).unwrap();
        for (_, part) in VARIANTS {
            assert!(files.iter().any(|path| read(path).unwrap().contains(part)), "{part}");
        }
    }
}
