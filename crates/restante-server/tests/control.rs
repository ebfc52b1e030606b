//! The control socket, both sides.

use std::sync::Arc;

use restante_server::control::{
    CallError, Control, Peer, Pending, Told, call, call_watching, listen,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Notify;

/// Tells that work has ended, however it did.
struct End<'a>(&'a Notify);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Answers with what it was asked, and by whom; refuses `"no"`.
#[derive(Default)]
struct Echo {
    /// What was told was heard.
    heard: Notify,
    /// Nobody listens any more.
    ended: Notify,
}

impl Control for Echo {
    fn call(&self, peer: Peer, request: Value, told: Told) -> Pending<'_, Result<Value, String>> {
        Box::pin(async move {
            if request == json!("no") {
                return Err("not that".to_owned());
            }
            if request == json!("long") {
                let _end = End(&self.ended);
                assert!(told.tell(json!(1)));
                std::future::pending::<()>().await;
            }
            if request == json!("short") {
                assert!(told.tell(json!(1)));
            }
            if request == json!("told") {
                assert!(told.tell(json!({ "done": 1 })));
                // Until it is heard: a later word would take its place.
                self.heard.notified().await;
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
    let serving = tokio::spawn(listen(&path, Arc::new(Echo::default())).await.unwrap());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let uid = rustix::process::geteuid().as_raw();
    let answer = call(&path, &json!({ "list": "accounts" })).await.unwrap();
    assert_eq!(answer, json!({ "asked": { "list": "accounts" }, "by": uid }));
    let refused = call(&path, &json!("no")).await.unwrap_err();
    assert_eq!(refused.to_string(), "not that");
    // A live one is not taken away from its owner.
    let second = listen(&path, Arc::new(Echo::default())).await.err().unwrap();
    assert_eq!(second.kind(), std::io::ErrorKind::AddrInUse);
    serving.abort();
}

// `security` §2.5: garbage on the socket ends that connection, and no other
#[tokio::test]
async fn garbage_ends_its_own_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    tokio::spawn(listen(&path, Arc::new(Echo::default())).await.unwrap());
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

// issue: long work shows progress, and can be interrupted without harm
#[tokio::test]
async fn what_takes_long_tells_how_far_it_is_and_ends_with_its_caller() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let echo = Arc::new(Echo::default());
    let control: Arc<dyn Control> = Arc::clone(&echo) as _;
    tokio::spawn(listen(&path, control).await.unwrap());
    let mut words = Vec::new();
    let request = json!("told");
    let answer = call_watching(&path, &request, |how_far| {
        words.push(how_far);
        echo.heard.notify_one();
    });
    assert_eq!(answer.await.unwrap()["asked"], "told");
    assert_eq!(words, [json!({ "done": 1 })]);
    // The last word is heard also where the answer came with it.
    let mut last = None;
    let short = json!("short");
    call_watching(&path, &short, |how_far| last = Some(how_far)).await.unwrap();
    assert_eq!(last, Some(json!(1)));
    // Whoever does not ask for it hears the answer alone.
    echo.heard.notify_one();
    assert_eq!(call(&path, &json!("told")).await.unwrap()["asked"], "told");
    // It would go on for ever.
    {
        let started = Notify::new();
        let request = json!("long");
        let long = call_watching(&path, &request, |_| started.notify_one());
        tokio::select! {
            answer = long => panic!("{answer:?}"),
            () = started.notified() => {}
        }
    }
    echo.ended.notified().await;
}
