//! A file that a request names, sent to the daemon in pieces. It is named by its hash there, so that what it has already is not sent
//! again, and a job's inputs outlive the command that gave them.

use std::time::Instant;

use darkroom_protocol::hash::hex;
use darkroom_protocol::message::client::{MAX_PIECE, Upload};
use sha2::{Digest as _, Sha256};

use crate::pieces::Pieces;
use crate::{Client, Error, Result, is_lost};

/// The daemon may say so often that it wants another piece than it was sent, as where two clients send one file.
const TRIES: u32 = 100;

/// What requests call the file of these bytes: its SHA-256, lower-case hexadecimal.
pub fn name_of(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes))
}

/// Sends a file, as far as the daemon does not have it.
///
/// # Errors
/// When the daemon refuses it or is gone.
pub async fn upload(client: &Client, bytes: &[u8]) -> Result<()> {
    let (sha256, size) = (name_of(bytes), bytes.len() as u64);
    let (mut held, mut tries) = (0, 0);
    let mut pieces = client.cache().map(|_| Pieces::default());
    loop {
        let begin = usize::try_from(held).unwrap_or(usize::MAX).min(bytes.len());
        let most = pieces.as_ref().map_or(MAX_PIECE, |pieces| pieces.most() as usize);
        let end = (begin + most).min(bytes.len());
        let piece = Upload {
            sha256: sha256.clone(),
            size,
            offset: begin as u64,
            bytes: bytes[begin..end].to_vec(),
        };
        let began = Instant::now();
        let now = match client.upload(piece).await {
            Err(why) if is_lost(&why) && pieces.as_mut().is_some_and(Pieces::lost) => continue,
            other => other?,
        };
        if let Some(pieces) = &mut pieces {
            pieces.took(began.elapsed());
        }
        if now >= size {
            return Ok(());
        }
        if now != end as u64 {
            tries += 1;
            if tries > TRIES {
                return Err(Error::Failed(
                    "The daemon does not take the file: try again.".to_owned(),
                ));
            }
        }
        held = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Fake, read, write};
    use darkroom_protocol::codec::preface::Hello;
    use darkroom_protocol::{Reply, Request, ServerMessage};

    /// What is sent to a daemon that says after each piece how many bytes it holds.
    async fn sent(bytes: &[u8], held: &[u64]) -> (Vec<(u64, usize)>, Result<()>) {
        let fake = Fake::new();
        let daemon = async {
            let mut stream = fake.accept(&Hello::of("daemon").encode()).await;
            let mut pieces = Vec::new();
            for held in held {
                let asked = read(&mut stream).await;
                let Request::Upload(piece) = asked.request else {
                    panic!("{:?}", asked.request);
                };
                pieces.push((piece.offset, piece.bytes.len()));
                let result = Ok(Reply::Uploaded { held: *held });
                write(&mut stream, ServerMessage::Reply { id: asked.id, result }).await;
            }
            pieces
        };
        let client = async {
            let client = Client::connect(&fake.paths).await.unwrap();
            upload(&client, bytes).await
        };
        tokio::join!(daemon, client)
    }

    #[tokio::test]
    async fn pieces_go_on_where_the_daemon_says() {
        let bytes = vec![7; MAX_PIECE + 10];
        let whole = bytes.len() as u64;
        let (pieces, sent_all) = sent(&bytes, &[MAX_PIECE as u64, whole]).await;
        assert_eq!(pieces, [(0, MAX_PIECE), (MAX_PIECE as u64, 10)]);
        sent_all.unwrap();
        let (pieces, known) = sent(&bytes, &[whole]).await;
        assert_eq!(pieces, [(0, MAX_PIECE)], "it has it already");
        known.unwrap();
        let (pieces, resumed) = sent(&bytes, &[100, whole]).await;
        assert_eq!(pieces[1], (100, MAX_PIECE - 90), "another client sends it too");
        resumed.unwrap();
    }

    #[tokio::test]
    async fn a_daemon_that_never_gets_on_is_given_up() {
        let (_, given_up) = sent(b"abc", &[0; TRIES as usize + 1]).await;
        assert!(given_up.unwrap_err().to_string().contains("does not take"));
    }
}
