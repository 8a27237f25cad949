//! Fetches wheels with pip and checks each against its pinned hash. `mod.rs` calls it where the cache lacks the libtorch that is
//! wanted. Which wheels these are is in `wheels.rs`; they are unpacked in `unpack.rs`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::cache;
use super::wheels::{Set, Wheel};
use crate::failure::{Failure, Result};
use crate::say::{self, Progress};

/// Fetches every wheel of `set` with pip into `work`, and says where each is. A wheel that is there already with the
/// right hash is not fetched again.
///
/// # Errors
/// When pip is missing or fails, or a wheel is not the pinned one.
pub fn all(set: &Set, work: &Path) -> Result<Vec<PathBuf>> {
    let (wheels, scratch) = (work.join("wheels"), work.join("pip"));
    fs::create_dir_all(&wheels).map_err(|error| Failure::file("make", &wheels, &error))?;
    let mut python = None;
    let mut files = Vec::new();
    for wheel in &set.wheels {
        if let Some(file) = present(wheel, &wheels)? {
            eprintln!("  {} {}: fetched before", wheel.name, wheel.version);
            files.push(file);
            continue;
        }
        cache::fresh(&scratch)?;
        let python = match &python {
            Some(python) => python,
            None => python.insert(python_with_pip()?),
        };
        let mut progress = Progress::start(format!("fetching {} {}", wheel.name, wheel.version), wheel.bytes);
        if let Err(failure) = pip(python, wheel, &set.tags, &wheels, &scratch, &mut progress) {
            progress.clear();
            return Err(failure);
        }
        let file = present(wheel, &wheels)?.ok_or_else(|| {
            Failure::new(format!(
                "What pip fetched as {} {} is not the pinned file (its SHA-256 differs): check the package index that pip is set to.",
                wheel.name, wheel.version
            ))
        })?;
        progress.finish(&say::size(file_size(&file)));
        files.push(file);
    }
    Ok(files)
}

/// The wheel's file in `folder`, if it is there and whole. One that is not is removed.
fn present(wheel: &Wheel, folder: &Path) -> Result<Option<PathBuf>> {
    let stem = format!("{}-{}-", wheel.name.replace('-', "_"), wheel.version);
    let cannot = |error| Failure::file("read", folder, &error);
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        if !entry.file_name().to_string_lossy().starts_with(&stem) {
            continue;
        }
        let path = entry.path();
        if sha256(&path)? == wheel.sha256 {
            return Ok(Some(path));
        }
        cache::remove(&path)?;
    }
    Ok(None)
}

fn sha256(path: &Path) -> Result<String> {
    let cannot = |error| Failure::file("read", path, &error);
    let mut file = File::open(path).map_err(cannot)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(cannot)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn python_with_pip() -> Result<OsString> {
    let works = |name: &&str| {
        let mut command = Command::new(name);
        command
            .args(["-m", "pip", "--version"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    ["python3", "python"].iter().find(|name| works(name)).map(OsString::from).ok_or_else(|| {
        Failure::new(
            "libtorch is fetched with python3's pip, and `python3 -m pip` does not run: install it (Debian, Ubuntu: \
             `apt install python3-pip`; Fedora: `dnf install python3-pip`), or pass --from DIR with a libtorch 2.11.0.",
        )
    })
}

/// One `pip download`. The wheels are CPython 3.12's whatever python3 is here: nothing in them is run by it.
fn pip(
    python: &OsString,
    wheel: &Wheel,
    tags: &[String],
    into: &Path,
    scratch: &Path,
    progress: &mut Progress,
) -> Result<()> {
    let log = scratch.join("log");
    let cannot = |error| Failure::file("write", &log, &error);
    let out = File::create(&log).map_err(cannot)?;
    let mut command = Command::new(python);
    // No cache of pip's own: it would keep a second copy of what the cache here holds.
    command
        .args([
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--no-cache-dir",
            "--no-input",
        ])
        .args([
            "--disable-pip-version-check",
            "--progress-bar",
            "off",
            "--implementation",
            "cp",
        ])
        .args(["--python-version", "3.12"])
        .args(tags.iter().flat_map(|tag| ["--platform", tag]))
        .arg("--dest")
        .arg(into)
        .arg(format!("{}=={}", wheel.name, wheel.version))
        .env("TMPDIR", scratch)
        .stdin(Stdio::null())
        .stderr(out.try_clone().map_err(cannot)?)
        .stdout(out);
    let child = command
        .spawn()
        .map_err(|error| Failure::file("run", Path::new(python), &error))?;
    let status = watch(child, scratch, progress)?;
    if status.success() {
        return Ok(());
    }
    let said = fs::read(&log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    Err(refused(wheel, &said))
}

/// Waits for pip and shows how much it has written meanwhile.
fn watch(mut child: Child, scratch: &Path, progress: &mut Progress) -> Result<ExitStatus> {
    loop {
        let status = child
            .try_wait()
            .map_err(|error| Failure::file("wait for", Path::new("pip"), &error))?;
        if let Some(status) = status {
            return Ok(status);
        }
        progress.at(folder_size(scratch));
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| {
            if entry.path().is_dir() {
                folder_size(&entry.path())
            } else {
                file_size(&entry.path())
            }
        })
        .sum()
}

fn file_size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// One sentence out of what pip said.
fn refused(wheel: &Wheel, said: &str) -> Failure {
    let Wheel { name, version, .. } = wheel;
    let unreachable = [
        "Retrying (",
        "ConnectionError",
        "NameResolutionError",
        "Max retries",
        "ReadTimeout",
        "timed out",
    ];
    if said.contains("No space left") {
        return Failure::new(format!(
            "The disk filled up while {name} {version} was fetched: free 3 GB and run this again."
        ));
    }
    if unreachable.iter().any(|word| said.contains(word)) {
        return Failure::new(format!(
            "pip cannot reach the package index for {name} {version}: check the network (or pip's index-url and proxy) \
             and run this again, or pass --from DIR with a libtorch 2.11.0."
        ));
    }
    let last = said
        .lines()
        .rev()
        .find(|line| line.starts_with("ERROR:"))
        .or_else(|| said.lines().last());
    let why = last
        .unwrap_or("no reason given")
        .trim_start_matches("ERROR:")
        .trim()
        .trim_end_matches('.');
    Failure::new(format!(
        "pip could not fetch {name} {version} ({why}): check the package index that pip is set to and run this again, \
         or pass --from DIR with a libtorch 2.11.0."
    ))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HELLO: Wheel = Wheel {
        name: "nvidia-hello",
        version: "1.0",
        sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        bytes: 5,
    };

    #[test]
    fn only_the_pinned_bytes_count_as_the_wheel() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nvidia_hello-1.0-py3-none-any.whl");
        assert_eq!(present(&HELLO, folder.path()).unwrap(), None);
        fs::write(&file, "hell").unwrap();
        assert_eq!(present(&HELLO, folder.path()).unwrap(), None);
        assert!(!file.exists(), "half a wheel was kept");
        fs::write(&file, "hello").unwrap();
        assert_eq!(present(&HELLO, folder.path()).unwrap(), Some(file));
    }

    #[rstest]
    #[case(
        "WARNING: Retrying (Retry(total=4)) after connection broken\nERROR: No matching distribution found",
        "check the network"
    )]
    #[case(
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "free 3 GB"
    )]
    #[case(
        "x\nERROR: No matching distribution found for hello==1.0.\n",
        "(No matching distribution found for hello==1.0)"
    )]
    #[case("", "no reason given")]
    fn what_pip_says_becomes_one_sentence(#[case] said: &str, #[case] part: &str) {
        let sentence = refused(&HELLO, said).to_string();
        assert!(sentence.contains(part) && !sentence.contains('\n'), "{sentence}");
    }
}
