//! The commands on accounts and mail: the real binary over a configuration in a temporary
//! folder, with the server stopped and running.

mod account;
mod copying;
mod custody;
mod deliver;
mod guarding;
mod keeping;
mod ledger;
mod load;
mod maildrop;
mod passwd_files;
mod site;
mod store;
mod torture;
