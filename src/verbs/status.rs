//! `darkroom status`: what the daemon is doing. Never starts one.

use std::fmt::Write;

use clap::{ArgMatches, Command};
use darkroom_client::Client;
use darkroom_protocol::message::client::Status;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{Job, JobState, Phase, WorkerStatus};

use super::queue::{batch, percent};
use super::{json_flag, models};
use crate::{Result, block_on, say, start};

/// Width of a prompt in the table, where no terminal sets it.
const PROMPT: usize = 60;
/// However narrow the terminal is, so much is shown of it.
const LEAST: usize = 8;

pub fn command() -> Command {
    Command::new("status")
        .about("Say what the daemon is doing")
        .arg(json_flag("Print it as a JSON object"))
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    block_on(async {
        let client = start::existing(&crate::host::paths()?).await?;
        let status = client.status().await?;
        if matches.get_flag("json") {
            return say::json(&status);
        }
        let jobs = running(&client, &status).await;
        say::bytes(table(&status, &jobs, say::columns()).as_bytes())
    })
}

/// The running jobs. One that has ended since is left out.
async fn running(client: &Client, status: &Status) -> Vec<Job> {
    let mut jobs = Vec::new();
    for id in &status.running {
        jobs.extend(client.job(&id.to_string()).await.ok());
    }
    jobs
}

fn table(status: &Status, running: &[Job], columns: Option<usize>) -> String {
    let mut out = String::new();
    let mut row = |name: &str, text: String| {
        let _ = writeln!(out, "{name:<8} {}", escape_line(&text));
    };
    let up = say::duration(status.uptime_s as f64);
    let daemon = format!("{}, pid {}, up {up}", status.version, status.pid);
    row("daemon", daemon);
    row("socket", status.socket.clone());
    row("data", status.data.clone());
    for each in &status.workers {
        row("worker", worker(each));
        models::rows(&each.resident).into_iter().for_each(|line| row("", line));
    }
    if status.workers.is_empty() {
        row("worker", "none yet; it starts with the first job".to_owned());
    }
    let held = match status.held {
        0 => String::new(),
        held => format!(", {held} of them held back"),
    };
    let (running_now, waiting) = (status.running.len(), status.queued);
    row("jobs", format!("{running_now} running, {waiting} waiting{held}"));
    if status.paused {
        row(
            "",
            "the queue is paused: `darkroom queue resume` lets it go on".to_owned(),
        );
    }
    if let Some(short) = &status.short {
        row("", short.clone());
    }
    for job in running {
        let ending = if job.state == JobState::Cancelling {
            "cancelling  "
        } else {
            ""
        };
        let head = format!("{}  {}  {ending}", job.id.short(), progress(job));
        // Nine columns are before it, and the mark of what is cut takes one.
        let width = columns.map_or(PROMPT, |columns| columns.saturating_sub(head.len() + 10).max(LEAST));
        let prompt = say::brief(job.request.prompt.as_deref().unwrap_or_default(), width);
        row("", format!("{head}{prompt}"));
    }
    out
}

/// How far a running job is: `picture 2 of 4, step 17/28, 61%, 3 s left`.
fn progress(job: &Job) -> String {
    let (made, of) = (job.pictures.len() as u32, batch(job));
    let mut parts = Vec::new();
    if of > 1 {
        parts.push(format!("picture {} of {of}", of.min(made + 1)));
    }
    let Some(progress) = &job.progress else {
        parts.push("starting".to_owned());
        return parts.join(", ");
    };
    match progress.phase {
        Phase::Denoise => {
            parts.push(format!("step {}/{}", progress.step, progress.steps));
            parts.push(format!("{}%", percent(job, progress)));
        }
        other => parts.push(other.name().to_owned()),
    }
    parts.extend(progress.eta_s.map(|eta| format!("{} left", say::duration(eta))));
    parts.join(", ")
}

fn worker(worker: &WorkerStatus) -> String {
    let label = worker
        .devices
        .iter()
        .find(|d| d.name == worker.device)
        .map(|d| d.label.as_str());
    let mut parts = vec![worker.state.name().to_owned()];
    if worker.pid > 0 {
        parts.push(format!("pid {}", worker.pid));
    }
    if let Some(label) = label.filter(|l| !l.is_empty()) {
        parts.push(label.to_owned());
    }
    match worker.restarts {
        0 => {}
        1 => parts.push("restarted once".to_owned()),
        n => parts.push(format!("restarted {n} times")),
    }
    if worker.resident.budget > 0 {
        let memory = &worker.resident;
        parts.push(format!(
            "{} of {} in use",
            say::size(memory.used),
            say::size(memory.budget)
        ));
    }
    let device = if worker.device.is_empty() {
        "best device"
    } else {
        &worker.device
    };
    format!("{device}: {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{ModelSource, Residency, ResidentModel, WorkerState};

    #[test]
    fn a_short_table() {
        let mut status = Status {
            version: "0.1.0".into(),
            protocol: darkroom_protocol::VERSION,
            pid: 42,
            uptime_s: 123,
            socket: "/run/user/1/darkroom/darkroom.sock".into(),
            data: "/home/me/.local/share/darkroom".into(),
            queued: 3,
            running: vec![],
            progress: vec![],
            cancelling: vec![],
            short: None,
            workers: vec![WorkerStatus {
                device: "cpu".into(),
                pid: 43,
                state: WorkerState::Idle,
                restarts: 1,
                libtorch: "2.11.0".into(),
                devices: vec![],
                resident: Residency {
                    budget: 4 << 30,
                    used: 1 << 30,
                    models: vec![ResidentModel {
                        name: "emoji".into(),
                        source: ModelSource::Embedded("emoji".into()),
                        dtype: "bf16".into(),
                        components: vec![],
                        complete: true,
                        bytes: 38 << 20,
                        pinned: false,
                        busy: false,
                        used_s: 125,
                        expires_s: Some(475),
                    }],
                },
            }],
            capabilities: vec![],
            paused: false,
            held: 0,
        };
        insta::assert_snapshot!(table(&status, &[], None), @"
        daemon   0.1.0, pid 42, up 2 min 3 s
        socket   /run/user/1/darkroom/darkroom.sock
        data     /home/me/.local/share/darkroom
        worker   cpu: idle, pid 43, restarted once, 1.0 GiB of 4.0 GiB in use
                 emoji  bf16  38.0 MiB  used 2 min ago, expires in 8 min
                 beside models: 986.0 MiB (libtorch, and room for pictures in the making)
        jobs     0 running, 3 waiting
        ");
        status.workers.clear();
        (status.held, status.paused) = (1, true);
        let told = table(&status, &[], None);
        assert!(told.contains("0 running, 3 waiting, 1 of them held back"));
        assert!(told.contains("the queue is paused"));
        status.short = Some("Cannot save pictures in /d: the disk is full.".into());
        let told = table(&status, &[], None);
        assert!(
            told.contains("         Cannot save pictures in /d: the disk is full."),
            "{told}"
        );
        assert!(table(&status, &[], None).contains("none yet; it starts with the first job"));
    }
}
