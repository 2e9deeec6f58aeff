//! Known bugs that a test can put back, to see that the tests of a property notice (feature
//! `seeded`). Each is one switch at the line that matters; without the feature every switch is a
//! constant, and nothing of it is left in a build.

#![cfg_attr(not(feature = "seeded"), allow(unreachable_pub))]
#![cfg_attr(not(feature = "testkit"), allow(dead_code))] // two of them are in the simulated system

#[cfg(feature = "seeded")]
use std::cell::Cell;

macro_rules! bugs {
    ($($(#[$doc:meta])+ $bug:ident,)+) => {
        /// A bug that was made before, here or elsewhere.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[$doc])+ $bug,)+
        }

        impl Bug {
            /// All of them.
            #[cfg(feature = "seeded")]
            pub const ALL: &[Bug] = &[$(Bug::$bug,)+];
        }
    };
}

bugs! {
    /// The fingerprint of a record is stored though a pair of it was not decided: listed again, it
    /// is dropped as known.
    FingerprintOfUndecided,
    /// An id of ours is written though it is there.
    IdsWrittenAgain,
    /// No fingerprint is stored: what is listed again is work again.
    NoFingerprint,
    /// All that the answer to a write shows is the new base, also of pairs that were not written.
    BaseIsWholeAnswer,
    /// A base that cannot tell that both sides have changed: the source's edit is taken for the
    /// only one.
    BaseHidesBothChanged,
    /// What was overwritten by a write without an answer is not logged once its pair has left the
    /// mapping.
    OverwrittenUnlogged,
    /// A field that is not in an answer is blank.
    AbsentIsBlank,
    /// What is seen soon after a write of ours is its echo.
    EchoByTimeWindow,
    /// A listed row is believed, however old it is.
    ListedRowBelieved,
    /// What is newer than the version that a base keeps while a pair is held is believed.
    HeldVersionBelieved,
    /// A create is sent before its intent is durable.
    CreateBeforeIntent,
    /// A create without an answer is sent again without looking for what it made.
    SentAgainUnseen,
    /// A create claims nothing against the creates of other mappings.
    NothingClaimed,
    /// Of several records with the key, the first is the partner.
    FirstOfManyMatches,
    /// A new record with the key of a linked one is linked to its partner, too.
    NewcomerWins,
    /// A full read that shows nothing is believed.
    EmptyListIsDeletes,
    /// What is not found is deleted.
    MissingIsDeleted,
    /// The end of a link is forgotten: the survivor is a new record.
    TombstoneForgets,
    /// The time of the record decides about a pair that one side alone has changed.
    RecordTimeDecides,
    /// Both sides changed to the same value is a conflict.
    SameEditIsConflict,
    /// A one-way pair is written on its origin.
    DirectionIgnored,
    /// A person's answer is carried out though the values have moved since.
    StaleAnswerTaken,
    /// A row that a coarse clock does not tell from the base's version has not changed.
    ClockDetects,
    /// A page begins after the time of the row before it, and not after the row.
    StrictCursor,
    /// Reading goes on from where it began, without looking back.
    NoLookBack,
    /// A cursor is stored before the rows that it has passed.
    CursorBeforePage,
    /// A refusal ends the run.
    RefusalStopsRun,
    /// A record is written on what its listing showed.
    NoReadBeforeWrite,
    /// The time between a read and its write is not told.
    WindowUntold,
    /// A record that is known by its id alone has not changed.
    HintDropped,
    /// A record that is told of and is not there is looked for in every run.
    ForgedHintStays,
    /// An update without an answer was carried out.
    SettledUnseen,
    /// Guards let everything through but creates.
    GateOpen,
    /// A plan clears what it has looked at.
    PlanClears,
    /// A base of another revision is read by the places of this one.
    OldPlacesKept,
    /// A match key whose field is not shown is none.
    HiddenKeyForgotten,
    /// What a read by id does not show yet, where such reads may be late, is no more.
    LateReadBelieved,
    /// A group is decided without the fields of it that are not shown.
    GroupDecidedUnseen,
    /// A removal that failed and is held by a guard again begins its attempts anew.
    RemovalTriedAnew,
    /// The base of a pair that left the mapping is not kept.
    RetiredBaseForgotten,
    /// Ids are drawn.
    IdsDrawn,
    /// The base is what was sent, whatever the answer says.
    BaseIsSent,
    /// A store that is rebuilt makes what has no partner.
    RebuildCreates,
    /// A reference is carried over as it is.
    ReferenceUntranslated,
    /// The log does not tell what was there before.
    LogWithoutBefore,
    /// Records that need not be read are fetched.
    FetchesUnchanged,
    /// An audit finds nothing that cannot be explained.
    AuditFindsNothing,
}

#[cfg(feature = "seeded")]
thread_local! {
    static BACK: Cell<Option<Bug>> = const { Cell::new(None) };
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}

/// Runs this with the bug put back, on this thread alone.
#[cfg(feature = "seeded")]
pub fn with<T>(bug: Bug, run: impl FnOnce() -> T) -> T {
    /// Also a test that panics leaves no bug behind.
    struct Mend;
    impl Drop for Mend {
        fn drop(&mut self) {
            BACK.set(None);
        }
    }
    BACK.set(Some(bug));
    let _mend = Mend;
    run()
}

/// Whether the bug is put back.
#[cfg(feature = "seeded")]
pub(crate) fn is(bug: Bug) -> bool {
    BACK.get() == Some(bug)
}

/// Whether the bug is put back: it is not.
#[cfg(not(feature = "seeded"))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}

/// Another number each time, for [`Bug::IdsDrawn`]; else always the same.
pub(crate) fn drawn() -> u64 {
    if is(Bug::IdsDrawn) { draw() } else { 0 }
}

#[cfg(feature = "seeded")]
fn draw() -> u64 {
    DRAWN.set(DRAWN.get() + 1);
    DRAWN.get()
}

#[cfg(not(feature = "seeded"))]
const fn draw() -> u64 {
    0
}
