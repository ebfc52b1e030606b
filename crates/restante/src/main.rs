//! restante
fn main() {}
