//! SCRAM (RFC 5802, 7677): a password is proved without being sent, and the server proves in
//! turn that it knows of it.
//!
//! ```text
//! client                                            server
//!   gs2-header  n=name,r=nonce               ──►
//!                                            ◄──     r=nonce+nonce,s=salt,i=count
//!   c=header and channel,r=nonces,p=proof    ──►
//!                                            ◄──     v=signature
//! ```

mod client;
mod hash;
mod keys;
mod message;
mod proof;
mod server;

pub use client::{Bound, Client};
pub use hash::Hash;
pub use keys::Keys;
pub use proof::{ITERATIONS_MIN, Proof, Salt, SaltQuestion, Signature};
pub use server::Server;

#[cfg(test)]
mod tests;
