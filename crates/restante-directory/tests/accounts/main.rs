//! The directory of accounts, asked from outside as the server and the commands ask it.

mod chain;
mod change;
mod import;
mod keeping;
mod manage;
mod opening;
mod proofs;
mod resolve;
mod site;
mod verify;
