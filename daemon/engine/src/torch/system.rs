//! Main memory, from the operating system.

use super::Memory;

/// Main memory of this machine or container, and what of it this process uses.
#[cfg(target_os = "linux")]
pub(super) fn memory() -> Memory {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let meminfo = read("/proc/meminfo");
    let status = read("/proc/self/status");
    let mut memory = Memory {
        total: kilobytes(&meminfo, "MemTotal:"),
        free: kilobytes(&meminfo, "MemAvailable:"),
        used: kilobytes(&status, "VmRSS:"),
        peak: kilobytes(&status, "VmHWM:"),
    };
    if let Some((total, free)) = container() {
        memory.total = memory.total.min(total);
        memory.free = memory.free.min(free);
    }
    if let Some(limit) = rustix::process::getrlimit(rustix::process::Resource::As).current {
        memory.total = memory.total.min(limit);
        memory.free = memory.free.min(limit.saturating_sub(kilobytes(&status, "VmSize:")));
    }
    memory
}

/// The value of a line such as `MemTotal:  16384 kB`, in bytes; 0 when the line is not there.
#[cfg(target_os = "linux")]
fn kilobytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0).saturating_mul(1024)
}

/// Limit and remaining room of the control group (version 2) that this process is in, when it has a limit.
#[cfg(target_os = "linux")]
fn container() -> Option<(u64, u64)> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let folder = format!("/sys/fs/cgroup{}", group.trim_end_matches('/'));
    let read = |file: &str| std::fs::read_to_string(format!("{folder}/{file}")).ok();
    let limit = read("memory.max")?.trim().parse::<u64>().ok()?;
    let current = read("memory.current")?.trim().parse::<u64>().ok()?;
    Some((
        limit,
        limit.saturating_sub(current.saturating_sub(cache(&read("memory.stat")?))),
    ))
}

/// Bytes of file cache that the kernel gives back under pressure.
#[cfg(target_os = "linux")]
fn cache(stat: &str) -> u64 {
    let line = stat.lines().find_map(|line| line.strip_prefix("inactive_file "));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// Main memory of this machine, and what of it this process uses.
#[cfg(target_os = "macos")]
pub(super) fn memory() -> Memory {
    let page = number(c"hw.pagesize").unwrap_or(16384);
    let pages = |name| number(name).unwrap_or(0).saturating_mul(page);
    let peak = peak();
    Memory {
        total: number(c"hw.memsize").unwrap_or(0),
        free: pages(c"vm.page_free_count") + pages(c"vm.page_speculative_count") + pages(c"vm.page_purgeable_count"),
        used: peak,
        peak,
    }
}

/// The most memory that this process has used, in bytes; macOS tells the present use only through Mach.
#[cfg(target_os = "macos")]
#[allow(unsafe_code)]
fn peak() -> u64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a zeroed local of the right type, which is valid whatever the call does.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    u64::try_from(usage.ru_maxrss).unwrap_or(0)
}

/// An integer of `sysctl`.
#[cfg(target_os = "macos")]
#[allow(unsafe_code)]
pub(super) fn number(name: &std::ffi::CStr) -> Option<u64> {
    let mut value = 0u64;
    let mut len = size_of::<u64>();
    let out = std::ptr::from_mut(&mut value).cast();
    // SAFETY: name is zero-terminated; the call writes at most `len` bytes into a zeroed local of that many.
    let code = unsafe { libc::sysctlbyname(name.as_ptr(), out, &mut len, std::ptr::null_mut(), 0) };
    (code == 0).then_some(value)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn reads_the_lines_of_proc() {
        let text = "MemTotal:       16384 kB\nMemFree:  1 kB\n";
        assert_eq!(kilobytes(text, "MemTotal:"), 16384 * 1024);
        assert_eq!(kilobytes(text, "MemAvailable:"), 0);
        assert_eq!(cache("anon 5\ninactive_file 4096\n"), 4096);
    }
}
