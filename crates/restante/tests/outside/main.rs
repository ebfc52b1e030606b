//! `restante try`, `serve` and `check` from outside: as processes, over sockets.

mod guide;
mod pop3;
mod program;
mod serving;
mod trial;
