//! An event on its way to its readers.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use darkroom_protocol::{Event, EventKind};

use super::shrink::{factor, shrink};

/// Events that are remembered for those who come back.
pub(super) const HISTORY: usize = 1024;

/// An event on its way to many readers. What is costly, shrinking a preview and encoding, is done once for all of them, and
/// only when the first of them is about to be sent it.
#[derive(Debug)]
pub struct Packet {
    /// The event.
    pub event: Event,
    /// When it happened.
    pub at: Instant,
    /// Encoded as a frame.
    pub frame: OnceLock<Bytes>,
    /// Encoded as a line.
    pub line: OnceLock<Bytes>,
    /// Its preview shrunk, by the factor.
    smaller: Mutex<Vec<(u32, Arc<Self>)>>,
}

impl Packet {
    /// An event that nothing was done with yet.
    pub fn new(event: Event) -> Arc<Self> {
        Arc::new(Self {
            event,
            at: Instant::now(),
            frame: OnceLock::new(),
            line: OnceLock::new(),
            smaller: Mutex::default(),
        })
    }

    /// The same with its preview at most `max_px` wide and high; 0 leaves it as it is.
    pub fn within(self: &Arc<Self>, max_px: u32) -> Arc<Self> {
        let EventKind::Preview(preview) = &self.event.kind else {
            return self.clone();
        };
        let factor = factor(preview, max_px);
        if factor == 1 {
            return self.clone();
        }
        let mut smaller = self.smaller.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, packet)) = smaller.iter().find(|(known, _)| *known == factor) {
            return packet.clone();
        }
        let packet = Self::new(Event {
            kind: EventKind::Preview(shrink(preview, factor)),
            ..self.event
        });
        smaller.push((factor, packet.clone()));
        packet
    }
}

impl PartialEq for Packet {
    fn eq(&self, other: &Self) -> bool {
        self.event == other.event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{JobId, Preview};

    fn preview(side: u32) -> Arc<Packet> {
        let preview = Preview {
            image: 0,
            step: 1,
            width: side,
            height: side,
            rgb: vec![7; 3 * (side * side) as usize],
        };
        Packet::new(Event {
            seq: 1,
            of: JobId::new().into(),
            kind: EventKind::Preview(preview),
        })
    }

    #[test]
    fn readers_of_one_size_share_one_picture() {
        let packet = preview(64);
        let (a, b, other) = (packet.within(32), packet.within(40), packet.within(16));
        assert!(Arc::ptr_eq(&a, &b) && !Arc::ptr_eq(&a, &other));
        let width = |packet: &Packet| match &packet.event.kind {
            EventKind::Preview(preview) => preview.width,
            _ => 0,
        };
        assert_eq!((width(&a), width(&other)), (32, 16));
    }

    #[test]
    fn nothing_is_enlarged() {
        let packet = preview(64);
        assert!([0, 64, 1000].iter().all(|px| Arc::ptr_eq(&packet.within(*px), &packet)));
    }
}
