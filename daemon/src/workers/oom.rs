/// How often the kernel has killed for want of memory since it started; `None` where it does not tell.
///
/// The whole machine's count: a worker that dies by SIGKILL just as it rises was in all likelihood the one.
pub fn kills() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/vmstat").ok()?;
    count(&text)
}

fn count(vmstat: &str) -> Option<u64> {
    let value = vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_by_its_whole_name() {
        assert_eq!(count("oom_kill_other 9\noom_kill 3\n"), Some(3));
        assert_eq!(count("pgfault 9\n"), None);
    }
}
