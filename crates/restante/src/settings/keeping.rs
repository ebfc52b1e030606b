//! `[keeping]`: what becomes of mail, where the account does not say.

use mail_wire::{Delete, Keeping, Quota};
use restante_directory::{OctetsMax, OverQuota};

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::count::count_or_unlimited;
use crate::settings::kinds::spelled::spelled;
use crate::settings::problem::Problem;
use crate::settings::reader::Reader;

/// How maildrops are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeepingSettings {
    /// What a deletion does, whose it is, how long mail stays and how much fits.
    pub(crate) keeping: Keeping,
    /// What mail for a full maildrop is answered.
    pub(crate) over_quota: OverQuota,
}

impl KeepingSettings {
    /// The table.
    pub(crate) const NAME: &'static str = "keeping";
    /// What it is about.
    pub(crate) const MEANING: &'static str = "What becomes of mail: what a deletion does and for whom, how long mail stays, and how much a \
         maildrop holds. An account may have its own: `restante account change`. Deletions that \
         do not destroy, views and retention need the \"log\" store.";

    /// Reads the table.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let keeping = Keeping {
            delete: delete(reader),
            views: reader.setting(&spelled(), Definition {
                name: "views",
                otherwise: Otherwise::Value("\"shared\""),
                meaning: "For whom a deletion counts. With \"shared\" what one client deletes is \
                          deleted for all. With \"per-credential\" it is hidden from the password \
                          that was used, and is deleted when every other app password of a device \
                          (and the main password) that was used within 30 days has deleted it \
                          too; sessions then overlap, whatever `sessions` says.",
                reloads: false,
            }),
            retention: reader.setting(&spelled(), Definition {
                name: "retention",
                otherwise: Otherwise::Value("\"never\""),
                meaning: "When mail goes by itself: so many days after it was delivered, or after \
                          it was first retrieved to its end. Clients are told (EXPIRE, RFC 2449 \
                          §6.7).",
                reloads: false,
            }),
            quota: Quota { messages: quota_messages(reader), octets: quota_octets(reader) },
        };
        let over_quota = reader.setting(
            &spelled(),
            Definition {
                name: "over_quota",
                otherwise: Otherwise::Value("\"defer\""),
                meaning: "What mail for a full maildrop is answered. With \"defer\" 452 4.2.2, and \
                      the sending server keeps it and tries again. With \"refuse\" 552 5.2.2, and \
                      it goes back to whoever sent it.",
                reloads: false,
            },
        );
        let limited = keeping.quota != Quota::default();
        if limited && keeping.delete == Delete::Ignore && keeping.retention.is_none() {
            let problem = Problem::warning(
                "nothing ever leaves a maildrop: deletions are ignored and nothing expires, so \
                 each one fills up to its quota and then takes no more mail",
            );
            let help = "write `retention`, or another `delete`, or no quota";
            reader.problem("keeping.delete", problem.help(help));
        }
        Self { keeping, over_quota }
    }
}

fn delete(reader: &mut Reader<'_>) -> Delete {
    reader.setting(
        &spelled(),
        Definition {
            name: "delete",
            otherwise: Otherwise::Value("\"destroy\""),
            meaning: "What becomes of a message that a client deletes. With \"destroy\" it is gone \
                  (RFC 1939). With \"hold:30d\" it leaves every listing and can be restored for \
                  so many days; what is held counts for no quota. With \"ignore\" it stays where \
                  it is.",
            reloads: false,
        },
    )
}

fn quota_messages(reader: &mut Reader<'_>) -> Option<u64> {
    reader.setting(
        &count_or_unlimited(1..=1_000_000_000),
        Definition {
            name: "quota_messages",
            otherwise: Otherwise::Value("\"unlimited\""),
            meaning: "How many messages a maildrop holds.",
            reloads: false,
        },
    )
}

fn quota_octets(reader: &mut Reader<'_>) -> Option<u64> {
    let octets: OctetsMax = reader.setting(
        &spelled(),
        Definition {
            name: "quota_octets",
            otherwise: Otherwise::Value("\"unlimited\""),
            meaning: "How much mail a maildrop holds, as its sizes are listed to clients.",
            reloads: false,
        },
    );
    octets.0
}
