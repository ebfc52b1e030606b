//! A Maildir that other programs share: their names, their line ends, their moves under us.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use mail_wire::{Form, MaildropId, MessageNumber};
use restante_store::maildir::{MaildirStore, Settings};
use restante_store::{
    Incoming, Maildrop, Progress, Provenance, Recipient, Store, StoreError, Stored, View,
};
use tempfile::TempDir;

const OURS: MaildropId = MaildropId::new(1);

/// A store in a folder of its own.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root().join("1").join(below)
    }

    /// Opens the store; one that was just dropped may have something to end first.
    fn store(&self) -> MaildirStore {
        loop {
            match MaildirStore::open(&self.root(), Settings::default()) {
                Err(StoreError::Locked { .. }) => std::thread::yield_now(),
                store => return store.unwrap(),
            }
        }
    }

    /// A Maildir that another program has made, with these files.
    fn with(files: &[(&str, &[u8])]) -> Self {
        let place = Self::new();
        for part in ["new", "cur", "tmp"] {
            fs::create_dir_all(place.path(part)).unwrap();
        }
        for (name, content) in files {
            fs::write(place.path(name), content).unwrap();
        }
        place
    }
}

async fn open(store: &MaildirStore) -> Box<dyn Maildrop> {
    store.open(OURS, View::default()).await.unwrap()
}

async fn deliver(store: &MaildirStore, text: &str) -> Stored {
    let recipients = vec![Recipient::new(OURS, Vec::new())];
    let incoming =
        Incoming { recipients, form: Form::Text, utf8: false, provenance: Provenance::default() };
    let mut delivery = store.deliver(incoming).await.unwrap();
    delivery.write(text.as_bytes()).unwrap();
    delivery.commit().await.remove(0).unwrap()
}

fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).unwrap()
}

async fn read(maildrop: &dyn Maildrop, which: u32) -> Result<Vec<u8>, StoreError> {
    let mut body = maildrop.read(number(which)).await?;
    let mut text = Vec::new();
    while body.read(&mut text, 1000).await? != Progress::Ended {}
    let listed = maildrop.listing().get(number(which)).unwrap().octets;
    assert_eq!(text.len() as u64, listed.get(), "P-043");
    Ok(text)
}

fn uidls(maildrop: &dyn Maildrop) -> Vec<String> {
    maildrop.listing().iter().map(|entry| entry.uidl.to_string()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const MESSAGE: &[u8] = b"Subject: x\n\nbody\n";
const MESSAGE_SENT: &[u8] = b"Subject: x\r\n\r\nbody\r\n";

// P-150 to P-154, P-051, P-224, M1 to M7: what stands in the file, what is sent
#[tokio::test]
async fn files_of_any_kind_are_sent_with_crlf_and_their_true_size() {
    let cases: &[(&[u8], &[u8])] = &[
        (MESSAGE, MESSAGE_SENT),
        (MESSAGE_SENT, MESSAGE_SENT),
        (b"A: b\r\n\nmixed\nlines\r\n", b"A: b\r\n\r\nmixed\r\nlines\r\n"),
        (b"A: b\n\nno end", b"A: b\r\n\r\nno end\r\n"),
        (b"A: b\n", b"A: b\r\n\r\n"),
        (b"A: b", b"A: b\r\n\r\n"),
        (b"", b"\r\n"),
        (b"A: b\n\na\r.\r\nQUIT\n", b"A: b\r\n\r\na\r\n.\r\nQUIT\r\n"),
        (b"A: b\n\n\0\n", b"A: b\r\n\r\n\x80\r\n"),
        (b"A: b\n\n.\n..\n.x\n", b"A: b\r\n\r\n.\r\n..\r\n.x\r\n"),
    ];
    let place = Place::with(&[]);
    for (count, (file, _)) in cases.iter().enumerate() {
        // The sizes in the names are lies.
        let name = format!("new/17000000{count:02}.M1P1.host,S=99999,W=3");
        fs::write(place.path(&name), file).unwrap();
    }
    for _ in 0..2 {
        // The second time from our list.
        let store = place.store();
        let maildrop = open(&store).await;
        assert_eq!(maildrop.listing().len(), cases.len());
        for (count, (_, sent)) in (1..).zip(cases) {
            let text = read(&*maildrop, count).await.unwrap();
            assert_eq!(text.escape_ascii().to_string(), sent.escape_ascii().to_string());
        }
    }
}

// rulings 20, XWAIT and XREFRESH: what another program delivers, which tells nobody
#[tokio::test]
async fn what_another_program_delivers_is_an_arrival() {
    let place = Place::with(&[("cur/1700000001.M1P1.host:2,", MESSAGE)]);
    let settings = Settings { look_every: Duration::from_millis(10), ..Settings::default() };
    let store = MaildirStore::open(&place.root(), settings).unwrap();
    let mut maildrop = open(&store).await;
    for arrived in 2..5 {
        tokio::select! {
            biased;
            () = maildrop.arrival() => panic!("nothing has arrived"),
            () = std::future::ready(()) => {}
        }
        let name = format!("170000000{arrived}.M1P1.host");
        fs::write(place.path(&format!("tmp/{name}")), MESSAGE).unwrap();
        fs::rename(place.path(&format!("tmp/{name}")), place.path(&format!("new/{name}"))).unwrap();
        maildrop.arrival().await;
        assert_eq!(maildrop.refresh().await.unwrap(), 1);
        assert_eq!(read(&*maildrop, arrived).await.unwrap(), MESSAGE_SENT);
        // A message that is only moved is none that arrives.
        fs::rename(place.path(&format!("new/{name}")), place.path(&format!("cur/{name}:2,S")))
            .unwrap();
        assert_eq!(maildrop.refresh().await.unwrap(), 0);
    }
}

// P-220, P-221: what other programs find of ours
#[tokio::test]
async fn a_delivery_stands_in_new_with_lf_and_true_sizes_in_its_name() {
    let place = Place::new();
    let store = place.store();
    let stored = deliver(&store, "Subject: x\r\n\r\nbody\r\n").await;
    assert_eq!(stored.octets.get(), MESSAGE_SENT.len() as u64);
    let [name] = names(&place.path("new")).try_into().unwrap();
    assert_eq!(fs::read(place.path("new").join(&name)).unwrap(), MESSAGE);
    let sizes = format!(",S={},W={}", MESSAGE.len(), MESSAGE_SENT.len());
    assert!(name.ends_with(&sizes) && !name.contains([':', '/']), "{name}");
    assert!(names(&place.path("cur")).is_empty() && names(&place.path("tmp")).is_empty());
}

// P-053, P-222, M10: flags and `cur` change nothing of what a client sees
#[tokio::test]
async fn moves_under_a_session_are_followed() {
    let names =
        ["1700000000.Vfd01I4b8dM123456.mx", "1700000001.M1P2.host,S=17,W=20", "1700000002.3.h"];
    let files = names.map(|name| (format!("new/{name}"), MESSAGE));
    let files = files.each_ref().map(|(name, content)| (name.as_str(), *content));
    let place = Place::with(&files);
    let store = place.store();
    let mut maildrop = open(&store).await;
    let before = uidls(&*maildrop);
    assert_eq!(before.len(), 3);
    for (which, name) in (1..).zip(names) {
        fs::rename(place.path("new").join(name), place.path("cur").join(format!("{name}:2,")))
            .unwrap();
        assert_eq!(read(&*maildrop, which).await.unwrap(), MESSAGE_SENT);
        // P-221: letters we do not know stay.
        let flagged = place.path("cur").join(format!("{name}:2,RSTab"));
        fs::rename(place.path("cur").join(format!("{name}:2,")), flagged).unwrap();
        assert_eq!(read(&*maildrop, which).await.unwrap(), MESSAGE_SENT);
    }
    assert_eq!(uidls(&*open(&store).await), before);
    let removed = maildrop.commit(&[number(1), number(3)]).await.unwrap();
    assert_eq!(removed.messages, 2);
    assert_eq!(self::names(&place.path("cur")), [format!("{}:2,RSTab", names[1])]);
    drop((maildrop, store));
    assert_eq!(uidls(&*open(&place.store()).await), [before[1].as_str()]);
}

// P-057, M8: gone by another program's hand
#[tokio::test]
async fn a_message_that_vanished_is_absent_and_counts_as_removed() {
    let place = Place::with(&[("new/1.a.h", MESSAGE), ("cur/2.b.h:2,S", MESSAGE)]);
    let store = place.store();
    let mut maildrop = open(&store).await;
    fs::remove_file(place.path("new/1.a.h")).unwrap();
    assert!(matches!(maildrop.read(number(1)).await, Err(StoreError::Absent { .. })));
    assert_eq!(read(&*maildrop, 2).await.unwrap(), MESSAGE_SENT);
    assert_eq!(maildrop.commit(&[number(1)]).await.unwrap().messages, 1);
    assert_eq!(open(&store).await.listing().len(), 1);
}

// M9
#[tokio::test]
async fn two_files_with_one_unique_part_are_two_messages() {
    let place = Place::with(&[
        ("new/1700000000.M1P2.host", b"A: first\n\n"),
        ("cur/1700000000.M1P2.host:2,S", b"A: second\n\n"),
    ]);
    let store = place.store();
    let maildrop = open(&store).await;
    let before = uidls(&*maildrop);
    assert_eq!(before.len(), 2);
    assert_ne!(before[0], before[1]);
    let texts = [read(&*maildrop, 1).await.unwrap(), read(&*maildrop, 2).await.unwrap()];
    drop((maildrop, store));
    // The first goes, the second is flagged: it keeps its unique-id.
    fs::remove_file(place.path("new/1700000000.M1P2.host")).unwrap();
    let left = place.path("cur/1700000000.M1P2.host:2,RS");
    fs::rename(place.path("cur/1700000000.M1P2.host:2,S"), left).unwrap();
    let store = place.store();
    let maildrop = open(&store).await;
    let second = texts.iter().position(|text| text.starts_with(b"A: second")).unwrap();
    assert_eq!(uidls(&*maildrop), [before[second].as_str()]);
    assert_eq!(read(&*maildrop, 1).await.unwrap(), texts[second]);
}

// A name in `new` and in `cur` at once is one message if it is one file.
#[tokio::test]
async fn two_names_of_one_file_with_one_unique_part_are_one_message() {
    let place = Place::with(&[("new/1700000000.M1P2.host", MESSAGE)]);
    let cur = place.path("cur/1700000000.M1P2.host:2,S");
    fs::hard_link(place.path("new/1700000000.M1P2.host"), cur).unwrap();
    // A copy as Dovecot makes it is another message.
    let copy = place.path("cur/1700000009.M1P2.host:2,S");
    fs::hard_link(place.path("new/1700000000.M1P2.host"), copy).unwrap();
    assert_eq!(open(&place.store()).await.listing().len(), 2);
}

// P-053, M13, M14: the list is lost, or damaged
#[tokio::test]
async fn unique_ids_and_sizes_come_back_without_our_list() {
    let place = Place::new();
    let store = place.store();
    for count in 0..5 {
        deliver(&store, &format!("A: {count}\r\n\r\n")).await;
        // Each is listed before the next comes.
        open(&store).await;
    }
    let before = uidls(&*open(&store).await);
    drop(store);
    let list = place.path("restante-uidlist");
    let whole = fs::read(&list).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    let damages: [Option<&[u8]>; 5] =
        [None, Some(&whole[..whole.len() - 7]), Some(b""), Some(b"rubbish\n\n"), Some(&flipped)];
    for damage in damages {
        match damage {
            None => fs::remove_file(&list).unwrap(),
            Some(content) => fs::write(&list, content).unwrap(),
        }
        let store = place.store();
        let maildrop = open(&store).await;
        let mut after = uidls(&*maildrop);
        if damage != Some(&flipped) {
            assert_eq!(after, before);
        }
        // A line in the middle that is lost loses its place, and nothing else.
        after.sort();
        let mut sorted = before.clone();
        sorted.sort();
        assert_eq!(after, sorted);
        for which in 1..=5 {
            read(&*maildrop, which).await.unwrap();
        }
    }
}

// P-040: what comes later is listed later, whatever its name says
#[tokio::test]
async fn order_is_that_of_first_sight() {
    let place =
        Place::with(&[("new/1700000005.a.h", MESSAGE), ("cur/1700000003.b.h:2,S", MESSAGE)]);
    let store = place.store();
    let first = uidls(&*open(&store).await);
    fs::write(place.path("new/1700000001.c.h"), MESSAGE).unwrap();
    let second = uidls(&*open(&store).await);
    assert_eq!(second[..2], first);
    drop(store);
    fs::write(place.path("new/1600000000.d.h"), MESSAGE).unwrap();
    let third = uidls(&*open(&place.store()).await);
    assert_eq!(third[..3], second);
    assert_eq!(third.len(), 4);
}

// P-040: together they are ordered by the times in their names, read as numbers
#[tokio::test]
async fn messages_that_are_first_seen_together_are_in_order_of_time() {
    let place = Place::with(&[
        ("new/1700000005.M20P1.h", b"5: x\n\n"),
        ("cur/1700000005.M9P1.h:2,S", b"4: x\n\n"),
        ("new/999999999.a.h", b"1: x\n\n"),
        ("cur/1700000004.b.h:2,", b"2: x\n\n"),
        ("new/1700000005.Vfd01M3.h", b"3: x\n\n"),
    ]);
    let store = place.store();
    let maildrop = open(&store).await;
    for which in 1..=5 {
        assert!(read(&*maildrop, which).await.unwrap().starts_with(which.to_string().as_bytes()));
    }
}

// Security §5, storage: nothing in a Maildir is followed
#[tokio::test]
async fn what_is_no_regular_file_is_no_message() {
    let place = Place::with(&[("new/1.a.h", MESSAGE), ("new/.hidden", MESSAGE)]);
    let secret = place.folder.path().join("secret");
    fs::write(&secret, b"secret").unwrap();
    symlink(&secret, place.path("new/2.link.h")).unwrap();
    symlink("/nonexistent", place.path("cur/3.dangling.h")).unwrap();
    fs::create_dir(place.path("new/4.folder.h")).unwrap();
    let made = Command::new("mkfifo").arg(place.path("new/5.fifo.h")).status().unwrap();
    assert!(made.success());
    let store = place.store();
    let maildrop = open(&store).await;
    assert_eq!(maildrop.listing().len(), 1);
    // A message that becomes a link, or a FIFO, in the session.
    fs::remove_file(place.path("new/1.a.h")).unwrap();
    symlink(&secret, place.path("new/1.a.h")).unwrap();
    assert!(maildrop.read(number(1)).await.is_err());
    fs::remove_file(place.path("new/1.a.h")).unwrap();
    fs::rename(place.path("new/5.fifo.h"), place.path("new/1.a.h")).unwrap();
    assert!(maildrop.read(number(1)).await.is_err());
}

#[tokio::test]
async fn our_own_files_are_not_followed_either() {
    let place = Place::with(&[("new/1.a.h", MESSAGE)]);
    let secret = place.folder.path().join("secret");
    fs::write(&secret, b"secret").unwrap();
    symlink(&secret, place.path("restante-uidlist")).unwrap();
    assert!(place.store().open(OURS, View::default()).await.is_err());
    fs::remove_file(place.path("restante-uidlist")).unwrap();
    let elsewhere = place.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("theirs"), b"").unwrap();
    symlink(&elsewhere, place.path("restante-removed")).unwrap();
    let store = place.store();
    let mut maildrop = open(&store).await;
    let _other = open(&store).await;
    assert_eq!(maildrop.commit(&[number(1)]).await.unwrap().messages, 1);
    assert_eq!(names(&elsewhere), ["theirs"]);
    assert_eq!(fs::read(secret).unwrap(), b"secret");
}

// P-056, M8
#[tokio::test]
async fn folders_that_cannot_be_listed_are_an_error_and_no_empty_maildrop() {
    for part in ["new", "cur"] {
        let place = Place::with(&[("new/1.a.h", MESSAGE)]);
        assert_eq!(open(&place.store()).await.listing().len(), 1);
        let aside = place.path("aside");
        fs::rename(place.path(part), &aside).unwrap();
        assert!(place.store().open(OURS, View::default()).await.is_err(), "{part} is missing");
        symlink(&aside, place.path(part)).unwrap();
        assert!(place.store().open(OURS, View::default()).await.is_err(), "{part} is a link");
        fs::remove_file(place.path(part)).unwrap();
        fs::write(place.path(part), b"").unwrap();
        assert!(place.store().open(OURS, View::default()).await.is_err(), "{part} is a file");
    }
}

// M19: how an account gets a Maildir that is there already
#[tokio::test]
async fn the_operator_may_link_a_maildrop_to_a_maildir_elsewhere() {
    let place = Place::with(&[("new/1.a.h", MESSAGE)]);
    let home = place.folder.path().join("home");
    fs::rename(place.path(""), &home).unwrap();
    symlink(&home, place.root().join("1")).unwrap();
    let store = place.store();
    deliver(&store, "A: b\r\n\r\n").await;
    assert_eq!(open(&store).await.listing().len(), 2);
    store.remove(OURS).await.unwrap();
    assert!(home.join("new").is_dir() && names(&home.join("new")).is_empty());
    assert!(!place.root().join("1").exists());
}

// P-056: a link to a disk that is not mounted is not an empty maildrop
#[tokio::test]
async fn a_link_that_leads_nowhere_is_an_error() {
    let place = Place::with(&[]);
    fs::remove_dir_all(place.path("")).unwrap();
    let home = place.folder.path().join("home");
    symlink(&home, place.root().join("1")).unwrap();
    let store = place.store();
    assert!(store.open(OURS, View::default()).await.is_err());
    assert!(!home.exists());
    fs::create_dir(&home).unwrap();
    assert!(store.open(OURS, View::default()).await.is_err(), "the mount point alone");
    assert!(names(&home).is_empty());
}

// rulings 18, `,T`: nothing is hidden, a message is one until somebody removes it
#[tokio::test]
async fn messages_that_are_flagged_as_trashed_are_listed() {
    let place = Place::with(&[("cur/1.a.h:2,ST", MESSAGE), ("cur/2.b.h:2,D", MESSAGE)]);
    assert_eq!(open(&place.store()).await.listing().len(), 2);
}

// rulings 18
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_session_removes_another_still_reads() {
    let place = Place::with(&[("new/1.a.h", MESSAGE), ("cur/2.b.h:2,S", MESSAGE)]);
    let store = place.store();
    let reader = open(&store).await;
    let mut remover = open(&store).await;
    remover.commit(&[number(1), number(2)]).await.unwrap();
    assert!(names(&place.path("new")).is_empty() && names(&place.path("cur")).is_empty());
    drop(remover);
    assert_eq!(read(&*reader, 1).await.unwrap(), MESSAGE_SENT);
    assert_eq!(read(&*reader, 2).await.unwrap(), MESSAGE_SENT);
    assert!(open(&store).await.listing().is_empty());
    let kept = place.path("restante-removed");
    assert_eq!(names(&kept).len(), 2);
    // What is kept is not believed when it has become another file.
    for name in names(&kept) {
        fs::write(kept.join(name), b"Subject: y\n\nBODY\n").unwrap();
    }
    assert!(matches!(reader.read(number(1)).await, Err(StoreError::Absent { .. })));
    drop(reader);
    // The last of them has gone: so do the messages, in the background.
    while !names(&kept).is_empty() {
        tokio::task::yield_now().await;
    }
    // Alone, nothing is kept.
    deliver(&store, "A: b\r\n\r\n").await;
    open(&store).await.commit(&[number(1)]).await.unwrap();
    assert!(names(&kept).is_empty());
}

#[tokio::test]
async fn what_a_crash_left_is_swept_at_the_first_use_after_a_start() {
    let place = Place::with(&[("tmp/old", MESSAGE), ("tmp/young", MESSAGE)]);
    fs::create_dir(place.path("restante-removed")).unwrap();
    fs::write(place.path("restante-removed/00"), MESSAGE).unwrap();
    // P-223: 37 hours, and one hour
    for (name, hours) in [("old", 37), ("young", 1)] {
        let time = SystemTime::now() - Duration::from_hours(hours);
        let file = fs::File::options().write(true).open(place.path("tmp").join(name)).unwrap();
        file.set_times(fs::FileTimes::new().set_accessed(time).set_modified(time)).unwrap();
    }
    open(&place.store()).await;
    assert_eq!(names(&place.path("tmp")), ["young"]);
    assert!(names(&place.path("restante-removed")).is_empty());
}

// Maildir's rule is that a file never changes. Where it is broken the answer is an error, then
// the truth; never a message that differs from its listing.
#[tokio::test]
async fn a_file_that_is_changed_in_place_is_never_sent_with_another_size() {
    let place = Place::with(&[("new/1.a.h", MESSAGE)]);
    let store = place.store();
    let maildrop = open(&store).await;
    fs::write(place.path("new/1.a.h"), b"Subject: x\n\nlonger body\n").unwrap();
    assert!(matches!(maildrop.read(number(1)).await, Err(StoreError::Absent { .. })));
    let again = open(&store).await;
    assert_eq!(read(&*again, 1).await.unwrap(), b"Subject: x\r\n\r\nlonger body\r\n");
    assert_eq!(uidls(&*again), uidls(&*maildrop));
    // After a restart each file is compared with our list before its size is believed.
    drop((maildrop, again, store));
    fs::write(place.path("new/1.a.h"), b"Subject: x\n\nshort\n").unwrap();
    let store = place.store();
    assert_eq!(read(&*open(&store).await, 1).await.unwrap(), b"Subject: x\r\n\r\nshort\r\n");
    // The same text with other line ends is the same message.
    let maildrop = open(&store).await;
    fs::write(place.path("new/1.a.h"), b"Subject: x\r\n\r\nshort\r\n").unwrap();
    assert_eq!(read(&*maildrop, 1).await.unwrap(), b"Subject: x\r\n\r\nshort\r\n");
}

#[tokio::test]
async fn a_second_process_gets_a_clear_error() {
    let place = Place::new();
    let store = place.store();
    let refused = MaildirStore::open(&place.root(), Settings::default()).unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
    drop(store);
    MaildirStore::open(&place.root(), Settings::default()).unwrap();
}

// M15
#[tokio::test]
async fn a_list_that_cannot_be_understood_is_refused() {
    let place = Place::with(&[("new/1.a.h", MESSAGE)]);
    open(&place.store()).await;
    let list = place.path("restante-uidlist");
    fs::remove_file(&list).unwrap();
    fs::create_dir(&list).unwrap();
    assert!(place.store().open(OURS, View::default()).await.is_err());
}

// P-222: readdir(3) may pass over a file that is renamed meanwhile; the listing must not
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_is_whole_while_flags_change() {
    const MESSAGES: usize = 300;
    let place = Place::with(&[]);
    let path = |count: usize, flags: &str| place.path(&format!("cur/17{count:08}.a.h:2,{flags}"));
    for count in 0..MESSAGES {
        fs::write(path(count, ""), MESSAGE).unwrap();
    }
    let store = place.store();
    let before = uidls(&*open(&store).await);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut from, mut to) = ("", "FRS");
            while !done.load(Ordering::Relaxed) {
                for count in 0..MESSAGES {
                    fs::rename(path(count, from), path(count, to)).unwrap();
                }
                (from, to) = (to, from);
            }
        });
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async {
                    for _ in 0..60 {
                        let maildrop = open(&store).await;
                        assert_eq!(uidls(&*maildrop), before);
                    }
                });
            });
        }));
        done.store(true, Ordering::Relaxed);
        outcome.unwrap();
    });
}

// Python's mailbox module writes and reads the same Maildir.
#[tokio::test]
async fn python_shares_it() {
    let place = Place::new();
    let store = place.store();
    let mine = deliver(&store, "Subject: ours\r\n\r\nhello\r\n").await;
    let script = r"
import mailbox, sys
box = mailbox.Maildir(sys.argv[1], create=False)
[key] = box.keys()
message = box[key]
assert message['Subject'] == 'ours', message
assert message.get_payload() == 'hello\n', repr(message.get_payload())
assert message.get_subdir() == 'new'
message.set_subdir('cur'); message.add_flag('SF'); box[key] = message
theirs = mailbox.MaildirMessage('Subject: theirs\n\nworld\n')
theirs.set_subdir('cur'); theirs.add_flag('R')
box.add(theirs)
";
    let python = Command::new("python3").args(["-c", script]).arg(place.path("")).output().unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    let maildrop = open(&store).await;
    assert_eq!(maildrop.listing().len(), 2);
    let place_of_mine = uidls(&*maildrop).iter().position(|u| u == mine.uidl.as_str());
    assert!(place_of_mine.is_some(), "P-053");
    let mut texts = [read(&*maildrop, 1).await.unwrap(), read(&*maildrop, 2).await.unwrap()];
    texts.sort();
    assert_eq!(texts[0], b"Subject: ours\r\n\r\nhello\r\n");
    assert_eq!(texts[1], b"Subject: theirs\r\n\r\nworld\r\n");
}
