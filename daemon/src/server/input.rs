use std::io;
use std::time::Duration;

use darkroom_protocol::codec::MAX_MESSAGE;
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
    /// It is too long.
    #[error("a message of {size} exceeds the limit of {MAX_MESSAGE} bytes: send pictures with `upload`.", size = .0.map_or("more".to_owned(), |n| format!("{n} bytes")))]
    TooLong(Option<u64>),
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
        if length > MAX_MESSAGE as u64 {
            return Err(Fault::TooLong(Some(length)));
        }
        self.exact(length as usize).await.map(Some)
    }

    /// The next line without its end; `None` at the end of the connection. Blank lines are passed over.
    pub async fn line(&mut self) -> Result<Option<Body>, Fault> {
        loop {
            if self.peek().await?.is_none() {
                return Ok(None);
            }
            let mut body = Body::default();
            let mut ended = false;
            while !ended {
                let through_newline = |found: &[u8]| match found.iter().position(|byte| *byte == b'\n') {
                    Some(at) => (at + 1, true),
                    None => (found.len(), false),
                };
                ended = self.more(&mut body, through_newline, MAX_MESSAGE + 1).await?;
                if !ended && body.bytes.len() > MAX_MESSAGE {
                    return Err(Fault::TooLong(None));
                }
            }
            if !body.bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(body));
            }
        }
    }

    /// Appends what arrives next: as much as `want` says of what is there, up to `most` bytes in all.
    async fn more(
        &mut self,
        body: &mut Body,
        want: impl Fn(&[u8]) -> (usize, bool),
        most: usize,
    ) -> Result<bool, Fault> {
        let stalled = |_| Fault::Stalled(self.stall.as_secs_f32());
        let found = timeout(self.stall, self.reader.fill_buf()).await.map_err(stalled)??;
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
        assert!(matches!(input.line().await, Err(Fault::Cut)));
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
        assert!(matches!(refused, Err(Fault::TooLong(Some(16_777_217)))));
        let (mut peer, ours) = tokio::io::duplex(64);
        peer.write_all(b"\0\0\0\x01abc").await.unwrap();
        drop(peer);
        assert!(matches!(input(ours).frame().await, Err(Fault::Cut)));
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_refused_at_the_limit() {
        let flood = tokio::io::repeat(b'x');
        assert!(matches!(input(flood).line().await, Err(Fault::TooLong(None))));
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
