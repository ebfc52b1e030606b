//! How far long work has come, on a terminal and elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use restante_store::{Advance, Watch};

use crate::operations::condition::Advanced;
use crate::output::Output;

/// Shows how far something has come: a bar on a terminal, a line for each tenth elsewhere.
pub(crate) struct Shown {
    bar: Option<Mutex<ProgressBar>>,
    /// What was told last, where there is no bar: what is done, and how many tenths of it.
    told: Mutex<(String, u64)>,
    quiet: bool,
    output: Output,
    /// Set by whoever wants it to end.
    is_over: AtomicBool,
}

impl Shown {
    /// Nothing is shown yet; with `quiet` nothing ever is.
    pub(crate) fn new(output: Output, quiet: bool) -> Self {
        let on_terminal = std::io::stderr().is_terminal() && !quiet;
        let bar = on_terminal.then(|| {
            let bar = ProgressBar::new(0);
            let style = "{bar:30} {percent:>3} % {msg}, {eta} to go";
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            Mutex::new(bar)
        });
        let told = Mutex::default();
        Self { bar, told, quiet, output, is_over: AtomicBool::new(false) }
    }

    /// It has come so far.
    pub(crate) fn show(&self, advanced: &Advanced) {
        let Advanced { what, done, all } = advanced;
        if let Some(bar) = &self.bar {
            let bar = bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            bar.set_length(*all);
            bar.set_position(*done);
            bar.set_message(what.clone());
            return;
        }
        if self.quiet {
            return;
        }
        let tenths = done.saturating_mul(10).checked_div(*all).unwrap_or(10);
        let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if told.0 != *what {
            *told = (what.clone(), 0);
        }
        if tenths > told.1 {
            told.1 = tenths;
            self.output.note(format_args!("{} %: {what}", tenths.saturating_mul(10)));
        }
    }

    /// It is to end at the next good place.
    pub(crate) fn interrupt(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// It is over: what was shown goes.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner).finish_and_clear();
        }
    }
}

impl Watch for Shown {
    fn goes_on(&self, advance: &Advance) -> bool {
        self.show(&Advanced::from(*advance));
        !self.is_over.load(Ordering::Relaxed)
    }
}
