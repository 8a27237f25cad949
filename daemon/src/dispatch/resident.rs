use darkroom_protocol::Residency;
use tokio::time::Instant;

/// What a worker last said it has in memory, and when.
#[derive(Debug, Default)]
pub struct Resident(Option<(Residency, Instant)>);

impl Resident {
    /// As it says now.
    pub fn heard(residency: Residency) -> Self {
        Self(Some((residency, Instant::now())))
    }

    /// Names of the models with which a job begins at once.
    pub fn complete(&self) -> Vec<String> {
        let models = self.0.iter().flat_map(|(residency, _)| residency.complete());
        models.map(str::to_owned).collect()
    }

    /// When it said so.
    pub fn heard_at(&self) -> Option<Instant> {
        self.0.as_ref().map(|(_, at)| *at)
    }

    /// As it is now: times have gone on.
    pub fn now(&self) -> Residency {
        match &self.0 {
            Some((residency, heard)) => residency.clone().aged(heard.elapsed().as_secs()),
            None => Residency::default(),
        }
    }
}
