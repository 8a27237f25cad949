//! The socket's file: what is removed, what stays, and who may connect.

use super::*;

#[tokio::test]
async fn a_corpse_makes_room_and_our_own_file_goes_with_us() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    drop(UnixListener::bind(&path).unwrap());
    let socket = Socket::bind(&path).unwrap();
    assert!(socket.is_in_place());
    drop(socket);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_on_which_somebody_listens_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let _theirs = UnixListener::bind(&path).unwrap();
    let error = Socket::bind(&path).unwrap_err().to_string();
    assert!(error.contains("another process listens there"), "{error}");
    assert!(is_listening(&path));
}

#[tokio::test]
async fn anothers_file_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut first = Socket::bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let second = Socket::bind(&path).unwrap();
    assert!(!first.is_in_place());
    first.mend();
    drop(first);
    assert!(second.is_in_place());
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run/s");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let mut socket = Socket::bind(&path).unwrap();
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    socket.mend();
    assert!(socket.is_in_place() && is_listening(&path));
}

#[tokio::test]
async fn a_given_socket_is_neither_removed_nor_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let theirs = UnixListener::bind(&path).unwrap();
    let mut socket = Socket::take(theirs.try_clone().unwrap()).unwrap();
    assert_eq!(socket.path(), path);
    assert!(socket.is_in_place());
    let client = std::os::unix::net::UnixStream::connect(&path).unwrap();
    socket.accept().await.unwrap();
    drop(client);
    fs::remove_file(&path).unwrap();
    socket.mend();
    assert!(!path.exists());
    let again = UnixListener::bind(&path).unwrap();
    drop(socket);
    assert!(path.exists());
    drop(again);
}

#[tokio::test]
async fn a_plain_file_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    fs::write(&path, "mine").unwrap();
    let error = Socket::bind(&path).unwrap_err().to_string();
    assert!(error.contains("no socket"), "{error}");
    assert!(path.exists());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn only_its_owner_may_connect() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let _socket = Socket::bind(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}
