use std::path::Path;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// Whether anybody listens on the socket at `path`. Never waits: a listener whose backlog is full listens too.
pub fn is_listening(path: &Path) -> bool {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let Ok(address) = SocketAddrUnix::new(path) else {
        return false;
    };
    let Ok(probe) = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None) else {
        // Out of file descriptors: nothing is known, and nothing is taken away.
        return true;
    };
    !matches!(
        connect(&probe, &address),
        Err(rustix::io::Errno::CONNREFUSED | rustix::io::Errno::NOENT)
    )
}
