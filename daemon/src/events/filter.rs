use darkroom_protocol::{EventName, Subject};

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those about this; about everything when absent.
    pub of: Option<Subject>,
    /// Previews a second at most; 0 for none.
    pub max_fps: u32,
    /// Previews at most so wide and high; 0 for as they are.
    pub max_px: u32,
    /// Whether a preview waits until the last one was seen.
    pub paced: bool,
    /// Only these kinds; all when empty.
    pub kinds: Vec<EventName>,
}

impl Filter {
    /// Whether events of that kind are wanted at all.
    pub fn wants(&self, name: EventName) -> bool {
        let listed = self.kinds.is_empty() || self.kinds.contains(&name);
        listed && (name != EventName::Preview || self.max_fps > 0)
    }
}
