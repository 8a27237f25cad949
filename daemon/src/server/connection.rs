use std::sync::Arc;
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use tokio::io::{AsyncRead, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use super::Context;
use super::door::{Refusal, enter};
use super::input::{Fault, Input};
use super::session::Session;
use super::wire::Wire;
use crate::events::{Mail, Mailbox};

/// A closing connection has so long to take what it is still sent.
const GRACE: Duration = Duration::from_secs(2);

/// Serves one peer until it or the daemon leaves. A `crowded` daemon only tells it so.
pub async fn serve(stream: Stream, context: Arc<Context>, crowded: bool) {
    let mut input = Input::new(&stream, context.budget.clone(), context.limits.stall);
    let deadline = context.limits.first_message;
    let capabilities = context.dispatch.board().capabilities;
    let entered = timeout(deadline, async {
        let wire = enter(&mut input, &mut &stream, capabilities).await?;
        // A line is the peer's first message and is due with its first byte; a frame's Hello has been read.
        let first = match wire {
            Wire::Lines => Some(input.line().await),
            Wire::Frames => None,
        };
        Ok::<_, Refusal>((wire, first))
    });
    let (wire, first) = match entered.await {
        Ok(Ok(entered)) => entered,
        Ok(Err(Refusal::Line(line))) => return last_line(&stream, &line).await,
        Ok(Err(Refusal::Gone | Refusal::Told)) => return,
        Err(_) => {
            let line = format!(
                "The first message is due within {} s of connecting.",
                deadline.as_secs_f32()
            );
            return last_line(&stream, &line).await;
        }
    };
    let mailbox = Arc::new(Mailbox::default());
    if crowded {
        mailbox.close(Some(
            "the daemon has as many connections as it takes: close some and try again.",
        ));
    }
    let session = Session::new(context.clone(), mailbox.clone(), wire);
    let reading = async {
        let end = session.requests(&mut input, first).await;
        mailbox.close(end.err().as_deref());
        std::future::pending::<()>().await;
    };
    let stopping = async {
        context.stop.cancelled().await;
        mailbox.close(Some("the daemon ends."));
        std::future::pending::<()>().await;
    };
    let giving_up = async {
        mailbox.closed().await;
        sleep(GRACE).await;
    };
    tokio::select! {
        () = reading, if !crowded => {}
        () = stopping => {}
        () = send(&stream, wire, &mailbox) => {}
        () = giving_up => {}
    }
}

/// Sends what is in the mailbox until its last words, or until nobody reads.
async fn send(mut stream: &Stream, wire: Wire, mailbox: &Mailbox) {
    loop {
        let (bytes, last) = match mailbox.next().await {
            Mail::Bytes(bytes) => (bytes, false),
            Mail::Event(event, max_px) => (wire.event(&event, max_px), false),
            Mail::Bye(reason) => (reason.map(|r| wire.bye(&r)).unwrap_or_default(), true),
        };
        if stream.write_all(&bytes).await.is_err() || last {
            return;
        }
    }
}

/// Tells a peer that is not understood one line that a person can read.
async fn last_line(mut stream: &Stream, line: &str) {
    // Whether it is read is the peer's affair.
    let _ = timeout(GRACE, stream.write_all(format!("{line}\n").as_bytes())).await;
}

/// The first line, as it came through the door, and then the others.
pub type First = Option<Result<Option<super::input::Body>, Fault>>;

/// What a session reads from.
pub trait Source: AsyncRead + Unpin + Send {}

impl<T: AsyncRead + Unpin + Send> Source for T {}
