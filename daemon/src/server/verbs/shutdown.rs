use darkroom_protocol::Reply;

use crate::server::Context;
use crate::server::answer::Answer;

/// Ends the daemon once the reply is on its way.
pub fn shutdown(context: &Context) -> Answer {
    let stop = context.stop.clone();
    Answer {
        reply: Reply::ShuttingDown {},
        then: Some(Box::pin(async move {
            tracing::info!("a client asks the daemon to end");
            stop.cancel();
        })),
    }
}
