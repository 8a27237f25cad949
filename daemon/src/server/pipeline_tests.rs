//! Requests that are sent without waiting for answers.

use darkroom_protocol::codec::frame;
use darkroom_protocol::message::client::Submit;
use darkroom_protocol::{ClientMessage, FailureKind, GenerateRequest, JobState, Reply, Request, ServerMessage};
use uuid::Uuid;

use crate::testing::{Client, Rig};

fn submit(request: GenerateRequest) -> Request {
    Request::Submit(Submit {
        request_id: Uuid::now_v7(),
        request,
        watch: false,
        max_fps: 0,
        max_px: 0,
        output: None,
    })
}

fn of(prompt: &str) -> GenerateRequest {
    GenerateRequest {
        prompt: Some(prompt.to_owned()),
        ..GenerateRequest::default()
    }
}

/// Sends every request at once, numbered from 0.
async fn send(client: &mut Client, requests: Vec<Request>) {
    for (id, request) in (0..).zip(requests) {
        client
            .send(frame::encode(&ClientMessage { id, request }).unwrap())
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_come_in_order_and_other_requests_see_what_was_submitted_before() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    client.ask(Request::Pause { job: None }).await.unwrap();
    let mut requests: Vec<Request> = (0..40).map(|n| submit(of(&format!("job {n}")))).collect();
    requests[7] = submit(GenerateRequest {
        width: Some(65),
        ..GenerateRequest::default()
    });
    requests.insert(
        20,
        Request::Queue {
            states: vec![],
            limit: 100,
            before: None,
            in_line: true,
            ended: false,
        },
    );
    send(&mut client, requests).await;
    let mut jobs = Vec::new();
    for number in 0..41 {
        let Some(ServerMessage::Reply { id, result }) = client.message().await else {
            panic!("no reply");
        };
        assert_eq!(id, number);
        match result {
            Ok(Reply::Submitted(submitted)) => jobs.push(submitted.job),
            Ok(Reply::Queue(listed)) => assert_eq!(listed.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), jobs),
            Err(error) => assert_eq!((number, error.kind), (7, FailureKind::Usage)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((jobs.len(), jobs.is_sorted()), (39, true));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stored_runs_though_the_peer_has_gone() {
    let rig = Rig::start().await;
    let mut gone = rig.client().await;
    send(&mut gone, (0..20).map(|_| submit(of("draw"))).collect()).await;
    let Some(ServerMessage::Reply { .. }) = gone.message().await else {
        panic!("no reply");
    };
    drop(gone);
    let mut client = rig.client().await;
    let last = client.submit("draw").await;
    assert_eq!(client.end(last).await.1.state, JobState::Done);
    let (states, limit, before, in_line) = (vec![], 100, None, false);
    let all = Request::Queue {
        states,
        limit,
        before,
        in_line,
        ended: false,
    };
    let is_done = |job: &darkroom_protocol::Job| job.state == JobState::Done;
    let all_done = async {
        while !matches!(client.ask(all.clone()).await, Ok(Reply::Queue(page)) if page.jobs.iter().all(is_done)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::testing::SOON, all_done).await.unwrap();
    rig.stop().await;
}
