use darkroom_protocol::Reply;
use darkroom_protocol::message::RemoteError;

use crate::logging::Filter;
use crate::server::Context;
use crate::server::answer::Answer;

/// What is logged; set first when `filter` says so.
pub fn log_filter(context: &Context, filter: Option<&str>) -> Result<Answer, RemoteError> {
    if let Some(filter) = filter {
        let filter = Filter::parse(filter).map_err(RemoteError::usage)?;
        tracing::info!("the log's filter is {filter} from now on");
        context.log.set(filter).map_err(RemoteError::usage)?;
    }
    let filter = context.log.filter().to_string();
    Ok(Reply::LogFilter { filter }.into())
}
