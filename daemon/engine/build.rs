//! Compiles the C++ shim beside libtorch's headers and says where the programs find libtorch at run time.

use std::env;
use std::path::{Path, PathBuf};
use std::process::exit;

const SOURCES: [&str; 14] = [
    "shim/arena.cpp",
    "shim/attention.cpp",
    "shim/device.cpp",
    "shim/geglu.cpp",
    "shim/int8.cpp",
    "shim/linear.cpp",
    "shim/norm.cpp",
    "shim/packed.cpp",
    "shim/profile.cpp",
    "shim/tensor.cpp",
    "shim/tiled.cpp",
    "shim/tiles.cpp",
    "shim/wide.cpp",
    "shim/winograd.cpp",
];

const HEADERS: [&str; 12] = [
    "shim/arena.h",
    "shim/codes.h",
    "shim/guard.h",
    "shim/intrinsics.h",
    "shim/panel.h",
    "shim/products.h",
    "shim/shim.h",
    "shim/simd.h",
    "shim/tiled.h",
    "shim/tiles.h",
    "shim/wide.h",
    "shim/winograd.h",
];

fn main() {
    for file in HEADERS.iter().chain(&["build.rs"]).chain(&SOURCES) {
        println!("cargo::rerun-if-changed={file}");
    }
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    let lib = libtorch_lib();
    compile_shim(&lib);
    link_args(&lib);
}

/// The folder of libtorch's libraries: torch-sys says where it found them.
fn libtorch_lib() -> PathBuf {
    let lib = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from);
    match lib {
        // Links stay: `.libtorch` may lead to another backend's folder tomorrow.
        Some(lib) if lib.is_dir() => std::path::absolute(&lib).unwrap_or(lib),
        _ => {
            println!("cargo::error=libtorch is not set up here: run `cargo xtask libtorch`.");
            exit(1)
        }
    }
}

fn compile_shim(lib: &Path) {
    let include = lib.join("../include");
    let mut build = cc::Build::new();
    // ATen's parallel loops are OpenMP's, in its headers; its threads are those of libtorch's own library.
    let openmp = lib.join("libgomp.so.1");
    if openmp.is_file() {
        build.flag("-fopenmp");
    }
    build
        .cpp(true)
        // The kernels keep their sums in registers only where their inner loops are unrolled.
        .opt_level(3)
        // What cargo prints of them is of our own code: libtorch's headers are the system's.
        .warnings(true)
        .extra_warnings(true)
        // Each function that Rust calls is declared before, in shim.h.
        .flag("-Wmissing-declarations")
        .flag("-isystem")
        .flag(include.join("torch/csrc/api/include"))
        .flag("-isystem")
        .flag(&include)
        .flag("-std=c++17")
        .flag("-D_GLIBCXX_USE_CXX11_ABI=1")
        .files(SOURCES)
        .compile("darkroom_shim");
    if openmp.is_file() {
        println!("cargo::rustc-link-search=native={}", lib.display());
        println!("cargo::rustc-link-lib=dylib:+verbatim=libgomp.so.1");
    }
}

/// Installed programs look in `../lib/darkroom` first, then in the folder they were built with.
fn link_args(lib: &Path) {
    let lib = lib.display();
    match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("macos") => {
            for path in ["@executable_path/../lib/darkroom", &lib.to_string()] {
                println!("cargo::rustc-link-arg=-Wl,-rpath,{path}");
            }
        }
        // RUNPATH, not RPATH: LD_LIBRARY_PATH then chooses another libtorch.
        _ => {
            println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags");
            for path in ["$ORIGIN/../lib/darkroom", &lib.to_string()] {
                println!("cargo::rustc-link-arg=-Wl,-rpath,{path}");
            }
        }
    }
}
