//! `cargo xtask libtorch`: libtorch 2.11.0 in `.libtorch`, from wheels or from a folder that is there already.
//!
//! `.libtorch` is a link to a folder in the user's cache, so a second clone takes no time and no space.

mod backend;
pub mod cache;
mod fetch;
mod foreign;
mod keep;
mod link;
mod stub;
mod unpack;
mod wheels;

use std::path::Path;
use std::time::Instant;

use crate::args::{Args, unknown};
use crate::failure::{Failure, Result};
use crate::{repo, say};
use backend::Backend;
use cache::Cache;

/// What tch 0.24 is made for. No other version will do.
pub const VERSION: &str = "2.11.0";

/// `cargo xtask libtorch [--backend NAME] [--from DIR] [--force]`.
pub fn run(mut args: Args) -> Result<()> {
    let (mut backend, mut from, mut force) = (None, None, false);
    while let Some((flag, inline)) = args.flag()? {
        match flag.as_str() {
            "--backend" => backend = Some(Backend::named(&args.value(&flag, inline)?)?),
            "--from" => from = Some(args.value(&flag, inline)?),
            "--force" => force = true,
            _ => return Err(unknown("libtorch", &flag)),
        }
    }
    match from {
        Some(folder) => adopt(&folder, backend),
        None => assemble(backend.unwrap_or(Backend::Cpu), backend.is_some(), force),
    }
}

/// Puts the CPU's libtorch in place when there is none.
pub fn ensure() -> Result<()> {
    match repo::own_libtorch() {
        Some(own) => {
            eprintln!("LIBTORCH names {}: using it.", own.display());
            Ok(())
        }
        None if link::is_whole(&repo::libtorch()) => Ok(()),
        None => assemble(Backend::Cpu, false, false),
    }
}

fn adopt(folder: &Path, backend: Option<Backend>) -> Result<()> {
    let source = foreign::inspect(folder, backend)?;
    let cache = Cache::open()?;
    let _lock = cache.lock()?;
    let place = source.lay(&cache)?;
    link::make(&place)?;
    eprintln!(
        "libtorch {} ({}) is in .libtorch: it stays in {}.",
        source.version,
        source.backend,
        source.root.display()
    );
    Ok(())
}

/// Fetches and links `backend`, unless it is there. `.libtorch` of another backend is left alone unless this one was
/// `named` by the caller.
fn assemble(backend: Backend, named: bool, force: bool) -> Result<()> {
    let here = repo::root().join(".libtorch");
    let present = link::is_whole(&here).then(|| link::backend(&here));
    if let Some(present) = present.filter(|present| !force && (!named || present == backend.name())) {
        eprintln!("libtorch {VERSION} ({present}) is in .libtorch already.");
        return Ok(());
    }
    let set = wheels::set(backend)?;
    let started = Instant::now();
    let cache = Cache::open()?;
    let _lock = cache.lock()?;
    let place = cache.place(&format!("{VERSION}-{backend}-{}", set.platform));
    if force || !link::is_whole(&place) {
        fill(&cache, &place, backend, &set)?;
    } else {
        eprintln!(
            "libtorch {VERSION} ({backend}) was fetched before: {}.",
            place.display()
        );
    }
    link::make(&place)?;
    eprintln!(
        "libtorch {VERSION} ({backend}) is in .libtorch: {}.",
        say::time(started.elapsed())
    );
    Ok(())
}

/// Makes `place` from wheels: in a folder beside it, renamed when whole, so that an interrupted set-up leaves nothing
/// half-made. Wheels that arrived whole before the interruption are used again.
fn fill(cache: &Cache, place: &Path, backend: Backend, set: &wheels::Set) -> Result<()> {
    let work = cache::beside(place, ".partial");
    let bytes = set.wheels.iter().map(|wheel| wheel.bytes).sum::<u64>();
    cache.need(backend.space())?;
    stub::compiler()?;
    eprintln!(
        "libtorch {VERSION} ({backend}, {}): {} wheels, {}, into {}",
        set.platform,
        set.wheels.len(),
        say::size(bytes),
        place.display()
    );
    let tree = work.join("tree");
    cache::fresh(&tree)?;
    let files = fetch::all(set, &work)?;
    for (wheel, file) in set.wheels.iter().zip(&files) {
        unpack::wheel(wheel, file, &tree, backend)?;
    }
    if backend == Backend::Cpu && set.needs_stub {
        stub::make(&tree.join("lib"))?;
    }
    link::seal(&tree, VERSION, backend.name())?;
    if !link::is_whole(&tree) {
        return Err(Failure::new(format!(
            "The wheels of {VERSION} unpacked to less than libtorch: delete {} and run this again.",
            work.display()
        )));
    }
    cache::replace(&tree, place)?;
    cache::remove(&work)
}
