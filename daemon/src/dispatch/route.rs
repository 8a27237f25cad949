/// Where a job may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// On the worker of that number.
    Worker(usize),
    /// On a worker that has yet to be started, for this device.
    Open(String),
    /// Nowhere: the machine has no such device, but these.
    Nowhere(Vec<String>),
}

/// What routing needs to know of a worker.
#[derive(Clone, Copy, Debug)]
pub struct Face<'a> {
    /// The device that it was or will be started for; empty for the best there is.
    pub asked: &'a str,
    /// The device that it has, once it has told.
    pub device: Option<&'a str>,
}

/// Where a job that asks for `device` (empty for the best there is) may run. The first of the `workers` has the machine's best device; `devices` are all
/// there are, `None` until it has told.
pub fn route(device: &str, workers: &[Face<'_>], devices: Option<&[String]>) -> Route {
    let serves = |face: &Face<'_>| face.asked == device || face.device == Some(device);
    if device.is_empty() {
        return Route::Worker(0);
    }
    match (workers.iter().position(serves), devices) {
        (Some(worker), _) => Route::Worker(worker),
        // Until the first worker has told, it may be the one; it runs nothing before.
        (None, None) => Route::Worker(0),
        (None, Some(devices)) if devices.iter().any(|d| d == device) => Route::Open(device.to_owned()),
        (None, Some(devices)) => Route::Nowhere(devices.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("", Route::Worker(0))]
    #[case("cuda:0", Route::Worker(0))]
    #[case("cpu", Route::Worker(1))]
    #[case("cuda:1", Route::Open("cuda:1".to_owned()))]
    #[case("mps", Route::Nowhere(vec!["cpu".to_owned(), "cuda:0".to_owned(), "cuda:1".to_owned()]))]
    fn to_the_worker_that_has_it(#[case] device: &str, #[case] expected: Route) {
        let workers = [
            Face {
                asked: "",
                device: Some("cuda:0"),
            },
            Face {
                asked: "cpu",
                device: None,
            },
        ];
        let devices = ["cpu", "cuda:0", "cuda:1"].map(str::to_owned);
        assert_eq!(route(device, &workers, Some(&devices)), expected);
    }

    #[test]
    fn until_it_is_known_everything_waits_for_the_first() {
        let workers = [Face {
            asked: "",
            device: None,
        }];
        assert_eq!(route("cuda:7", &workers, None), Route::Worker(0));
    }
}
