//! The algorithm against a system made of a few numbers: nothing here takes time.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;

/// What all clients see.
#[derive(Default)]
struct Machine {
    now_ms: u64,
    /// From when on the daemon answers; `None` while there is none.
    answers_at: Option<u64>,
    /// Who holds the daemon's lock.
    holder: Option<u32>,
    /// Whether some client is starting a daemon.
    starting: bool,
    spawned: u32,
    /// A started daemon needs so long, or dies when `None`.
    boot_ms: Option<u64>,
    /// What connecting says instead of "nobody listens".
    refusal: Option<fn() -> Wire>,
}

struct Fake(Rc<RefCell<Machine>>);

struct Guard(Rc<RefCell<Machine>>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.borrow_mut().starting = false;
    }
}

impl World for Fake {
    type Client = u64;
    type Guard = Guard;

    async fn connect(&mut self) -> darkroom_protocol::Result<u64> {
        // Other clients may act between any two steps.
        tokio::task::yield_now().await;
        let machine = self.0.borrow();
        match (machine.refusal, machine.answers_at) {
            (Some(refusal), _) => Err(refusal()),
            (None, Some(at)) if machine.now_ms >= at => Ok(machine.now_ms),
            _ => Err(Wire::Unreachable {
                socket: "/s".into(),
                why: "nobody listens".into(),
            }),
        }
    }

    fn lock_startup(&mut self) -> Result<Option<Guard>> {
        let mut machine = self.0.borrow_mut();
        if machine.starting {
            return Ok(None);
        }
        machine.starting = true;
        Ok(Some(Guard(self.0.clone())))
    }

    fn holder(&mut self) -> Result<Option<u32>> {
        Ok(self.0.borrow().holder)
    }

    fn spawn(&mut self) -> Result<()> {
        let mut machine = self.0.borrow_mut();
        machine.spawned += 1;
        machine.answers_at = machine.boot_ms.map(|ms| machine.now_ms + ms);
        machine.holder = machine.boot_ms.map(|_| 42);
        Ok(())
    }

    fn ended(&mut self) -> Option<String> {
        let machine = self.0.borrow();
        (machine.holder.is_none()).then(|| "exit status: 1".to_owned())
    }

    async fn pause(&mut self) {
        self.0.borrow_mut().now_ms += 40;
        tokio::task::yield_now().await;
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.borrow().now_ms)
    }

    fn silent(&self, pid: u32) -> Error {
        Error::Unreachable(format!("silent {pid}"))
    }

    fn stillborn(&self, why: &str) -> Error {
        Error::Unreachable(format!("stillborn: {why}"))
    }
}

fn machine(boot_ms: Option<u64>) -> Rc<RefCell<Machine>> {
    Rc::new(RefCell::new(Machine {
        boot_ms,
        ..Machine::default()
    }))
}

async fn message(machine: &Rc<RefCell<Machine>>) -> String {
    ensure(&mut Fake(machine.clone())).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_running_daemon_is_used() {
    let machine = machine(Some(100));
    machine.borrow_mut().answers_at = Some(0);
    ensure(&mut Fake(machine.clone())).await.unwrap();
    assert_eq!(machine.borrow().spawned, 0);
}

#[tokio::test]
async fn none_is_started_and_waited_for() {
    let machine = machine(Some(500));
    let ready_at = ensure(&mut Fake(machine.clone())).await.unwrap();
    assert!((500..600).contains(&ready_at), "{ready_at}");
    assert_eq!(machine.borrow().spawned, 1);
    assert!(!machine.borrow().starting, "the start-up lock is given back");
}

#[tokio::test]
async fn ten_clients_start_one() {
    let machine = machine(Some(300));
    let local = tokio::task::LocalSet::new();
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let mut fake = Fake(machine.clone());
            local.spawn_local(async move { ensure(&mut fake).await.unwrap() })
        })
        .collect();
    local
        .run_until(async {
            for client in clients {
                client.await.unwrap();
            }
        })
        .await;
    assert_eq!(machine.borrow().spawned, 1);
}

#[tokio::test]
async fn one_that_dies_is_reported_at_once() {
    let machine = machine(None);
    assert_eq!(message(&machine).await, "stillborn: exit status: 1");
    assert!(machine.borrow().now_ms < 100);
    assert_eq!(machine.borrow().spawned, 1);
}

#[tokio::test]
async fn one_that_never_answers_is_given_up() {
    let machine = machine(Some(10_000_000));
    assert_eq!(message(&machine).await, "stillborn: no answer within 20 s");
}

#[tokio::test]
async fn a_lock_that_is_held_in_silence_starts_nothing() {
    let machine = machine(Some(10));
    machine.borrow_mut().holder = Some(7);
    assert_eq!(message(&machine).await, "silent 7");
    assert_eq!(machine.borrow().spawned, 0);
}

#[tokio::test]
async fn a_client_that_hangs_in_its_start_is_not_waited_for_for_ever() {
    let machine = machine(Some(10));
    machine.borrow_mut().starting = true;
    assert!(message(&machine).await.starts_with("Another command"));
}

#[tokio::test]
async fn another_version_is_no_reason_to_start_a_second() {
    let machine = machine(Some(10));
    machine.borrow_mut().refusal = Some(|| Wire::Version {
        pid: 1,
        theirs: 2,
        theirs_build: "9".into(),
        ours: 1,
        ours_build: "0".into(),
    });
    assert!(message(&machine).await.contains("darkroom daemon restart"));
    assert_eq!(machine.borrow().spawned, 0);
}
