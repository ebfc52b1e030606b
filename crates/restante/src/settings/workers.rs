//! `[workers]`: maildrops as queues for robots.

use std::time::Duration;

use restante_directory::Batch;

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::count::count;
use crate::settings::kinds::duration::seconds;
use crate::settings::problem::Problem;
use crate::settings::reader::Reader;

/// How messages are given to robots that share a maildrop.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    /// How many messages a session is given.
    pub(crate) batch: u32,
    /// The first wait of a message that was not completed.
    pub(crate) back_off: Duration,
    /// The longest.
    pub(crate) back_off_max: Duration,
    /// After how many sessions running that died at a message it is set aside.
    pub(crate) set_aside_after: u32,
}

impl Workers {
    /// The table.
    pub(crate) const NAME: &'static str = "workers";
    /// What it is about.
    pub(crate) const MEANING: &'static str =
        "Robots that share a maildrop: app passwords of the kind \"worker\".";

    /// Reads the table.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let workers = Self {
            batch: reader
                .setting(
                    &count(1..=100_000),
                    Definition {
                        name: "batch",
                        otherwise: Otherwise::Value("50"),
                        meaning: "How many messages a worker's session is given at once, so that \
                                  others find some too. An account may have its own.",
                        reloads: false,
                    },
                )
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(Batch::default().0),
            back_off: reader.setting(
                &seconds(1..=86_400),
                Definition {
                    name: "back_off",
                    otherwise: Otherwise::Value("\"1m\""),
                    meaning: "How long a message waits before it is offered again, when a worker's \
                          session ended and left it. The wait doubles each time that a worker \
                          fetched the message and left it.",
                    reloads: false,
                },
            ),
            back_off_max: reader.setting(
                &seconds(1..=86_400),
                Definition {
                    name: "back_off_max",
                    otherwise: Otherwise::Value("\"1h\""),
                    meaning: "The longest that a message waits before it is offered again.",
                    reloads: false,
                },
            ),
            set_aside_after: reader
                .setting(
                    &count(1..=1000),
                    Definition {
                        name: "set_aside_after",
                        otherwise: Otherwise::Value("5"),
                        meaning: "After how many sessions running that ended without QUIT at one \
                              message, or that fetched it and did not finish it, the message is \
                              set aside: out of every listing, kept, and restorable. That is for \
                              workers; for other clients the log tells of it.",
                        reloads: false,
                    },
                )
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(restante_server::DEATHS_MAX),
        };
        if workers.back_off > workers.back_off_max && reader.is_clean() {
            let problem = Problem::error("`back_off` is longer than `back_off_max`")
                .help("the first wait cannot be longer than the longest");
            let written = ["workers.back_off", "workers.back_off_max"];
            let name = written.into_iter().find(|name| reader.is_written(name));
            reader.problem(name.unwrap_or("workers.back_off"), problem);
        }
        workers
    }
}
