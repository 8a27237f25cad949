//! What a peer sends, message by message, under caps on length, silence and memory. It knows frames and lines as bytes; what they
//! say is read in `session`.

use std::io;
use std::time::Duration;

use darkroom_protocol::codec::{MAX_MESSAGE, MAX_REQUEST};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::time::timeout;

use super::budget::{Budget, Share};

/// The reading half of a connection, message by message.
#[derive(Debug)]
pub struct Input<R> {
    reader: BufReader<R>,
    budget: Budget,
    stall: Duration,
}

/// One message, with its share of the memory for long ones.
#[derive(Debug, Default)]
pub struct Body {
    /// Its bytes.
    pub bytes: Vec<u8>,
    share: Share,
}

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Its beginning came, its end did not.
    #[error("a message was begun and then nothing came for {0} s: send it whole.")]
    Stalled(f32),
    /// The connection ended inside it.
    #[error("the connection ended inside a message.")]
    Cut,
    /// A frame is too long.
    #[error("a message of {0} bytes exceeds the limit of {MAX_REQUEST} bytes: send pictures with `upload`, in pieces.")]
    TooLong(u64),
    /// A line was too long and has been passed over: the next one can be read.
    #[error("A line of {0} bytes exceeds the limit of {MAX_REQUEST} bytes: send pictures with `upload`, in pieces.")]
    Skipped(u64),
    /// A line has no end.
    #[error("a line of more than {MAX_MESSAGE} bytes has no end; the limit is {MAX_REQUEST} bytes.")]
    Endless,
    /// Other connections hold all the memory for long messages.
    #[error("other connections are sending too much at once: try again.")]
    Crowded,
    /// The system failed.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
}

impl<R: AsyncRead + Unpin> Input<R> {
    /// Reads from `reader`. A message that was begun must go on within `stall`, again and again.
    pub fn new(reader: R, budget: Budget, stall: Duration) -> Self {
        Self {
            reader: BufReader::new(reader),
            budget,
            stall,
        }
    }

    /// The next byte, left where it is; `None` at the end. Waits as long as it takes.
    pub async fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.reader.fill_buf().await?.first().copied())
    }

    /// The next `count` bytes. Memory grows with what arrives, not with what is announced.
    pub async fn exact(&mut self, count: usize) -> Result<Body, Fault> {
        let mut body = Body::default();
        while body.bytes.len() < count {
            self.more(&mut body, |found| (found.len(), false), count).await?;
        }
        Ok(body)
    }

    /// The body of the next frame; `None` at the end of the connection.
    pub async fn frame(&mut self) -> Result<Option<Body>, Fault> {
        if self.peek().await?.is_none() {
            return Ok(None);
        }
        let length = self.exact(4).await?.bytes;
        let length = length.iter().rev().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
        if length > MAX_REQUEST as u64 {
            return Err(Fault::TooLong(length));
        }
        self.exact(length as usize).await.map(Some)
    }

    /// The next line without its end; `None` at the end of the connection. The last one needs none. Blank lines are passed over.
    pub async fn line(&mut self) -> Result<Option<Body>, Fault> {
        loop {
            if self.peek().await?.is_none() {
                return Ok(None);
            }
            let mut body = Body::default();
            let mut ended = false;
            while !ended {
                ended = match self.more(&mut body, through_newline, MAX_REQUEST + 1).await {
                    Err(Fault::Cut) => true,
                    other => other?,
                };
                if !ended && body.bytes.len() > MAX_REQUEST {
                    let begun = body.bytes.len() as u64;
                    drop(body);
                    return Err(self.skip(begun).await?);
                }
            }
            if !body.bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(body));
            }
        }
    }

    /// Passes over the rest of a line of which `size` bytes have come; it costs no memory.
    async fn skip(&mut self, mut size: u64) -> Result<Fault, Fault> {
        while size <= MAX_MESSAGE as u64 {
            let found = self.arriving().await?;
            let (count, ended) = through_newline(found);
            let is_end = found.is_empty();
            self.reader.consume(count);
            size += count as u64;
            if ended || is_end {
                return Ok(Fault::Skipped(size));
            }
        }
        Ok(Fault::Endless)
    }

    /// What arrives next; nothing at the end.
    async fn arriving(&mut self) -> Result<&[u8], Fault> {
        let stalled = |_| Fault::Stalled(self.stall.as_secs_f32());
        Ok(timeout(self.stall, self.reader.fill_buf()).await.map_err(stalled)??)
    }

    /// Appends what arrives next: as much as `want` says of what is there, up to `most` bytes in all.
    async fn more(
        &mut self,
        body: &mut Body,
        want: impl Fn(&[u8]) -> (usize, bool),
        most: usize,
    ) -> Result<bool, Fault> {
        let found = self.arriving().await?;
        if found.is_empty() {
            return Err(Fault::Cut);
        }
        let (wanted, complete) = want(found);
        let taken = wanted.min(most - body.bytes.len());
        if !self
            .budget
            .cover(&mut body.share, body.bytes.len() + taken, self.stall)
            .await
        {
            return Err(Fault::Crowded);
        }
        body.bytes.extend_from_slice(&self.reader.buffer()[..taken]);
        self.reader.consume(taken);
        Ok(complete && taken == wanted)
    }
}

/// How much of `found` belongs to the line, and whether that ends it.
fn through_newline(found: &[u8]) -> (usize, bool) {
    match found.iter().position(|byte| *byte == b'\n') {
        Some(at) => (at + 1, true),
        None => (found.len(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    fn input<R: AsyncRead + Unpin>(reader: R) -> Input<R> {
        Input::new(reader, Budget::default(), Duration::from_secs(30))
    }

    #[tokio::test]
    async fn lines_come_one_by_one() {
        let mut input = input(&b"one\n\n \r\ntwo\r\nhalf"[..]);
        assert_eq!(input.line().await.unwrap().unwrap().bytes, b"one\n");
        assert_eq!(input.line().await.unwrap().unwrap().bytes, b"two\r\n");
        assert_eq!(input.line().await.unwrap().unwrap().bytes, b"half");
        assert!(input.line().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn frames_come_one_by_one() {
        let mut input = input(&b"\x02\0\0\0ab\0\0\0\0\x05\0\0\0x"[..]);
        assert_eq!(input.frame().await.unwrap().unwrap().bytes, b"ab");
        assert_eq!(input.frame().await.unwrap().unwrap().bytes, b"");
        assert!(matches!(input.frame().await, Err(Fault::Cut)));
    }

    #[tokio::test]
    async fn an_announced_length_costs_nothing_and_too_long_a_one_is_refused() {
        let refused = input(&b"\x01\0\0\x01"[..]).frame().await;
        assert!(matches!(refused, Err(Fault::TooLong(16_777_217))));
        let (mut peer, ours) = tokio::io::duplex(64);
        peer.write_all(b"\0\0\x20\0abc").await.unwrap();
        drop(peer);
        assert!(matches!(input(ours).frame().await, Err(Fault::Cut)));
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_refused_at_the_limit() {
        let flood = tokio::io::repeat(b'x');
        assert!(matches!(input(flood).line().await, Err(Fault::Endless)));
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_passed_over() {
        let long = [vec![b'x'; MAX_REQUEST + 7], b"\nnext\n".to_vec()].concat();
        let mut input = input(&long[..]);
        let size = MAX_REQUEST as u64 + 8;
        assert!(matches!(input.line().await, Err(Fault::Skipped(found)) if found == size));
        assert_eq!(input.line().await.unwrap().unwrap().bytes, b"next\n");
        let budget = &input.budget;
        assert_eq!(budget.free(), Budget::default().free(), "its memory is given back");
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_line_that_is_held_open_ends() {
        let (mut peer, ours) = tokio::io::duplex(64);
        peer.write_all(b"{\"half").await.unwrap();
        let fault = input(ours).line().await.unwrap_err().to_string();
        assert_eq!(
            fault,
            "a message was begun and then nothing came for 30 s: send it whole."
        );
    }
}
