//! The wheels that make a libtorch 2.11.0 for each backend and machine, pinned by version and hash. `mod.rs` takes the set for
//! this machine, or a failure that says what to do instead; `fetch.rs` fetches it. Which files of a wheel are kept is in
//! `keep.rs`.

use super::backend::Backend;
use crate::failure::{Failure, Result};

/// A wheel of a package registry, exactly: pip may find it where it likes, the hash says that it is this one.
pub struct Wheel {
    pub name: &'static str,
    pub version: &'static str,
    pub sha256: &'static str,
    pub bytes: u64,
}

/// The wheels that make one backend on this kind of machine.
pub struct Set {
    /// As in `linux-x86_64`.
    pub platform: &'static str,
    /// The tags that pip is to accept. It compares them letter by letter, so each one in use is named.
    pub tags: Vec<String>,
    pub wheels: Vec<Wheel>,
    /// Whether the wheel's own libtorch.so needs CUDA.
    pub needs_stub: bool,
}

/// # Errors
/// When no wheel is published for this machine or backend.
pub fn set(backend: Backend) -> Result<Set> {
    set_for(
        backend,
        std::env::consts::OS,
        std::env::consts::ARCH,
        cfg!(target_env = "musl"),
    )
}

fn set_for(backend: Backend, system: &str, arch: &str, musl: bool) -> Result<Set> {
    if matches!(backend, Backend::Rocm | Backend::Xpu) {
        return Err(Failure::new(format!(
            "PyPI has no {backend} build of torch: install torch 2.11.0 from the {backend} index that pytorch.org/get-started names \
             into a Python environment, then run `cargo xtask libtorch --backend {backend} --from …/site-packages/torch`."
        )));
    }
    match (system, arch) {
        _ if musl => Err(none("musl")),
        ("linux", "x86_64") => Ok(linux(backend, "linux-x86_64", "x86_64", 0)),
        ("linux", "aarch64") => Ok(linux(backend, "linux-aarch64", "aarch64", 1)),
        ("macos", "aarch64") if backend == Backend::Cpu => Ok(macos()),
        ("macos", "aarch64") => Err(Failure::new(
            "There is no CUDA on macOS: leave out --backend; the cpu build computes on the GPU by Metal.",
        )),
        _ => Err(none(&format!("{system} on {arch}"))),
    }
}

fn none(machine: &str) -> Failure {
    Failure::new(format!(
        "torch 2.11.0 is not published for {machine}: build libtorch 2.11.0 yourself and pass --from DIR."
    ))
}

fn macos() -> Set {
    let sha256 = "4b5866312ee6e52ea625cd211dcb97d6a2cdc1131a5f15cc0d87eec948f6dd34";
    Set {
        platform: "macos-aarch64",
        tags: vec!["macosx_11_0_arm64".into()],
        wheels: vec![Wheel {
            name: "torch",
            version: "2.11.0",
            sha256,
            bytes: 80_606_338,
        }],
        needs_stub: false,
    }
}

/// `column` is the architecture's in the tables: 0 for x86_64, 1 for aarch64.
fn linux(backend: Backend, platform: &'static str, arch: &str, column: usize) -> Set {
    let tags = [
        "_2_28", "_2_27", "_2_25", "_2_18", "_2_17", "2014", "_2_12", "2010", "_2_5", "1",
    ];
    let nvidia = if backend == Backend::Cpu {
        &NVIDIA[..CPU_NEEDS]
    } else {
        NVIDIA
    };
    let rows = std::iter::once(&TORCH).chain(nvidia);
    Set {
        platform,
        tags: tags.iter().map(|tag| format!("manylinux{tag}_{arch}")).collect(),
        wheels: rows
            .map(|&(name, version, bytes, sha256)| Wheel {
                name,
                version,
                bytes,
                sha256: sha256[column],
            })
            .collect(),
        needs_stub: true,
    }
}

/// Name, version, bytes (of x86_64: progress alone needs them), SHA-256 on x86_64 and aarch64.
type Row = (&'static str, &'static str, u64, [&'static str; 2]);

const TORCH: Row = (
    "torch",
    "2.11.0",
    530_712_279,
    [
        "0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756",
        "f99924682ef0aa6a4ab3b1b76f40dc6e273fca09f367d15a524266db100a723f",
    ],
);

/// The rows at the head of `NVIDIA` that libtorch_cpu.so of the CUDA wheel is linked with.
const CPU_NEEDS: usize = 2;

/// What torch 2.11.0's own metadata asks for, without triton, which only Python uses.
const NVIDIA: &[Row] = &[
    (
        "nvidia-cuda-cupti",
        "13.0.85",
        10_715_597,
        [
            "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
            "796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151",
        ],
    ),
    (
        "nvidia-cuda-runtime",
        "13.0.96",
        2_243_632,
        [
            "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
            "ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55",
        ],
    ),
    (
        "nvidia-cublas",
        "13.1.0.3",
        423_133_236,
        [
            "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171",
            "c86fc7f7ae36d7528288c5d88098edcb7b02c633d262e7ddbb86b0ad91be5df2",
        ],
    ),
    (
        "nvidia-cuda-nvrtc",
        "13.0.88",
        90_215_200,
        [
            "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
            "d27f20a0ca67a4bb34268a5e951033496c5b74870b868bacd046b1b8e0c3267b",
        ],
    ),
    (
        "nvidia-cufft",
        "12.0.0.61",
        214_085_489,
        [
            "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
            "2708c852ef8cd89d1d2068bdbece0aa188813a0c934db3779b9b1faa8442e5f5",
        ],
    ),
    (
        "nvidia-cufile",
        "1.15.1.6",
        1_223_672,
        [
            "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
            "bdc0deedc61f548bddf7733bdc216456c2fdb101d020e1ab4b88d232d5e2f6d1",
        ],
    ),
    (
        "nvidia-curand",
        "10.4.0.35",
        59_544_258,
        [
            "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
            "133df5a7509c3e292aaa2b477afd0194f06ce4ea24d714d616ff36439cee349a",
        ],
    ),
    (
        "nvidia-cusolver",
        "12.0.4.66",
        200_941_980,
        [
            "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112",
            "02c2457eaa9e39de20f880f4bd8820e6a1cfb9f9a34f820eb12a155aa5bc92d2",
        ],
    ),
    (
        "nvidia-cusparse",
        "12.6.3.3",
        145_942_937,
        [
            "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
            "80bcc4662f23f1054ee334a15c72b8940402975e0eab63178fc7e670aa59472c",
        ],
    ),
    (
        "nvidia-nvjitlink",
        "13.0.88",
        40_713_933,
        [
            "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b",
            "e931536ccc7d467a98ba1d8b89ff7fa7f1fa3b13f2b0069118cd7f47bff07d0c",
        ],
    ),
    (
        "nvidia-nvtx",
        "13.0.85",
        148_047,
        [
            "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4",
            "cb7780edb6b14107373c835bf8b72e7a178bac7367e23da7acb108f973f157a6",
        ],
    ),
    (
        "nvidia-cudnn-cu13",
        "9.19.0.56",
        366_066_321,
        [
            "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf",
            "6ed29ffaee1176c612daf442e4dd6cfeb6a0caa43ddcbeb59da94953030b1be4",
        ],
    ),
    (
        "nvidia-cusparselt-cu13",
        "0.8.0",
        169_884_119,
        [
            "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd",
            "400c6ed1cf6780fc6efedd64ec9f1345871767e6a1a0a552a1ea0578117ea77c",
        ],
    ),
    (
        "nvidia-nccl-cu13",
        "2.28.9",
        196_493_177,
        [
            "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42",
            "01c873ba1626b54caa12272ed228dc5b2781545e0ae8ba3f432a8ef1c6d78643",
        ],
    ),
    (
        "nvidia-nvshmem-cu13",
        "3.4.5",
        60_412_546,
        [
            "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
            "6dc2a197f38e5d0376ad52cd1a2a3617d3cdc150fd5966f4aee9bcebb1d68fe9",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Backend::Cpu, "linux", "x86_64", 3)]
    #[case(Backend::Cpu, "linux", "aarch64", 3)]
    #[case(Backend::Cpu, "macos", "aarch64", 1)]
    #[case(Backend::Cuda, "linux", "x86_64", 16)]
    #[case(Backend::Cuda, "linux", "aarch64", 16)]
    fn every_wheel_is_pinned(#[case] backend: Backend, #[case] system: &str, #[case] arch: &str, #[case] count: usize) {
        let set = set_for(backend, system, arch, false).unwrap();
        assert_eq!(set.wheels.len(), count);
        let mut hashes: Vec<_> = set.wheels.iter().map(|wheel| wheel.sha256).collect();
        assert!(
            hashes
                .iter()
                .all(|hash| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
        );
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), count);
    }

    #[rstest]
    #[case(Backend::Rocm, "linux", "x86_64", false, "--from")]
    #[case(Backend::Xpu, "linux", "x86_64", false, "--from")]
    #[case(Backend::Cuda, "macos", "aarch64", false, "leave out --backend")]
    #[case(Backend::Cpu, "macos", "x86_64", false, "--from")]
    #[case(Backend::Cpu, "linux", "x86_64", true, "--from")]
    fn what_is_not_published_ends_in_a_remedy(
        #[case] backend: Backend,
        #[case] system: &str,
        #[case] arch: &str,
        #[case] musl: bool,
        #[case] remedy: &str,
    ) {
        let failure = set_for(backend, system, arch, musl).err().unwrap();
        assert!(failure.to_string().contains(remedy), "{failure}");
    }
}
