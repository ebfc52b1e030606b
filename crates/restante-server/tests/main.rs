//! The server over real sockets, with stores in memory and a directory in a map.

mod announced;
mod control;
mod crew;
mod dialogs;
mod extensions;
mod guard;
mod hostile;
mod house;
mod intake;
mod ledger;
mod mechanisms;
mod order;
mod poison;
mod pop3;
mod proxied;
mod quota;
mod regressions;
mod scripted;
mod stand_ins;
mod tls;
mod update;
mod views;
mod workers;
