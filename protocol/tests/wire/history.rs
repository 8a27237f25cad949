//! The messages about history, every field set to something of its own: `messages.rs` puts them among the others.

use darkroom_protocol::history::{Entry, EntryDetail, HistoryChange, ModelFile, What};
use darkroom_protocol::message::history::{Album, Blob, Look, Scanned, Thumbnail};
use darkroom_protocol::{EventKind, JobId, Reply, Request};

/// In the order of the methods.
pub fn requests() -> Vec<Request> {
    let pictures = || vec!["17".to_owned(), "@last".to_owned()];
    vec![
        Request::Thumbnail(Thumbnail {
            sha256: "0f".repeat(32),
            side: 256,
        }),
        Request::History(Look {
            query: "fox -tag:sea".into(),
            zone: Some("Europe/Berlin".into()),
            before: Some("123".into()),
            limit: 60,
            count: true,
        }),
        Request::Picture { picture: "17".into() },
        Request::Star {
            pictures: pictures(),
            starred: true,
        },
        Request::Tag {
            pictures: pictures(),
            add: vec!["sea".into()],
            remove: vec!["night sky".into()],
        },
        Request::Trash {
            pictures: pictures(),
            trashed: false,
        },
        Request::EmptyTrash {},
        Request::Import {
            folder: "/pictures".into(),
            watch: true,
            from: Some("/pictures/a.png".into()),
        },
        Request::Scan {
            from: Some("rows:9".into()),
        },
        Request::Tags {},
    ]
}

fn entry(job: JobId) -> Entry {
    Entry {
        id: 17,
        job: Some(job),
        index: 1,
        path: "/p/a.png".into(),
        sha256: "0f".repeat(32),
        bytes: 9,
        width: 64,
        height: 72,
        created_ms: 1_774_000_000_123,
        prompt: "a fox".into(),
        model: "emoji".into(),
        seed: Some(7),
        starred: true,
        tags: vec!["sea".into()],
        trashed_ms: Some(5),
        missing: true,
        writer: Some("ComfyUI".into()),
    }
}

pub fn replies(job: JobId) -> Vec<Reply> {
    vec![
        Reply::Thumbnail(Blob { bytes: vec![255, 216] }),
        Reply::History(Album {
            pictures: vec![entry(job)],
            next: Some("123".into()),
            total: Some(12),
        }),
        Reply::Picture(Box::new(EntryDetail {
            entry: entry(job),
            request: super::messages::request(),
            again: super::messages::request(),
            others: vec![("lora".into(), "x 0.8".into())],
            elapsed_ms: Some(1234),
            model_file: Some(ModelFile {
                path: "/m/x.safetensors".into(),
                bytes: 8,
                changed_ms: 6,
            }),
        })),
        Reply::Changed { pictures: 2 },
        Reply::Scanned(Scanned {
            added: 1,
            found: 2,
            missing: 3,
            kept: 4,
            unreadable: vec![("/p/x.png".into(), "it is damaged".into())],
            unreadable_all: 5,
            next: Some("/p/y.png".into()),
        }),
        Reply::Tags(vec![("sea".into(), 2)]),
    ]
}

pub fn event() -> EventKind {
    EventKind::History(HistoryChange {
        what: What::Changed,
        pictures: vec![17, 18],
    })
}
