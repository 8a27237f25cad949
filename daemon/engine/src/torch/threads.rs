/// Sets how many threads one operation uses, at least 1. It may change between tasks.
///
/// OpenMP keeps the number by thread: call it on the thread that runs the models.
pub fn set_threads(count: u32) {
    tch::set_num_threads(i32::try_from(count.max(1)).unwrap_or(i32::MAX));
}

/// How many threads one operation uses on this thread.
pub fn threads() -> u32 {
    u32::try_from(tch::get_num_threads()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_may_change_between_tasks() {
        std::thread::spawn(|| {
            for count in [1, 2, 1] {
                set_threads(count);
                assert_eq!(threads(), count);
            }
            set_threads(0);
            assert_eq!(threads(), 1);
        })
        .join()
        .unwrap();
    }
}
