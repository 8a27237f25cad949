//! The processor's name and instruction sets, in libtorch's words. `choose.rs` and `devices.rs` ask here, and
//! `worker/describe.rs` tells the list. Kernels are not chosen by it: the shim asks the processor itself (`products` in
//! `wide.rs`).

use std::ffi::CStr;

use super::ffi;

/// What the processor can do, as libtorch sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cpu {
    /// Its name; may be empty.
    pub name: String,
    /// Its instruction sets, sorted.
    pub features: Vec<String>,
}

impl Cpu {
    /// Asks libtorch; nothing is known where it does not say.
    #[allow(unsafe_code)]
    pub fn ask() -> Self {
        let mut text = std::ptr::null();
        // SAFETY: on success the pointer is to a thread-local string, which is read before the next call on this thread.
        unsafe {
            match ffi::check(ffi::dk_cpu_capabilities(&mut text)) {
                Ok(()) => parse(&CStr::from_ptr(text).to_string_lossy()),
                Err(_) => Self::default(),
            }
        }
    }

    /// Whether an instruction set is there.
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|have| have == feature)
    }

    /// The instructions that multiply bf16 matrices natively, if any.
    pub fn bf16(&self) -> Option<&str> {
        ["amx_bf16", "avx512_bf16"]
            .into_iter()
            .find(|feature| self.has(feature))
    }
}

/// The processor's instruction sets, sorted: `avx2`, `avx512_bf16`, `amx_bf16`, `neon`, …
pub fn cpu_features() -> Vec<String> {
    Cpu::ask().features
}

fn parse(text: &str) -> Cpu {
    let mut cpu = Cpu::default();
    for line in text.lines() {
        match line.split_once('=') {
            Some(("cpu_name", name)) => cpu.name = name.trim().to_owned(),
            Some(_) => {}
            None => cpu.features.push(line.to_owned()),
        }
    }
    cpu.features.sort();
    cpu
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_names_the_instruction_sets() {
        let cpu = Cpu::ask();
        #[cfg(target_arch = "x86_64")]
        {
            assert_eq!(cpu.has("avx2"), std::is_x86_feature_detected!("avx2"));
            assert_eq!(cpu.has("avx512_bf16"), std::is_x86_feature_detected!("avx512bf16"));
        }
        assert!(!cpu_features().is_empty());
    }

    #[test]
    fn parses_flags_and_texts() {
        let cpu = parse("sse\ncpu_name= A processor\narchitecture=x86_64\navx512_bf16\namx_bf16\n");
        assert_eq!(cpu.name, "A processor");
        assert_eq!(cpu.features, ["amx_bf16", "avx512_bf16", "sse"]);
        assert_eq!(cpu.bf16(), Some("amx_bf16"));
        assert_eq!(parse("avx2").bf16(), None);
    }
}
