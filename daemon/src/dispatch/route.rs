//! Which workers may run a job that asks for a device, and whether one has yet to be started for it. Pure.

/// Whether there is a worker for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// One or several, or it is not known yet.
    Known,
    /// One that has yet to be started, for this device.
    Open(String),
    /// None: the machine has no such device, but these.
    Nowhere(Vec<String>),
}

/// What routing needs to know of a worker.
#[derive(Clone, Copy, Debug)]
pub struct Face<'a> {
    /// The device that it was or will be started for; empty for the best there is.
    pub asked: &'a str,
    /// The device that it has, once it has told.
    pub device: Option<&'a str>,
    /// Whether it takes jobs that name no device.
    pub open: bool,
}

impl Face<'_> {
    fn has(&self, device: &str) -> bool {
        self.asked == device || self.device == Some(device)
    }
}

/// Where a job that asks for `device` (empty for any open one) finds a worker. `devices` are all that the machine has, `None`
/// until some worker has told.
pub fn route(device: &str, workers: &[Face<'_>], devices: Option<&[String]>) -> Route {
    let known = device.is_empty() || workers.iter().any(|face| face.has(device));
    match devices {
        Some(devices) if !known && devices.iter().any(|d| d == device) => Route::Open(device.to_owned()),
        Some(devices) if !known => Route::Nowhere(devices.to_vec()),
        _ => Route::Known,
    }
}

/// Whether worker `at` may run a job that asks for `device`. Until its machine's devices are known, an open worker may turn out
/// to have any; it runs nothing before.
pub fn runs_on(device: &str, at: usize, workers: &[Face<'_>], devices: Option<&[String]>) -> bool {
    let face = &workers[at];
    if device.is_empty() {
        return face.open;
    }
    face.has(device) || (devices.is_none() && face.open && !workers.iter().any(|other| other.has(device)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn face<'a>(asked: &'a str, device: Option<&'a str>, open: bool) -> Face<'a> {
        Face { asked, device, open }
    }

    #[rstest]
    #[case("", Route::Known, &[0, 2])]
    #[case("cuda:0", Route::Known, &[0])]
    #[case("cpu", Route::Known, &[1])]
    #[case("cuda:1", Route::Known, &[2])]
    #[case("cuda:2", Route::Open("cuda:2".to_owned()), &[])]
    #[case("mps", Route::Nowhere(["cpu", "cuda:0", "cuda:1", "cuda:2"].map(str::to_owned).to_vec()), &[])]
    fn to_the_workers_that_have_it(#[case] device: &str, #[case] expected: Route, #[case] workers: &[usize]) {
        let faces = [
            face("", Some("cuda:0"), true),
            face("cpu", None, false),
            face("cuda:1", None, true),
        ];
        let devices = ["cpu", "cuda:0", "cuda:1", "cuda:2"].map(str::to_owned);
        assert_eq!(route(device, &faces, Some(&devices)), expected);
        let able: Vec<usize> = (0..3)
            .filter(|at| runs_on(device, *at, &faces, Some(&devices)))
            .collect();
        assert_eq!(able, workers);
    }

    #[test]
    fn until_it_is_known_everything_waits_for_the_open_ones() {
        let faces = [face("", None, true), face("cpu", None, false)];
        assert_eq!(route("cuda:7", &faces, None), Route::Known);
        let able = |device| [0, 1].map(|at| runs_on(device, at, &faces, None));
        assert_eq!(able("cuda:7"), [true, false]);
        assert_eq!(able("cpu"), [false, true]);
    }
}
