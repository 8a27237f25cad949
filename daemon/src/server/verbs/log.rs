//! The verb `log`: a page of a log's lines, read on a thread that may block. Which files a log is in is `paths.rs`'s affair, how a page is
//! cut `logging/page.rs`'s.

use darkroom_protocol::Reply;
use darkroom_protocol::log::{Cursor, Filter};
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::log::{LogLook, LogOf};
use darkroom_protocol::paths::Paths;

use super::blocking;
use crate::Error;
use crate::logging::{Way, page};
use crate::server::answer::Answer;
use crate::store::Store;

/// A page of a log; an empty one of a job that has not run, or whose log is gone.
pub async fn log(store: &Store, paths: &Paths, look: LogLook) -> Result<Answer, RemoteError> {
    let path = match &look.of {
        LogOf::Daemon => paths.log(),
        LogOf::Worker => paths.worker_log(),
        LogOf::Job(name) => paths.job_log(store.find(name).await?),
    };
    let way = way(&look)?;
    let filter = Filter::parse(&look.filter).map_err(|e| RemoteError::usage(format!("filter: {e}.")))?;
    let limit = match look.limit {
        0 => LogLook::MOST,
        limit => limit.min(LogLook::MOST),
    };
    let found = blocking(move || {
        page(&path, way, limit as usize, &filter).map_err(|e| RemoteError::from(Error::io("read", &path, e)))
    });
    Ok(Reply::Log(found.await?).into())
}

fn way(look: &LogLook) -> Result<Way, RemoteError> {
    let place = |field: &str, text: &str| {
        let place = text.parse::<Cursor>();
        place.map_err(|e| RemoteError::usage(format!("{field} {e}.")))
    };
    Ok(match (&look.before, &look.after) {
        (Some(text), _) => Way::Before(place("before", text)?),
        (None, Some(text)) => Way::After(place("after", text)?),
        (None, None) => Way::Newest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Rig;
    use darkroom_protocol::Request;
    use darkroom_protocol::message::log::LogPage;

    async fn page(client: &mut crate::testing::Client, look: LogLook) -> LogPage {
        match client.ask(Request::Log(look)).await.unwrap() {
            Reply::Log(page) => page,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn logs_of_three_kinds_are_read_over_the_socket() {
        let rig = Rig::start().await;
        let mut client = rig.client().await;
        std::fs::write(rig.paths.log(), "one\ntwo\n").unwrap();
        let newest = page(&mut client, LogLook::newest(LogOf::Daemon, 1)).await;
        assert_eq!((newest.lines.as_slice(), newest.more), (&["two".to_owned()][..], true));
        let older = LogLook {
            before: newest.older,
            ..LogLook::newest(LogOf::Daemon, 0)
        };
        assert_eq!(page(&mut client, older).await.lines, ["one"]);
        let newer = LogLook {
            after: Some(newest.newer),
            ..LogLook::newest(LogOf::Daemon, 0)
        };
        assert!(page(&mut client, newer).await.lines.is_empty());
        let job = client.submit("draw").await;
        client.end(job).await;
        std::fs::write(rig.paths.job_log(job), "the worker said so\nno end").unwrap();
        let said = page(&mut client, LogLook::newest(LogOf::Job(job.to_string()), 0)).await;
        assert_eq!(
            (said.lines.as_slice(), said.unfinished.as_str()),
            (&["the worker said so".to_owned()][..], "no end")
        );
        let nobody = LogLook::newest(LogOf::Job("0199".into()), 0);
        let error = client.ask(Request::Log(nobody)).await.unwrap_err();
        assert!(error.message.contains("0199"), "{error}");
        rig.stop().await;
    }
}
