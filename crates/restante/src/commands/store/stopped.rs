//! What needs a stopped server: repair, rebuild-index, recover-from.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::commands::findings::write_findings;
use crate::commands::reaching::running;
use crate::compose;
use crate::human;
use crate::operations::condition::Finding;
use crate::output::{Failure, Output};
use crate::settings::load::Settings;
use crate::shown::Shown;

pub(super) fn repair(settings: &Settings, json: bool, output: Output) -> Result<ExitCode, Failure> {
    expect_stopped(settings, "repair")?;
    let shown = Shown::new(output, json);
    let repaired = watched(&shown, || compose::repair(settings, &shown))?;
    let lost: Vec<Finding> = repaired.lost.into_iter().map(Finding::from).collect();
    let stretches: Vec<String> = repaired.stretches.iter().map(ToString::to_string).collect();
    if json {
        output.json(&json!({
            "messages": repaired.messages,
            "given_back": repaired.given_back,
            "lost": lost,
            "stretches": stretches,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    write_findings(&lost, output)?;
    for stretch in &stretches {
        output.line(format_args!("{stretch}; nobody knows what was in it"))?;
    }
    let given_back = match repaired.given_back {
        0 => String::new(),
        more => format!(", {} listed again", human::count(more, "message")),
    };
    output.line(format_args!(
        "{} there{given_back}; lost: {}",
        human::count(repaired.messages, "message"),
        human::count(u64::try_from(lost.len()).unwrap_or(u64::MAX), "message"),
    ))?;
    if !stretches.is_empty() {
        output.note(
            "a stretch that is damaged may have held messages, which are gone, or removals, whose \
             messages are back; what is left of it is in `quarantine`, in the store's folder",
        );
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn rebuild_index(
    settings: &Settings,
    json: bool,
    output: Output,
) -> Result<ExitCode, Failure> {
    expect_stopped(settings, "rebuild-index")?;
    let shown = Shown::new(output, json);
    let stats = watched(&shown, || compose::rebuild_index(settings, &shown))?;
    let messages: u64 = stats.shards.iter().map(|shard| shard.messages).sum();
    if json {
        output.json(&json!({ "messages": messages, "damaged": stats.damaged }))?;
    } else {
        let messages = human::count(messages, "message");
        output.line(format_args!("the index is made anew: {messages}"))?;
        if stats.damaged > 0 {
            output.note("something is damaged: `restante store repair` deals with it");
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn recover_from(
    settings: &Settings,
    from: &Path,
    json: bool,
    output: Output,
) -> Result<ExitCode, Failure> {
    expect_stopped(settings, "recover-from")?;
    let shown = Shown::new(output, json);
    let recovered = watched(&shown, || compose::recover_from(settings, from, &shown))?;
    if json {
        output.json(&json!({
            "taken": human::iso(i64::try_from(recovered.taken).unwrap_or_default()),
            "messages": recovered.messages,
            "files": recovered.files,
            "octets": recovered.octets,
            "tag": recovered.tag,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let taken = i64::try_from(recovered.taken).unwrap_or_default();
    output.line(format_args!(
        "{} are there, as they were at {}; what came in or was removed after that is not known",
        human::count(recovered.messages, "message"),
        human::iso(taken),
    ))?;
    output.line(format_args!(
        "they keep their unique-ids; those of new messages begin with {} instead of {}, so that none \
         is given out that a lost message may have had",
        recovered.tag, recovered.earlier,
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Ctrl-C ends the work at the next good place; a second one ends the process, which harms
/// nothing either.
pub(super) fn watched<T>(
    shown: &Shown,
    work: impl FnOnce() -> Result<T, Failure> + Send,
) -> Result<T, Failure>
where
    T: Send,
{
    let (finished, wait) = tokio::sync::oneshot::channel::<()>();
    let done = std::thread::scope(|scope| {
        scope.spawn(move || {
            // Without a runtime for signals Ctrl-C just ends the process.
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build()
            else {
                return;
            };
            runtime.block_on(async {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => shown.interrupt(),
                    _ = wait => {}
                }
            });
        });
        let done = work();
        drop(finished);
        done
    });
    shown.finish();
    done
}

pub(super) fn expect_stopped(settings: &Settings, act: &str) -> Result<(), Failure> {
    if running(settings)?.is_some() {
        return Err(Failure::new(format!("`{act}` needs the store for itself, and a server runs"))
            .hint(
                "stop the server first (systemctl stop restante), and start it again afterwards",
            ));
    }
    Ok(())
}
