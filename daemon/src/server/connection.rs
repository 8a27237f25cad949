//! One connection from its first byte to its last: it is let in, its requests are read while its mailbox is sent, and every way in
//! which it can end is bounded in time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use darkroom_protocol::codec::preface::Hello;
use interprocess::local_socket::tokio::Stream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{sleep, timeout};

use super::Context;
use super::door::{Refusal, enter};
use super::input::Input;
use super::session::{First, Session};
use super::wire::Wire;
use crate::events::{Held, Mail, Mailbox};

/// A closing connection has so long to take what it is still sent.
const GRACE: Duration = Duration::from_secs(2);
/// So many bytes are written at one time.
const PIECE: usize = 64 * 1024;
/// A peer that sends nothing more is looked after so often.
const STILL_THERE: Duration = Duration::from_secs(1);

/// Serves one peer until it or the daemon leaves. A `crowded` daemon only tells it so.
pub async fn serve(stream: Stream, context: Arc<Context>, crowded: bool) {
    let mut input = Input::new(&stream, context.budget.clone(), context.limits.stall);
    let Some((wire, first)) = let_in(&stream, &mut input, &context).await else {
        return;
    };
    let mailbox = Arc::new(Mailbox::default());
    if crowded {
        mailbox.close("the daemon has as many connections as it takes: close some and try again.");
    }
    let session = Session::new(context.clone(), mailbox.clone(), wire);
    let reading = async {
        match session.requests(&mut input, first).await {
            // What it asked for is still sent, as long as it reads: events too, until the jobs that it follows have ended.
            Ok(()) => {
                tokio::select! {
                    () = session.asker.subscription.over() => {}
                    () = hang_up(&stream) => {}
                }
                mailbox.finish();
                sleep(context.limits.stall).await;
            }
            Err(reason) => {
                mailbox.close(&reason);
                sleep(GRACE).await;
            }
        }
    };
    let stopping = async {
        context.stop.cancelled().await;
        mailbox.close("the daemon ends.");
        sleep(GRACE).await;
    };
    let overflowing = async {
        mailbox.closed().await;
        sleep(GRACE).await;
    };
    tokio::select! {
        () = reading, if !crowded => {}
        () = stopping => {}
        () = overflowing => {}
        () = send(&stream, wire, &mailbox, context.limits.stall) => {}
    }
}

/// Waits until a peer that sends nothing more has closed its other side too. Nothing announces that to a reader at its end, so
/// it is asked again and again.
async fn hang_up(stream: &Stream) {
    let Stream::UdSocket(socket) = stream;
    loop {
        let mut asked = [PollFd::new(socket, PollFlags::empty())];
        // An error means that there is nothing to wait for.
        let gone = poll(&mut asked, Some(&Timespec::default())).is_err()
            || asked[0].revents().intersects(PollFlags::HUP | PollFlags::ERR);
        if gone {
            return;
        }
        sleep(STILL_THERE).await;
    }
}

/// Finds out how a peer speaks, within the deadline for its first message; tells one that is not understood what is wrong.
/// Of lines, the first one is read too: it is the first message, as the Hello is of frames.
async fn let_in<'a>(stream: &'a Stream, input: &mut Input<&'a Stream>, context: &Context) -> Option<(Wire, First)> {
    let deadline = context.limits.first_message;
    let ours = Hello {
        capabilities: context.dispatch.board().capabilities,
        data: context.whose.clone(),
        ..Hello::of("daemon")
    };
    let entered = timeout(deadline, async {
        let wire = enter(input, &mut &*stream, &ours).await?;
        let first = match wire {
            Wire::Lines => Some(input.line().await),
            Wire::Frames => None,
        };
        Ok((wire, first))
    });
    let line = match entered.await {
        Ok(Ok(entered)) => return Some(entered),
        Ok(Err(Refusal::Gone | Refusal::Told)) => return None,
        Ok(Err(Refusal::Line(line))) => line,
        Err(_) => format!(
            "The first message is due within {} s of connecting.",
            deadline.as_secs_f32()
        ),
    };
    last_line(stream, &line).await;
    None
}

/// Sends what is in the mailbox until its last words, or until nobody reads. A long answer of which nothing is read for `stall`
/// ends the connection: others wait for its memory.
async fn send(mut stream: &Stream, wire: Wire, mailbox: &Mailbox, stall: Duration) {
    loop {
        let (bytes, held, last): (Bytes, _, _) = match mailbox.next().await {
            Mail::Bytes(bytes, held) => (bytes.into(), held, false),
            Mail::Event(packet, max_px) => (wire.event(&packet, max_px), Held::default(), false),
            Mail::Bye(reason) => {
                let bytes = reason.map(|r| wire.bye(&r).into()).unwrap_or_default();
                (bytes, Held::default(), true)
            }
        };
        for piece in bytes.chunks(PIECE) {
            let writing = stream.write_all(piece);
            let written = match held.is_some() {
                true => timeout(stall, writing).await.is_ok_and(|done| done.is_ok()),
                false => writing.await.is_ok(),
            };
            if !written {
                return;
            }
        }
        if last {
            return;
        }
    }
}

/// Tells a peer that is not understood one line that a person can read.
async fn last_line(mut stream: &Stream, line: &str) {
    // Whether it is read is the peer's affair.
    let _ = timeout(GRACE, stream.write_all(format!("{line}\n").as_bytes())).await;
}
