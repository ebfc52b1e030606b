//! A hash that was read, whatever its family.

use std::sync::Arc;

use mail_wire::Secret;

use super::argon2::Argon2Hash;
use super::bcrypt::Bcrypt;
use super::cram_md5::CramMd5;
use super::digest::Digested;
use super::kind::HashKind;
use super::md5_crypt::Md5Crypt;
use super::pbkdf2::Pbkdf2;
use super::plain::Plain;
use super::scram::Scram;
use super::sha_crypt::ShaCrypt;
use super::yescrypt::Yescrypt;
use crate::workbench::Workbench;

/// What an offered password is compared with. It holds what stands for a password, and is
/// never shown.
#[derive(Clone)]
pub(crate) struct Verifier(Arc<Family>);

/// The families.
pub(super) enum Family {
    Plain(Plain),
    Digest(Digested),
    Md5Crypt(Md5Crypt),
    ShaCrypt(ShaCrypt),
    Bcrypt(Bcrypt),
    Yescrypt(Yescrypt),
    Argon2(Argon2Hash),
    Pbkdf2(Pbkdf2),
    Scram(Scram),
    CramMd5(CramMd5),
}

impl Verifier {
    pub(super) fn new(family: Family) -> Self {
        Self(Arc::new(family))
    }

    /// Whether this form of a password is meant. Counts as one hash; the comparison takes the
    /// same time wherever they differ.
    pub(crate) fn fits(&self, form: &[u8], bench: &mut Workbench) -> bool {
        bench.count(self.kind().family);
        // The originals are in C: to them a password ends at a NUL. Ours has none that counts.
        let (form, whole) = if form.contains(&0) { (&b"\x01"[..], false) } else { (form, true) };
        whole & self.compare(form, bench)
    }

    fn compare(&self, form: &[u8], bench: &mut Workbench) -> bool {
        match self.0.as_ref() {
            Family::Plain(hash) => hash.fits(form),
            Family::Digest(hash) => hash.fits(form),
            Family::Md5Crypt(hash) => hash.fits(form),
            Family::ShaCrypt(hash) => hash.fits(form),
            Family::Bcrypt(hash) => hash.fits(form),
            Family::Yescrypt(hash) => hash.fits(form),
            Family::Argon2(hash) => hash.fits(form, bench),
            Family::Pbkdf2(hash) => hash.fits(form),
            Family::Scram(hash) => hash.fits(form),
            Family::CramMd5(hash) => hash.fits(form),
        }
    }

    /// What it costs.
    pub(crate) fn kind(&self) -> HashKind {
        match self.0.as_ref() {
            Family::Plain(_) => Plain::kind(),
            Family::Digest(hash) => hash.kind(),
            Family::Md5Crypt(_) => Md5Crypt::kind(),
            Family::ShaCrypt(hash) => hash.kind(),
            Family::Bcrypt(hash) => hash.kind(),
            Family::Yescrypt(hash) => hash.kind(),
            Family::Argon2(hash) => hash.kind(),
            Family::Pbkdf2(hash) => hash.kind(),
            Family::Scram(hash) => hash.kind(),
            Family::CramMd5(_) => CramMd5::kind(),
        }
    }

    /// The password itself, where that is what is kept.
    pub(crate) fn plain(&self) -> Option<&Secret<Vec<u8>>> {
        match self.0.as_ref() {
            Family::Plain(plain) => Some(plain.password()),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verifier({}, [secret])", self.kind())
    }
}
