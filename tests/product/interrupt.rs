//! Ctrl-C while the daemon has yet to say that it has the job. The daemon is one of a few lines, which answers when told.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, ChildStderr};

use darkroom_protocol::codec::frame;
use darkroom_protocol::codec::preface::{HEAD, Head, Hello};
use darkroom_protocol::message::client::Submitted;
use darkroom_protocol::{ClientMessage, JobId, Reply, Request, ServerMessage};

use crate::support::{Home, kill};

/// A command that has submitted a job, and the daemon's end of its connection.
struct Submitting {
    _home: Home,
    child: Child,
    errors: BufReader<ChildStderr>,
    stream: UnixStream,
    /// The number of the submit, which is not answered yet.
    number: u64,
}

impl Submitting {
    fn start() -> Self {
        let home = Home::new();
        std::fs::create_dir(home.at("run")).unwrap();
        let listener = UnixListener::bind(home.socket()).unwrap();
        let mut child = home.command(["generate", "fox"]).spawn().unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; HEAD];
        stream.read_exact(&mut head).unwrap();
        let mut hello = vec![0; Head::parse(&head).unwrap().length];
        stream.read_exact(&mut hello).unwrap();
        stream.write_all(&Hello::of("daemon").encode()).unwrap();
        let submit: ClientMessage = frame::read(&mut stream).unwrap().unwrap();
        assert!(matches!(submit.request, Request::Submit(_)), "{submit:?}");
        Self {
            errors: BufReader::new(child.stderr.take().unwrap()),
            _home: home,
            child,
            stream,
            number: submit.id,
        }
    }

    /// Ctrl-C; what the command says to it.
    fn interrupt(&mut self) -> String {
        kill(self.child.id(), "INT");
        let mut line = String::new();
        self.errors.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Submitting {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_job_is_cancelled_once_the_daemon_has_it() {
    let mut submitting = Submitting::start();
    let said = submitting.interrupt();
    assert!(said.contains("Cancelling as soon as the daemon has the job"), "{said}");
    let job = JobId::new();
    let reply = Reply::Submitted(Submitted {
        job,
        position: 0,
        model: "emoji".to_owned(),
        notice: None,
        hint: None,
        complaint: None,
        delivers: false,
    });
    let (id, result) = (submitting.number, Ok(reply));
    frame::write(&mut submitting.stream, &ServerMessage::Reply { id, result }).unwrap();
    let next: ClientMessage = frame::read(&mut submitting.stream).unwrap().unwrap();
    let expected = Request::Cancel {
        job: job.to_string(),
        after_picture: false,
    };
    assert_eq!(next.request, expected);
}

#[test]
fn a_second_one_does_not_wait_and_says_where_to_look() {
    let mut submitting = Submitting::start();
    submitting.interrupt();
    let said = submitting.interrupt();
    assert!(
        said.contains("may have been accepted: `darkroom queue` tells"),
        "{said}"
    );
    assert_eq!(submitting.child.wait().unwrap().code(), Some(130));
}
