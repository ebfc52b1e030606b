//! What the command was asked for.

use std::time::Duration;

use crate::bugs::Hunt;

/// What the command was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// One life alone.
    pub(crate) seed: Option<u64>,
    /// Each call of that life is printed.
    pub(crate) trace: bool,
    /// The seed that a search begins with.
    pub(crate) first: u64,
    /// Only lives of the kind of that one.
    pub(crate) alike: bool,
    /// Of the calls of a life one of so many is examined, if not as many as usual.
    pub(crate) every: Option<u64>,
    pub(crate) points: u64,
    pub(crate) time: Duration,
    /// Bugs are looked for, not in the engine as it is.
    pub(crate) hunt: Option<Hunt>,
    /// Only this one; of promises those that have this in their names.
    pub(crate) bug: Option<String>,
    /// Instead of lives: all sequences of so many operations at most.
    pub(crate) exhaustive: Option<usize>,
    /// The conformance suite with each call failing.
    pub(crate) calls: bool,
    /// Each in one way.
    pub(crate) in_turn: bool,
    /// When the time is over before there were so many points, so many must do.
    pub(crate) floor: u64,
}

/// What `--help` says.
pub(crate) const HELP: &str = "\
The log store on a simulated disk: lives drawn from seeds, and every crash point in them.

  sim [--points N] [--seconds S] [--first N] [--floor N]
                   searches from this seed on (1) until so many crash points
                   were judged (200000), so many seconds at most (300); if the
                   time is over before, it says so, and fails below the floor
                   (50000)
  sim --seed N [--trace]
                   one life again; a failure is shrunk. The number of its history is
                   the same on every machine and in every build; traced, each call is
                   printed with the number up to there
  sim --bugs [NAME] [--points N] [--seconds S] [--first N]
                   searches with each bug switched on in the engine, or with this
                   one, until it is caught (100000 points each at most)
  With each search: [--alike] only lives of the kind of the first; [--every N]
                   of the calls of a life one in N is examined (1; with bugs 6)
  sim --caught     each bug on the seed that is known to catch it
  sim --calls [PROMISE] [--in-turn]
                   the conformance suite of the stores, with each call to the disk
                   failing, by itself and with all behind it, as EIO and as ENOSPC;
                   in turn: each in one of these four ways
  sim --exhaustive [--length N]
                   every crash point of all sequences of so many operations at
                   most (3) on two maildrops, with every subset of what was not
                   synced; bounded as the source says (exhaustive.rs)
";

impl Options {
    /// Reads them; `None` is a wish for help.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            seed: None,
            trace: false,
            first: 1,
            alike: false,
            every: None,
            points: 200_000,
            time: Duration::from_mins(5),
            floor: 50_000,
            hunt: None,
            bug: None,
            exhaustive: None,
            calls: false,
            in_turn: false,
        };
        let mut rest = arguments.peekable();
        while let Some(argument) = rest.next() {
            let mut number = || {
                let text = rest.next().unwrap_or_default();
                text.parse::<u64>().map_err(|_| format!("{argument} needs a whole number"))
            };
            match argument.as_str() {
                "--trace" => options.trace = true,
                "--seed" => options.seed = Some(number()?),
                "--first" => options.first = number()?,
                "--alike" => options.alike = true,
                "--every" => options.every = Some(number()?),
                "--points" => options.points = number()?,
                "--floor" => options.floor = number()?,
                "--seconds" => options.time = Duration::from_secs(number()?),
                "--bugs" => {
                    options.hunt = Some(Hunt::Search);
                    options.points = 100_000;
                    options.time = Duration::from_mins(15);
                    options.bug = rest.next_if(|name| !name.starts_with('-'));
                }
                "--calls" => {
                    options.calls = true;
                    options.bug = rest.next_if(|name| !name.starts_with('-'));
                }
                "--in-turn" => options.in_turn = true,
                "--caught" => options.hunt = Some(Hunt::Known),
                "--exhaustive" => options.exhaustive = Some(options.exhaustive.unwrap_or(3)),
                "--length" => options.exhaustive = Some(usize::try_from(number()?).unwrap_or(3)),
                "--help" | "-h" => return Ok(None),
                other => return Err(format!("sim does not know {other:?}; --help lists all")),
            }
        }
        Ok(Some(options))
    }
}
