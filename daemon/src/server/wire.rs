//! How replies and events are written for a peer: in frames or in JSON lines. Both come from the same types of the protocol.

use std::sync::Arc;

use bytes::Bytes;
use darkroom_protocol::codec::{frame, rpc};
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{FailureKind, Reply, ServerMessage};

use crate::events::Packet;

/// How a peer is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// bincode in frames.
    Frames,
    /// JSON-RPC lines.
    Lines,
}

/// The number of a request, as its peer gave it.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// In a frame.
    Frame(u64),
    /// In a line.
    Line(serde_json::Value),
    /// None: no answer is wanted.
    None,
}

impl Wire {
    /// An event, its preview at most `max_px` wide and high. It is encoded once for all readers.
    pub fn event(self, packet: &Arc<Packet>, max_px: u32) -> Bytes {
        let packet = packet.within(max_px);
        let encoded = match self {
            Self::Frames => packet
                .frame
                .get_or_init(|| framed(&ServerMessage::Event(packet.event.clone())).into()),
            Self::Lines => packet.line.get_or_init(|| rpc::event(&packet.event).into()),
        };
        encoded.clone()
    }

    /// Why the connection is closed.
    pub fn bye(self, reason: &str) -> Vec<u8> {
        match self {
            Self::Frames => framed(&ServerMessage::Bye {
                reason: reason.to_owned(),
            }),
            Self::Lines => rpc::bye(reason).into_bytes(),
        }
    }
}

impl Number {
    /// The answer to the request of that number; `None` when none is wanted.
    pub fn reply(self, result: Result<Reply, RemoteError>) -> Option<Vec<u8>> {
        match self {
            Self::Frame(id) => {
                let bytes = frame::frame(&ServerMessage::Reply { id, result });
                Some(bytes.unwrap_or_else(|_| {
                    framed(&ServerMessage::Reply {
                        id,
                        result: Err(too_long()),
                    })
                }))
            }
            Self::Line(id) => Some(rpc::reply(&id, &result).into_bytes()),
            Self::None => None,
        }
    }
}

fn too_long() -> RemoteError {
    RemoteError::new(
        FailureKind::Usage,
        "The answer is longer than a message may be: ask for less.",
    )
}

/// A frame; empty when the message exceeds the limit, which events and farewells do not.
fn framed(message: &ServerMessage) -> Vec<u8> {
    frame::frame(message).unwrap_or_else(|error| {
        tracing::error!("a message was dropped: {error}");
        Vec::new()
    })
}
