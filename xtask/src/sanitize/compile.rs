//! Objects of C++ that are kept: each is compiled again when its source, a header of ours that it includes, its command, the
//! compiler or libtorch changed. Cargo has no part in it; build.rs compiles the shim for the worker.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{available_parallelism, scope};
use std::time::SystemTime;

use crate::cargo::command;
use crate::failure::{Failure, Result};
use crate::repo;

/// As build.rs has them, with each warning an error.
const FLAGS: [&str; 7] = [
    "-std=c++17",
    "-D_GLIBCXX_USE_CXX11_ABI=1",
    "-fPIC",
    "-Wall",
    "-Wextra",
    "-Wmissing-declarations",
    "-Werror",
];
/// An error ends the run. Frames and lines are for who reads of it.
const SANITIZED: [&str; 5] = [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
    "-g1",
    "-O1",
];

/// What is to be compiled, and to what.
pub struct Object {
    source: PathBuf,
    pub path: PathBuf,
    flags: Vec<String>,
}

impl Object {
    pub fn sanitized(source: &Path, folder: &Path) -> Result<Self> {
        Self::new(source, folder, "sanitized", SANITIZED.map(str::to_owned).into())
    }

    /// Without a part of the source, and compiled for nothing but warnings and errors.
    pub fn variant(source: &Path, folder: &Path, without: &str) -> Result<Self> {
        Self::new(source, folder, without, vec![format!("-D{without}"), "-O0".to_owned()])
    }

    fn new(source: &Path, folder: &Path, kind: &str, flags: Vec<String>) -> Result<Self> {
        let parent = source.parent().and_then(Path::file_name).unwrap_or_default();
        let folder = folder.join(kind).join(parent);
        fs::create_dir_all(&folder).map_err(|e| Failure::file("make", &folder, &e))?;
        let name = source.file_stem().unwrap_or_default();
        Ok(Self {
            source: source.to_owned(),
            path: folder.join(name).with_extension("o"),
            flags,
        })
    }

    /// Whether it is as its source, what that includes and `line` would have it.
    fn is_fresh(&self, line: &str) -> bool {
        let Some(made) = modified(&self.path) else {
            return false;
        };
        let same = fs::read_to_string(self.path.with_extension("line")).is_ok_and(|before| before == line);
        let read = fs::read_to_string(self.path.with_extension("d")).unwrap_or_default();
        let files = dependencies(&read);
        let older = |file: &PathBuf| modified(file).is_some_and(|changed| changed <= made);
        same && !files.is_empty() && files.iter().all(older)
    }
}

/// A C++ compiler and the libtorch that it compiles against.
pub struct Compiler {
    program: OsString,
    /// What it says of itself, and which libtorch: objects of another are none of ours.
    version: String,
    include: PathBuf,
    lib: PathBuf,
}

impl Compiler {
    /// `CXX`, or the system's.
    pub fn find() -> Result<Self> {
        let program = env::var_os("CXX").unwrap_or_else(|| "c++".into());
        let said = output(&program, &["--version".into()])?;
        let libtorch = repo::libtorch();
        let libtorch = fs::canonicalize(&libtorch).map_err(|e| Failure::file("find", &libtorch, &e))?;
        Ok(Self {
            version: format!("{}\n{}", String::from_utf8_lossy(&said.stdout), libtorch.display()),
            program,
            include: libtorch.join("include"),
            lib: libtorch.join("lib"),
        })
    }

    /// Compiles those that changed, as many at a time as there are cores, and says how many these were.
    ///
    /// # Errors
    /// When one does not compile: the compiler has said why.
    pub fn compile(&self, objects: &[Object]) -> Result<usize> {
        let stale: Vec<(&Object, Vec<OsString>, String)> = objects
            .iter()
            .map(|object| {
                let words = self.words(object);
                let line = self.line(&words);
                (object, words, line)
            })
            .filter(|(object, _, line)| !object.is_fresh(line))
            .collect();
        let (next, failed) = (Mutex::new(stale.iter()), AtomicBool::new(false));
        let work = || {
            while let Some((object, words, line)) = next.lock().ok().and_then(|mut next| next.next()) {
                if let Err(failure) = self.compile_one(object, words, line) {
                    eprintln!("{failure}");
                    failed.store(true, Ordering::Relaxed);
                }
            }
        };
        scope(|scope| {
            for _ in 0..available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        if failed.into_inner() {
            return Err(Failure::new("The shim does not compile: mend what is said above."));
        }
        Ok(stale.len())
    }

    fn compile_one(&self, object: &Object, words: &[OsString], line: &str) -> Result<()> {
        let said = output(&self.program, words)?;
        if !said.status.success() {
            return Err(Failure::new(String::from_utf8_lossy(&said.stderr).into_owned()));
        }
        let path = object.path.with_extension("line");
        fs::write(&path, line).map_err(|e| Failure::file("write", &path, &e))
    }

    fn words(&self, object: &Object) -> Vec<OsString> {
        let mut words: Vec<OsString> = FLAGS.map(OsString::from).into();
        words.extend(object.flags.iter().map(OsString::from));
        if self.openmp().is_some() {
            words.push("-fopenmp".into());
        }
        for folder in [self.include.join("torch/csrc/api/include"), self.include.clone()] {
            words.extend(["-isystem".into(), folder.into()]);
        }
        words.extend(["-MMD".into(), "-c".into(), "-o".into(), object.path.clone().into()]);
        words.push(object.source.clone().into());
        words
    }

    /// What an object is made by.
    fn line(&self, words: &[OsString]) -> String {
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        format!("{}\n{}", self.version, words.join(" "))
    }

    /// ATen's parallel loops are OpenMP's, on the threads of libtorch's own library of it.
    fn openmp(&self) -> Option<PathBuf> {
        Some(self.lib.join("libgomp.so.1")).filter(|path| path.is_file())
    }

    /// Links objects of [`Object::sanitized`] to a program, unless it is newer than each of them.
    ///
    /// # Errors
    /// When it cannot be linked.
    pub fn link(&self, objects: &[PathBuf], program: &Path) -> Result<()> {
        let made = modified(program);
        if made.is_some() && objects.iter().all(|object| modified(object) <= made) {
            return Ok(());
        }
        let mut words: Vec<OsString> = vec![SANITIZED[0].into(), "-o".into(), program.into()];
        words.extend(objects.iter().map(OsString::from));
        let mut rpath = OsString::from("-Wl,-rpath,");
        rpath.push(&self.lib);
        words.extend(["-L".into(), self.lib.clone().into(), rpath]);
        words.extend(["-ltorch", "-ltorch_cpu", "-lc10"].map(OsString::from));
        words.extend(self.openmp().map(OsString::from));
        let said = output(&self.program, &words)?;
        match said.status.success() {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "{}The shim's checks cannot be linked: are libasan and libubsan of this compiler installed?",
                String::from_utf8_lossy(&said.stderr)
            ))),
        }
    }
}

fn output(program: &OsString, words: &[OsString]) -> Result<Output> {
    let ran = command(program).args(words).output();
    ran.map_err(|e| Failure::file("run", Path::new(program), &e))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// The files of a rule for make, which a compiler wrote: `object: file file \`, with a backslash before a blank in a name.
fn dependencies(rule: &str) -> Vec<PathBuf> {
    let (_, files) = rule.split_once(": ").unwrap_or_default();
    let files = files.replace("\\\n", " ").replace("\\ ", "\0");
    files
        .split_whitespace()
        .map(|file| file.replace('\0', " ").into())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rule_names_files() {
        let rule = "/a/b.o: /a/b.cpp /a/c.h \\\n  /a\\ b/d.h\n";
        assert_eq!(
            dependencies(rule),
            ["/a/b.cpp", "/a/c.h", "/a b/d.h"].map(PathBuf::from)
        );
        assert!(dependencies("").is_empty());
    }

    #[test]
    fn an_object_is_made_again_when_anything_of_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("one.cpp");
        let header = folder.path().join("one.h");
        let write = |path: &Path, text: &str| fs::write(path, text).unwrap();
        write(&source, "");
        write(&header, "");
        let object = Object::sanitized(&source, folder.path()).unwrap();
        assert!(!object.is_fresh("line"));
        write(&object.path, "");
        write(&object.path.with_extension("line"), "line");
        assert!(!object.is_fresh("line"), "nobody knows what it includes");
        let rule = format!("one.o: {} {}\n", source.display(), header.display());
        write(&object.path.with_extension("d"), &rule);
        assert!(object.is_fresh("line"));
        assert!(!object.is_fresh("another line"));
        let later = modified(&object.path).unwrap() + Duration::from_secs(1);
        fs::File::open(&header).unwrap().set_modified(later).unwrap();
        assert!(!object.is_fresh("line"));
        fs::remove_file(&header).unwrap();
        assert!(!object.is_fresh("line"));
    }

    #[test]
    fn two_forms_of_a_source_are_two_objects() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("shim/one.cpp");
        let of = |object: Result<Object>| object.unwrap().path;
        let plain = of(Object::sanitized(&source, folder.path()));
        assert_ne!(plain, of(Object::variant(&source, folder.path(), "DARKROOM_PORTABLE")));
        assert_ne!(
            plain,
            of(Object::sanitized(&folder.path().join("check/one.cpp"), folder.path()))
        );
    }
}
