//! The server over real sockets, with a store in memory and a directory in a map.

mod house;
mod pop3;
