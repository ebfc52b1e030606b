//! Bugs that can be switched on, one at a time, to see whether the simulator finds them.
//!
//! Only the `simulation` feature has the switch. Without it [`is_on`] is always false, and
//! nothing of a bug is compiled.

#[cfg(feature = "simulation")]
use std::cell::Cell;

/// The bugs: what each breaks, and what it is called on a command line.
macro_rules! bugs {
    ($($(#[doc = $what:literal])+ $bug:ident = $name:literal,)+) => {
        /// A bug of the log store that can be switched on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(
            not(feature = "simulation"),
            expect(unreachable_pub, reason = "only the simulator switches bugs on")
        )]
        pub enum Bug {
            $($(#[doc = $what])+ $bug,)+
        }

        #[cfg(feature = "simulation")]
        impl Bug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$bug,)+];

            /// What it is called.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$bug => $name,)+
                }
            }

            /// What it breaks.
            pub fn what(self) -> &'static str {
                match self {
                    $(Self::$bug => concat!($($what,)+).trim_start(),)+
                }
            }
        }
    };
}

bugs! {
    /// What is written to the log is not synced.
    LogNotSynced = "log-not-synced",
    /// The log is synced only after the answer was given.
    AnsweredBeforeSync = "answered-before-sync",
    /// A message is visible before it is durable, and stays so if it never is.
    VisibleBeforeDurable = "visible-before-durable",
    /// A sync that failed is tried again, and believed.
    SyncRetried = "sync-retried",
    /// A segment in which a write failed is written on.
    SegmentNotAbandoned = "segment-not-abandoned",
    /// The first of a batch that was refused is answered as done.
    RefusedAnswered = "refused-answered",
    /// An UPDATE is two records, and may be torn in two.
    UpdateSplit = "update-split",
    /// The name of a new segment is not synced.
    SegmentNameNotSynced = "segment-name-not-synced",
    /// A new segment does not say where the one before it ends.
    PreviousEndNotSaid = "previous-end-not-said",
    /// A start writes on where the last segment ends.
    OldSegmentWritten = "old-segment-written",
    /// A torn tail is not cut off, and the next segment says that it counts.
    TornTailKept = "torn-tail-kept",
    /// Of a torn batch those records count that are whole.
    TornBatchResumed = "torn-batch-resumed",
    /// A record counts after a crash whose body is torn.
    TornBodyTaken = "torn-body-taken",
    /// What a killed process left unsynced is shown by the next start, and not synced by it.
    TailNotSyncedAtStart = "tail-not-synced-at-start",
    /// The checksum of a head is not looked at.
    HeadNotChecked = "head-not-checked",
    /// The checksum of recipients and other metas is not looked at when a segment is read.
    MetaNotChecked = "meta-not-checked",
    /// The checksum of a body is not looked at when it is retrieved.
    BodyNotChecked = "body-not-checked",
    /// A gap in a sealed segment is passed over, and nobody is told.
    GapPassedOver = "gap-passed-over",
    /// Compaction drops every DESTROY.
    DestroyNotCarried = "destroy-not-carried",
    /// Compaction drops the last of the segments that a DESTROY names.
    DestroyNameDropped = "destroy-name-dropped",
    /// A DESTROY does not name the segments that messages were copied from.
    SourceNotNamed = "source-not-named",
    /// A start does not know which segments messages were copied from.
    SourceForgotten = "source-forgotten",
    /// A DESTROY names the segment where a session saw the message, wherever it is by now.
    StaleCopyNamed = "stale-copy-named",
    /// Compaction copies what was destroyed as well.
    DestroyedCopied = "destroyed-copied",
    /// What compaction copies is not synced before the segment goes.
    CopiesNotSynced = "copies-not-synced",
    /// The segment that is being written may be compacted.
    LastSegmentCompacted = "last-segment-compacted",
    /// A segment goes though its header alone says where another ends.
    NeededHeaderDropped = "needed-header-dropped",
    /// A segment counts as gone before that is durable.
    GoneBeforeDurable = "gone-before-durable",
    /// Sessions do not keep what they listed from being removed.
    SnapshotsPinNothing = "snapshots-pin-nothing",
    /// The epoch of a start is the clock's, whatever it was before.
    EpochFromClock = "epoch-from-clock",
    /// The last id of every batch is given out again.
    CounterStepsBack = "counter-steps-back",
    /// FORMAT is written where it stands.
    FormatInPlace = "format-in-place",
    /// FORMAT is put in its place before its content is synced.
    FormatNotSynced = "format-not-synced",
    /// The index says that it knows more than it does.
    CheckpointAhead = "checkpoint-ahead",
    /// What could not be folded into the index is forgotten.
    OverlayDropped = "overlay-dropped",
    /// The index does not count down what a maildrop holds.
    SumsNotReduced = "sums-not-reduced",
    /// How much a maildrop holds is not counted again after a deletion.
    UsageKept = "usage-kept",
    /// A maildrop is shown as it was listed last, whatever came and went since.
    ListingKept = "listing-kept",
    /// The file of a long body is not synced before its record.
    BigNotSynced = "big-not-synced",
    /// The name of a long body's file is not synced before its record.
    BigNameNotSynced = "big-name-not-synced",
    /// The file of a long body goes with the first of its records.
    BigGoneEarly = "big-gone-early",
    /// A start removes long bodies that the log names and the index does not.
    LoggedBigSwept = "logged-big-swept",
    /// What is kept for deletions on a full disk is never given to them.
    ReserveKept = "reserve-kept",
    /// Of two marks that which is read later counts, not the one with the higher stamp.
    MarkStampIgnored = "mark-stamp-ignored",
    /// Compaction drops every MARK.
    MarksNotCarried = "marks-not-carried",
    /// Compaction drops the marks that take something back.
    MarkOffDropped = "mark-off-dropped",
    /// The records of a group do not say that they count together.
    GroupNotBound = "group-not-bound",
    /// Of a group those records count after a crash that are whole.
    GroupHalfTaken = "group-half-taken",
    /// What depends on what was asked before is decided without it.
    DeedOutOfTurn = "deed-out-of-turn",
    /// What is held or set aside counts on for how much a maildrop holds.
    WithheldCounted = "withheld-counted",
    /// Compaction drops what happened.
    EventsNotCarried = "events-not-carried",
    /// Compaction does not tell that what is gone was ever accepted.
    AcceptedNotTold = "accepted-not-told",
    /// Compaction does not tell of a DESTROY that it drops.
    EndNotTold = "end-not-told",
    /// Compaction drops what stands in for a header with raw UTF-8.
    StandInNotCarried = "stand-in-not-carried",
    /// What stands in for the prefix of a recipient is another's when compaction leaves some out.
    StandInMisplaced = "stand-in-misplaced",
    /// The index does not keep how long a message is with what stands in for its header.
    StandInSizeLost = "stand-in-size-lost",
}

#[cfg(feature = "simulation")]
thread_local! {
    static ON: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// In this thread this bug is on from now on, and no other.
#[cfg(feature = "simulation")]
pub fn switch(bug: Option<Bug>) {
    ON.set(bug);
}

/// Whether a bug is on.
#[cfg(feature = "simulation")]
pub(crate) fn is_on(bug: Bug) -> bool {
    ON.get() == Some(bug)
}

/// Whether a bug is on: never.
#[cfg(not(feature = "simulation"))]
pub(crate) const fn is_on(_bug: Bug) -> bool {
    false
}
