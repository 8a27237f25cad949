use darkroom_protocol::JobId;

/// The day on which a job was accepted, in universal time: `2026-03-21`.
pub(super) fn day(job: JobId) -> String {
    let millis = (job.0.as_u128() >> 80) as i64;
    let (year, month, day) = civil(millis.div_euclid(86_400_000));
    format!("{year:04}-{month:02}-{day:02}")
}

/// Year, month and day of the proleptic Gregorian calendar, `days` after 1970-01-01. The year is counted from March, so that
/// the leap day is its last (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, (1970, 1, 1))]
    #[case(59, (1970, 3, 1))]
    #[case(11_016, (2000, 2, 29))]
    #[case(20_148, (2025, 3, 1))]
    #[case(20_453, (2025, 12, 31))]
    #[case(47_541, (2100, 3, 1))]
    fn days_are_dates(#[case] days: i64, #[case] date: (i64, i64, i64)) {
        assert_eq!(civil(days), date);
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = civil(-1);
        for days in 0..60_000 {
            let now = civil(days);
            let next_day = now.0 == last.0 && now.1 == last.1 && now.2 == last.2 + 1;
            let next_month = now.2 == 1 && last.2 >= 28 && (now.0 * 12 + now.1 == last.0 * 12 + last.1 + 1);
            assert!(next_day || next_month, "{last:?} then {now:?}");
            last = now;
        }
    }

    #[test]
    fn a_job_knows_its_day() {
        let job = "019816c5-5000-7000-8000-000000000000".parse().unwrap();
        assert_eq!(day(job), "2025-07-17");
    }
}
