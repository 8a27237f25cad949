use darkroom_protocol::JobId;

use super::dispatcher::Dispatcher;
use crate::store::Waiting;

impl Dispatcher {
    /// A job was stored. It may be in the line already, where somebody placed it meanwhile, or further still.
    pub async fn welcome(&mut self, waiting: Waiting) {
        let job = waiting.job;
        if !self.line.contains(job) && !self.is_running(job) {
            self.line.insert(waiting);
            self.sort(job).await;
        }
    }

    /// A person has given a job its place, held it back, let it go or put it into the line again: as the store has it.
    pub async fn place(&mut self, job: JobId) {
        match self.tools.store.waiting_job(job).await {
            Ok(Some(_)) if self.is_running(job) => {}
            Ok(Some(waiting)) => {
                self.line.insert(waiting);
                self.line.insist(job);
                self.sort(job).await;
            }
            Ok(None) => drop(self.line.remove(job)),
            Err(error) => tracing::error!("job {job} keeps its old place until the next start: {error}"),
        }
    }

    /// Every waiting job has another place.
    pub async fn redraw(&mut self) {
        match self.tools.store.waiting().await {
            Ok(all) => {
                for waiting in all
                    .into_iter()
                    .filter(|waiting| self.line.contains(waiting.job))
                    .collect::<Vec<_>>()
                {
                    self.line.insert(waiting);
                }
            }
            Err(error) => tracing::error!("waiting jobs keep their old places until the next start: {error}"),
        }
    }

    /// A job returns from its worker, to the place that it has in the store now.
    pub async fn back_in_line(&mut self, known: Waiting) {
        let job = known.job;
        match self.tools.store.waiting_job(job).await {
            Ok(Some(waiting)) => self.line.insert(waiting),
            Ok(None) => {}
            Err(error) => {
                tracing::error!("job {job} returns to its old place: {error}");
                self.line.insert(known);
            }
        }
    }

    fn is_running(&self, job: JobId) -> bool {
        self.slots.iter().any(|slot| slot.job() == Some(job))
    }
}
