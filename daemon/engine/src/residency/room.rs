//! Which parts go when another needs room: arithmetic alone.

/// A part in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// Its number.
    pub id: u64,
    /// What it takes.
    pub bytes: u64,
    /// When it was last used: larger is later.
    pub used: u64,
    /// Whether it stays whatever happens: pinned, or needed by the task.
    pub stays: bool,
}

/// The parts to remove, the one used longest ago first, so that `wanted` more bytes are within `budget`: as few as suffice, all
/// that may go where nothing suffices.
pub fn evicted(occupants: &[Occupant], budget: u64, wanted: u64) -> Vec<u64> {
    let mut total = occupants.iter().fold(wanted, |sum, o| sum.saturating_add(o.bytes));
    let mut movable: Vec<_> = occupants.iter().filter(|o| !o.stays).collect();
    movable.sort_by_key(|o| (o.used, o.id));
    let mut gone = Vec::new();
    for occupant in movable {
        if total <= budget {
            break;
        }
        total -= occupant.bytes;
        gone.push(occupant.id);
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    /// Written `id:bytes@used`, with `!` for one that stays.
    fn parse(text: &str) -> Vec<Occupant> {
        let one = |word: &str| {
            let (id, rest) = word.split_once(':')?;
            let (bytes, used) = rest.trim_end_matches('!').split_once('@')?;
            Some(Occupant {
                id: id.parse().ok()?,
                bytes: bytes.parse().ok()?,
                used: used.parse().ok()?,
                stays: word.ends_with('!'),
            })
        };
        text.split_whitespace().map(|word| one(word).unwrap()).collect()
    }

    #[rstest]
    #[case::room_enough("1:4@1 2:4@2", 10, 2, &[])]
    #[case::the_oldest("1:4@2 2:4@1", 10, 4, &[2])]
    #[case::as_few_as_suffice("1:1@1 2:5@2 3:5@3", 12, 5, &[1, 2])]
    #[case::a_small_old_one_goes_though_it_is_not_enough("1:1@1 2:9@2", 10, 9, &[1, 2])]
    #[case::pinned_stays("1:4@1! 2:4@2", 10, 4, &[2])]
    #[case::nothing_suffices("1:4@1! 2:4@2", 10, 100, &[2])]
    #[case::a_tie_goes_by_age("2:4@1 1:4@1", 10, 4, &[1])]
    #[case::no_overflow("1:4@1", 10, u64::MAX, &[1])]
    fn least_recently_used_first(#[case] parts: &str, #[case] budget: u64, #[case] wanted: u64, #[case] gone: &[u64]) {
        assert_eq!(evicted(&parse(parts), budget, wanted), gone);
    }

    proptest! {
        #[test]
        fn what_stays_stays_and_no_one_goes_in_vain(
            parts in prop::collection::vec((1..50u64, 0..9u64, any::<bool>()), 0..8),
            budget in 0..200u64,
            wanted in 0..100u64,
        ) {
            let parts: Vec<_> = parts.into_iter().enumerate().map(|(id, (bytes, used, stays))| {
                Occupant { id: id as u64, bytes, used, stays }
            }).collect();
            let gone = evicted(&parts, budget, wanted);
            let rest = |gone: &[u64]| parts.iter().filter(|o| !gone.contains(&o.id)).map(|o| o.bytes).sum::<u64>();
            prop_assert!(parts.iter().all(|o| !(o.stays && gone.contains(&o.id))));
            prop_assert!(rest(&gone) + wanted <= budget || parts.iter().all(|o| o.stays || gone.contains(&o.id)));
            if let Some((_, but_one)) = gone.split_last() {
                prop_assert!(rest(but_one) + wanted > budget);
            }
        }
    }
}
