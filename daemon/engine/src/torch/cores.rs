//! The number of cores that pays for a task which names no threads: `worker/executor.rs` takes it, `worker/describe.rs` tells it.
//! Setting libtorch's threads is in `threads.rs`, and how they wait for each other in `load.rs`.

/// How many physical cores this process may use, at least 1: two hardware threads of one core share the units that
/// matrix products need, so this is the number of threads that pays.
///
/// Affinity and a container's processor quota are respected.
pub fn physical_cores() -> u32 {
    let allowed = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cores = count().map_or(allowed, |cores| cores.clamp(1, allowed));
    u32::try_from(cores).unwrap_or(u32::MAX)
}

#[cfg(target_os = "linux")]
fn count() -> Option<usize> {
    let cpus = allowed_cpus(&std::fs::read_to_string("/proc/self/status").ok()?)?;
    let topology = |cpu: u32, file: &str| {
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/{file}");
        std::fs::read_to_string(path).ok()?.trim().parse::<i64>().ok()
    };
    let cores: Option<std::collections::BTreeSet<_>> = cpus
        .into_iter()
        .map(|cpu| Some((topology(cpu, "physical_package_id")?, topology(cpu, "core_id")?)))
        .collect();
    cores.map(|cores| cores.len())
}

/// The processors in the `Cpus_allowed_list` line of `/proc/self/status`, for instance `0-3,8`.
#[cfg(target_os = "linux")]
fn allowed_cpus(status: &str) -> Option<Vec<u32>> {
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut cpus = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
        cpus.extend(first..=last.min(first.saturating_add(8192)));
    }
    Some(cpus)
}

#[cfg(target_os = "macos")]
fn count() -> Option<usize> {
    let performance = super::system::number(c"hw.perflevel0.physicalcpu");
    let cores = performance.or_else(|| super::system::number(c"hw.physicalcpu"))?;
    usize::try_from(cores).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_at_least_one_and_no_more_than_threads() {
        let threads = std::thread::available_parallelism().unwrap().get();
        assert!((1..=threads as u32).contains(&physical_cores()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn reads_lists_of_processors() {
        let status = "Name:\tx\nCpus_allowed_list:\t0-2,5,8-9\nMems_allowed_list:\t0\n";
        assert_eq!(allowed_cpus(status).unwrap(), [0, 1, 2, 5, 8, 9]);
        assert_eq!(allowed_cpus("Cpus_allowed_list:\tall"), None);
        assert_eq!(allowed_cpus("Cpus_allowed_list:\t0-4294967295").unwrap().len(), 8193);
    }
}
