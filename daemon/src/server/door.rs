//! How a peer comes in: its first byte says how it speaks, and peers that speak frames greet and are greeted. `connection` calls
//! it.

use darkroom_protocol::codec::preface::{HEAD, Head, Hello};
use darkroom_protocol::codec::rpc;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::input::{Fault, Input};
use super::wire::Wire;

/// Why a peer was not let in.
#[derive(Debug)]
pub enum Refusal {
    /// It went away.
    Gone,
    /// It is told this line.
    Line(String),
    /// It has been told what this version is, and will know what to do.
    Told,
}

/// Finds out by the first byte how the peer speaks, and greets it with `ours` if it speaks frames.
pub async fn enter<R, W>(input: &mut Input<R>, output: &mut W, ours: &Hello) -> Result<Wire, Refusal>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    match input.peek().await {
        Ok(Some(0)) => greet(input, output, ours).await.map(|()| Wire::Frames),
        Ok(Some(b'{' | b' ' | b'\t' | b'\r' | b'\n')) => Ok(Wire::Lines),
        Ok(Some(b'[')) => Err(Refusal::Line(batch())),
        Ok(Some(_)) => Err(Refusal::Line(
            "This is Darkroom's socket: send JSON-RPC 2.0, one object a line, or frames after \\0DKR.".to_owned(),
        )),
        Ok(None) | Err(_) => Err(Refusal::Gone),
    }
}

/// What a peer is told that sends a batch: it reads JSON.
fn batch() -> String {
    let refusal = rpc::Refusal::unread(
        "This is Darkroom's socket: it takes JSON-RPC 2.0, one object a line. Batches are not taken: send their objects one by one.",
    );
    rpc::refusal(&refusal).trim_end().to_owned()
}

/// Both ends say who they are. A peer of another version, or one that looks for another home's daemon, reads this one's, and
/// says what to do.
async fn greet<R, W>(input: &mut Input<R>, output: &mut W, ours: &Hello) -> Result<(), Refusal>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let refused = |fault: Fault| match fault {
        Fault::Cut | Fault::Io(_) => Refusal::Gone,
        other => Refusal::Line(other.to_string()),
    };
    let mut bytes = [0; HEAD];
    bytes.copy_from_slice(&input.exact(HEAD).await.map_err(refused)?.bytes);
    let head = Head::parse(&bytes).map_err(|e| Refusal::Line(e.to_string()))?;
    output.write_all(&ours.encode()).await.map_err(|_| Refusal::Gone)?;
    let hello = input.exact(head.length).await.map_err(refused)?;
    match head.hello(&hello.bytes) {
        Ok(hello) => match (&hello.data, &ours.data) {
            (Some(theirs), Some(ours)) if theirs.is_another(ours) => {
                tracing::info!("a client of another home was sent away");
                Err(Refusal::Told)
            }
            _ => Ok(()),
        },
        Err(error) => {
            tracing::info!("a connection was refused: {error}");
            Err(Refusal::Told)
        }
    }
}
