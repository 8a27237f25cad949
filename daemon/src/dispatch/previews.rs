use darkroom_protocol::Order;

use super::dispatcher::Dispatcher;
use crate::events::Demand;

impl Dispatcher {
    /// Tells every worker at work what the readers of its job want to see of it, where that has changed.
    pub fn order_previews(&mut self) {
        for at in 0..self.slots.len() {
            self.order_previews_of(at);
        }
    }

    /// The same for one worker. Without a job it is told nothing: before the next one it is.
    pub fn order_previews_of(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        let (Some(job), Some(worker)) = (slot.job(), &slot.worker) else {
            return;
        };
        let demand = self.tools.bus.demand(job);
        if demand != slot.shown {
            let Demand { max_fps, max_px } = demand;
            worker.send(Order::Previews { max_fps, max_px });
            slot.shown = demand;
        }
    }
}
