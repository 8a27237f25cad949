//! Which files of a wheel libtorch's folder needs, and where they go in it. `unpack.rs` asks for each entry. It touches no file.
//! Which wheels there are is in `wheels.rs`; the empty libtorch.so for the CPU is made in `stub.rs`.

use super::backend::Backend;

/// Libraries of the torch wheel that serve Python alone.
const PYTHON: [&str; 3] = ["libtorch_python", "libshm", "libtorch_global_deps"];
/// Libraries of the torch wheel that need CUDA, and that the CPU can do without. The last is what `-ltorch` links:
/// an empty one takes its place.
const CUDA: [&str; 5] = [
    "libtorch_cuda",
    "libc10_cuda",
    "libcaffe2_nvrtc",
    "libtorch_nvshmem",
    "libtorch.so",
];
/// What libtorch_cpu.so itself needs of the NVIDIA wheels.
const CPU_NEEDS: [&str; 2] = ["libcudart.so.13", "libcupti.so.13"];

/// Where an entry of a wheel goes in libtorch's folder, if it is wanted there.
pub fn destination(entry: &str, wheel: &str, backend: Backend) -> Option<String> {
    if entry.ends_with('/') || entry.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return None;
    }
    if wheel != "torch" {
        let file = library(entry)?;
        return (backend != Backend::Cpu || CPU_NEEDS.contains(&file)).then(|| format!("lib/{file}"));
    }
    if let Some(header) = entry.strip_prefix("torch/include/") {
        return Some(format!("include/{header}"));
    }
    if let Some(notice) = entry
        .strip_prefix("torch-2.11.0.dist-info/licenses/")
        .filter(|path| !path.contains('/'))
    {
        return Some(notice.to_owned());
    }
    let file = library(entry.strip_prefix("torch/")?)?;
    let one_of = |names: &[&str]| names.iter().any(|name| file.starts_with(name));
    let dropped = one_of(&PYTHON) || (backend == Backend::Cpu && one_of(&CUDA));
    (!dropped).then(|| format!("lib/{file}"))
}

/// The name of a shared library that lies right in a folder `lib`.
fn library(entry: &str) -> Option<&str> {
    let (folder, file) = entry.rsplit_once('/')?;
    let in_lib = folder == "lib" || folder.ends_with("/lib");
    let shared = file.contains(".so.") || file.ends_with(".so") || file.ends_with(".dylib");
    (in_lib && file.starts_with("lib") && shared).then_some(file)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "torch/lib/libtorch_cpu.so",
        "torch",
        Some("lib/libtorch_cpu.so"),
        Some("lib/libtorch_cpu.so")
    )]
    #[case(
        "torch/lib/libgomp.so.1",
        "torch",
        Some("lib/libgomp.so.1"),
        Some("lib/libgomp.so.1")
    )]
    #[case(
        "torch/lib/libnvpl_blas_core.so.0",
        "torch",
        Some("lib/libnvpl_blas_core.so.0"),
        Some("lib/libnvpl_blas_core.so.0")
    )]
    #[case("torch/lib/libtorch.so", "torch", None, Some("lib/libtorch.so"))]
    #[case(
        "torch/lib/libtorch.dylib",
        "torch",
        Some("lib/libtorch.dylib"),
        Some("lib/libtorch.dylib")
    )]
    #[case(
        "torch/lib/libtorch_cuda_linalg.so",
        "torch",
        None,
        Some("lib/libtorch_cuda_linalg.so")
    )]
    #[case("torch/lib/libtorch_python.so", "torch", None, None)]
    #[case("torch/lib/../../libx.so", "torch", None, None)]
    #[case("torch/include/../../../x.h", "torch", None, None)]
    #[case(
        "torch/include/ATen/ATen.h",
        "torch",
        Some("include/ATen/ATen.h"),
        Some("include/ATen/ATen.h")
    )]
    #[case("torch/include/ATen/", "torch", None, None)]
    #[case("torch/nn/functional.py", "torch", None, None)]
    #[case("torch-2.11.0.dist-info/licenses/NOTICE", "torch", Some("NOTICE"), Some("NOTICE"))]
    #[case(
        "nvidia/cu13/lib/libcupti.so.13",
        "nvidia-cuda-cupti",
        Some("lib/libcupti.so.13"),
        Some("lib/libcupti.so.13")
    )]
    #[case(
        "nvidia/cu13/lib/libnvperf_host.so",
        "nvidia-cuda-cupti",
        None,
        Some("lib/libnvperf_host.so")
    )]
    #[case(
        "nvidia/cudnn/lib/libcudnn.so.9",
        "nvidia-cudnn-cu13",
        None,
        Some("lib/libcudnn.so.9")
    )]
    #[case("nvidia/nvshmem/lib/libnvshmem.a", "nvidia-nvshmem-cu13", None, None)]
    #[case("nvidia/cu13/include/cupti.h", "nvidia-cuda-cupti", None, None)]
    fn entries_go_where_they_belong(
        #[case] entry: &str,
        #[case] wheel: &str,
        #[case] cpu: Option<&str>,
        #[case] cuda: Option<&str>,
    ) {
        assert_eq!(destination(entry, wheel, Backend::Cpu).as_deref(), cpu);
        assert_eq!(destination(entry, wheel, Backend::Cuda).as_deref(), cuda);
    }
}
