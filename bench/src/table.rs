//! How it is shown: rows of name, value, goal.

/// Prints what is measured.
pub(crate) fn title(title: &str) {
    println!("\n{title}");
}

/// Prints one row. The goal is what the value should be; empty if there is none.
pub(crate) fn row(name: &str, value: &str, goal: &str) {
    println!("  {name:<58} {value:>16}   {goal}");
}

/// Seconds as milliseconds.
pub(crate) fn milliseconds(time: std::time::Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

/// The middle one of some times.
pub(crate) fn median(mut times: Vec<std::time::Duration>) -> std::time::Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The middle one of some numbers.
pub(crate) fn middle(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// A number that is small enough for its size not to matter, to be divided.
pub(crate) fn float(number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let float = number as f64;
    float
}
