//! The control socket, both sides.

use std::sync::Arc;

use restante_server::control::{CallError, Control, Peer, Pending, call, listen};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Answers with what it was asked, and by whom; refuses `"no"`.
struct Echo;

impl Control for Echo {
    fn call(&self, peer: Peer, request: Value) -> Pending<'_, Result<Value, String>> {
        Box::pin(async move {
            if request == json!("no") {
                return Err("not that".to_owned());
            }
            Ok(json!({ "asked": request, "by": peer.uid }))
        })
    }
}

// `rulings` 14
#[tokio::test]
async fn a_call_is_answered_or_refused_or_nobody_is_there() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    assert!(matches!(call(&path, &json!(1)).await, Err(CallError::NotRunning)));
    // A stale socket is as good as none, and is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(matches!(call(&path, &json!(1)).await, Err(CallError::NotRunning)));
    let serving = tokio::spawn(listen(&path, Arc::new(Echo)).await.unwrap());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let uid = rustix::process::geteuid().as_raw();
    let answer = call(&path, &json!({ "list": "accounts" })).await.unwrap();
    assert_eq!(answer, json!({ "asked": { "list": "accounts" }, "by": uid }));
    let refused = call(&path, &json!("no")).await.unwrap_err();
    assert_eq!(refused.to_string(), "not that");
    // A live one is not taken away from its owner.
    let second = listen(&path, Arc::new(Echo)).await.err().unwrap();
    assert_eq!(second.kind(), std::io::ErrorKind::AddrInUse);
    serving.abort();
}

// `security` §2.5: garbage on the socket ends that connection, and no other
#[tokio::test]
async fn garbage_ends_its_own_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    tokio::spawn(listen(&path, Arc::new(Echo)).await.unwrap());
    let deep = "[".repeat(100_000);
    let framed = |octets: &[u8]| {
        let mut message = u32::try_from(octets.len()).unwrap().to_be_bytes().to_vec();
        message.extend_from_slice(octets);
        message
    };
    let too_long = u32::MAX.to_be_bytes().to_vec();
    for garbage in [framed(b"{\"a\""), framed(&[0xFF, 0]), framed(deep.as_bytes()), too_long] {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        // The server may close before it has read all of it.
        let _written = stream.write_all(&garbage).await;
        let mut said = Vec::new();
        let _read = stream.read_to_end(&mut said).await;
        assert!(said.is_empty(), "{said:?}");
    }
    assert!(call(&path, &json!(1)).await.is_ok());
}
