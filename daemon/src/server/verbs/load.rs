//! The verb `load`: a model is brought into memory without a job. It is checked as a picture's model is; how it goes is told by
//! events.

use std::sync::Arc;

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::{Load, Loading};
use darkroom_protocol::message::worker::Wanted;
use darkroom_protocol::{EventKind, GenerateRequest, LoadId, Reply};

use super::blocking;
use crate::dispatch::Ask;
use crate::events::Filter;
use crate::expand::resolve;
use crate::server::Context;
use crate::server::answer::{Answer, Asker};

/// Brings a model into memory. This connection hears how it goes.
pub async fn load(asker: &Asker, load: Load) -> Result<Answer, RemoteError> {
    let context = asker.context.clone();
    let (ask, complaint) = blocking(move || Ok((ask(&context, load)?, context.settings.complaint()))).await?;
    let reply = Reply::Loading(Loading {
        load: ask.load,
        model: ask.wanted.name.clone(),
        device: ask.device.clone(),
    });
    let filter = Filter {
        of: Some(ask.load.into()),
        ..Filter::default()
    };
    let (context, subscription) = (asker.context.clone(), asker.subscription.clone());
    // Only then is there anything to hear.
    let then = Box::pin(async move {
        subscription.follow(&filter, None);
        if let Some(complaint) = complaint {
            context.bus.publish(ask.load, EventKind::Notice(complaint));
        }
        context.dispatch.load(ask).await;
    });
    Ok(Answer {
        reply,
        then: Some(then),
    })
}

/// What the request comes to, checked as that of a picture is.
fn ask(context: &Arc<Context>, load: Load) -> Result<Ask, RemoteError> {
    let card = context.catalog.card(Some(&load.model))?;
    let request = GenerateRequest {
        device: Some(load.device).filter(|device| !device.is_empty()),
        dtype: load.dtype,
        quant: Some(load.quant),
        ..GenerateRequest::default()
    };
    let device = context.dispatch.board().default_device;
    let task = resolve(&request, &card, &context.settings.current(), &device, None, 0)?;
    Ok(Ask {
        load: LoadId::new(),
        device: task.compute.device,
        keep_alive: load
            .keep_alive
            .unwrap_or_else(|| context.settings.current().keep_alive_for(&task.what.model)),
        wanted: Wanted {
            name: task.what.model,
            source: task.what.source,
            dtype: task.compute.dtype,
            quant: task.compute.quant,
        },
        pinned: load.pinned,
    })
}
