use darkroom_protocol::paths::Paths;

use crate::{Result, block_on, say, start};

pub fn run() -> Result<()> {
    block_on(async {
        let client = start::ensure(&Paths::from_env()?).await?;
        let (hello, socket) = (client.daemon(), say::shown(&client.socket()));
        say::note(&format!(
            "The daemon {} runs: pid {}, {socket}.",
            hello.build, hello.pid
        ));
        Ok(())
    })
}
