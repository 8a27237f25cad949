//! What changes on disk and is shown on screens, told as events: the settings when they were read again, and the models in their
//! folders while somebody follows these. Folders are looked at, not watched by the system: it tells nothing of disks of other
//! machines, and trees of models have more folders than it watches. `run` lives with this.

use std::sync::Arc;
use std::time::Duration;

use darkroom_protocol::event::SettingsChange;
use darkroom_protocol::{EventKind, EventName, Subject};

use crate::server::Context;

/// So often the folders of models are looked at while somebody follows them.
const LOOK: Duration = Duration::from_secs(3);

/// Tells what changes. Never returns.
pub async fn tell_changes(context: &Arc<Context>) {
    tokio::join!(tell_settings(context), tell_models(context));
}

async fn tell_settings(context: &Arc<Context>) {
    let mut changes = context.settings.changes();
    // The settings live as long as the daemon.
    while changes.changed().await.is_ok() {
        let complaint = context.settings.complaint();
        let change = SettingsChange { complaint };
        context.bus.publish(Subject::Settings, EventKind::Settings(change));
    }
}

async fn tell_models(context: &Arc<Context>) {
    let mut due = tokio::time::interval(LOOK);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut known = None;
    loop {
        due.tick().await;
        if !context.bus.is_wanted(EventName::Models) {
            known = None;
            continue;
        }
        let own = context.clone();
        // A disk that hangs is not the runtime's affair; it is not looked at twice at one time.
        let Ok(outline) = tokio::task::spawn_blocking(move || own.catalog.outline()).await else {
            continue;
        };
        // Who has just begun to follow them is told too: what changed before this look is not known.
        if known.as_ref() != Some(&outline) {
            context.bus.publish(Subject::Models, EventKind::Models {});
        }
        known = Some(outline);
    }
}
