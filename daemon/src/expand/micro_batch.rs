//! How many pictures of a batch are computed together. A part of the task, because it changes the bytes that come out.

/// Pictures of 512×512 that are computed together at most.
const TOGETHER: u64 = 8;
/// Pixels of such a picture.
const PIXELS: u64 = 512 * 512;

/// How many of `batch` pictures of that size are computed together: up to 8 at 512×512 and below, fewer in proportion to the
/// pixels above, at least one. A function of the task alone, so that the same task always gives the same bytes.
pub fn micro_batch(batch: u32, width: u32, height: u32) -> u32 {
    let pixels = (u64::from(width) * u64::from(height)).max(1);
    let most = (TOGETHER * PIXELS / pixels).clamp(1, TOGETHER);
    batch.clamp(1, most as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(1, 512, 512, 1)]
    #[case(4, 512, 512, 4)]
    #[case(256, 512, 512, 8)]
    #[case(256, 64, 64, 8)]
    #[case(256, 768, 768, 3)]
    #[case(256, 1024, 1024, 2)]
    #[case(256, 4096, 4096, 1)]
    #[case(0, 0, 0, 1)]
    fn larger_pictures_come_in_smaller_groups(
        #[case] batch: u32,
        #[case] width: u32,
        #[case] height: u32,
        #[case] n: u32,
    ) {
        assert_eq!(micro_batch(batch, width, height), n);
    }

    proptest! {
        #[test]
        fn never_none_never_more_than_asked(batch in 1u32.., width in any::<u32>(), height in any::<u32>()) {
            let n = micro_batch(batch, width, height);
            prop_assert!((1..=batch.min(8)).contains(&n));
        }
    }
}
