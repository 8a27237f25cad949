//! What readers want to see of a picture in the making: workers make no more previews than that.

/// What readers want to see of a job in the making.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Previews a second at most; 0 for none.
    pub max_fps: u32,
    /// At most so wide and high; 0 for as they are.
    pub max_px: u32,
}

impl Demand {
    /// What satisfies both.
    pub fn and(self, other: Self) -> Self {
        match (self.max_fps, other.max_fps) {
            (0, _) => other,
            (_, 0) => self,
            (one, two) => Self {
                max_fps: one.max(two),
                max_px: match (self.max_px, other.max_px) {
                    (0, _) | (_, 0) => 0,
                    (one, two) => one.max(two),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case((0, 0), (0, 0), (0, 0))]
    #[case((0, 900), (5, 64), (5, 64))]
    #[case((5, 64), (0, 0), (5, 64))]
    #[case((5, 64), (2, 256), (5, 256))]
    #[case((5, 64), (2, 0), (5, 0))]
    fn the_most_demanding_wins(#[case] one: (u32, u32), #[case] two: (u32, u32), #[case] both: (u32, u32)) {
        let demand = |(max_fps, max_px)| Demand { max_fps, max_px };
        assert_eq!(demand(one).and(demand(two)), demand(both));
    }
}
