//! What a daemon takes over from the command that starts it: next to nothing.
//!
//! A daemon outlives its first caller by days, so an open file, a variable or a limit of that shell must not decide what later
//! jobs can do. The command passes a chosen list of variables and no descriptors; the daemon resets the rest of itself
//! (`darkroom_daemon::lifecycle`). `docs/daemon.md` says the same to people. A daemon in the foreground keeps what it was given.

use std::ffi::{OsStr, OsString};

/// Variables that are passed on, by name.
const NAMES: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TZDIR",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "HUGGINGFACE_HUB_CACHE",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];
/// Variables that are passed on, by how their names begin: Darkroom's own, those of devices and of the libraries that compute.
const BEGINNINGS: &[&str] = &[
    "LC_",
    "DARKROOM_",
    "CUDA_",
    "NVIDIA_",
    "HIP_",
    "HSA_",
    "ROCR_",
    "ROCM_",
    "MIOPEN_",
    "AMD_",
    "ONEAPI_",
    "ZE_",
    "ZES_",
    "SYCL_",
    "UR_",
    "IGC_",
    "OMP_",
    "GOMP_",
    "KMP_",
    "MKL_",
    "DNNL_",
    "ONEDNN_",
    "OPENBLAS_",
    "TORCH_",
    "PYTORCH_",
    "HF_",
];
/// Of these a relative value is seen from this working directory, which the daemon does not share.
const FOLDERS: [&str; 3] = ["DARKROOM_HOME", "DARKROOM_WORKER", "DARKROOM_LIBTORCH"];

/// The daemon's environment, made from the caller's.
///
/// # Errors
/// When a relative path cannot be made absolute: the working directory is gone.
pub fn environment(ours: impl Iterator<Item = (OsString, OsString)>) -> std::io::Result<Vec<(OsString, OsString)>> {
    ours.filter(|(name, _)| is_passed(name))
        .map(|(name, value)| {
            let folder = FOLDERS.iter().any(|folder| name == *folder) && !value.is_empty();
            let value = if folder {
                std::path::absolute(value)?.into()
            } else {
                value
            };
            Ok((name, value))
        })
        .collect()
}

fn is_passed(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    NAMES.contains(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// From now on no process that this one starts has its descriptors, but for those that it is given: whatever the caller had
/// open, and the locks that go with it, stays here.
pub fn keep_descriptors() {
    close_fds::set_fds_cloexec_threadsafe(3, &[]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("PATH", true)]
    #[case("LC_ALL", true)]
    #[case("CUDA_VISIBLE_DEVICES", true)]
    #[case("OMP_NUM_THREADS", true)]
    #[case("DARKROOM_LOG", true)]
    #[case("AWS_SECRET_ACCESS_KEY", false)]
    #[case("NOTIFY_SOCKET", false)]
    #[case("LISTEN_FDS", false)]
    #[case("LD_PRELOAD", false)]
    #[case("SSH_AUTH_SOCK", false)]
    #[case("PATHS", false)]
    #[case("TMPDIR", false)]
    fn a_chosen_list(#[case] name: &str, #[case] passed: bool) {
        assert_eq!(is_passed(OsStr::new(name)), passed);
    }

    #[test]
    fn relative_folders_are_seen_from_here() {
        let ours = [("DARKROOM_HOME", "x"), ("DARKROOM_WORKER", ""), ("HOME", "y")];
        let ours = ours.map(|(name, value)| (name.into(), value.into()));
        let passed = environment(ours.into_iter()).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(passed[0].1, here.join("x"));
        assert_eq!((&passed[1].1, &passed[2].1), (&"".into(), &"y".into()));
    }

    #[test]
    fn the_list_is_documented() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/daemon.md")).unwrap();
        for name in NAMES {
            assert!(
                page.contains(&format!("`{name}`")),
                "docs/daemon.md does not name {name}"
            );
        }
        for beginning in BEGINNINGS {
            assert!(
                page.contains(&format!("`{beginning}*`")),
                "docs/daemon.md does not name {beginning}*"
            );
        }
    }
}
