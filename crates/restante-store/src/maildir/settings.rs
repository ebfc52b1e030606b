//! What can be set about a Maildir store.

use std::time::Duration;

/// What can be set about a Maildir store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The host's name, for the names of new files. Octets that a Maildir name cannot hold are
    /// replaced.
    pub host: String,
    /// How many threads may wait for the disk at once.
    pub threads: usize,
    /// How many pieces of file work may wait for a thread before more are refused.
    pub queue_max: usize,
    /// How much of a message on its way in is kept in memory; more goes to a file without a
    /// name.
    pub spool_octets_min: usize,
    /// How many messages the scans that are kept in memory may hold together. A maildrop whose
    /// scan is not kept is looked at file by file at its next login.
    pub scan_messages_max: usize,
    /// Files in `tmp` that are older than this were left behind by a crash (P-223).
    pub tmp_age_max: Duration,
    /// How often a session that waits for mail looks whether another program has delivered some.
    pub look_every: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            threads: 16,
            queue_max: 4096,
            spool_octets_min: 256 << 10,
            scan_messages_max: 1_000_000,
            // maildir(5): "files that have not been accessed for 36 hours".
            tmp_age_max: Duration::from_hours(36),
            look_every: Duration::from_secs(3),
        }
    }
}
