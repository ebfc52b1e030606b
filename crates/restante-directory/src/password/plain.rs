//! {PLAIN}, {CLEARTEXT}: the password itself.

use mail_wire::Secret;
use subtle::ConstantTimeEq;

use super::kind::HashKind;

/// A password as it is typed.
pub(super) struct Plain {
    password: Secret<Vec<u8>>,
    /// What is compared: of one length, whatever was kept or offered.
    digest: blake3::Hash,
}

impl Plain {
    pub(super) fn parse(password: Vec<u8>) -> Result<Self, String> {
        if password.is_empty() {
            return Err("there is no password behind the scheme".to_owned());
        }
        let digest = blake3::hash(&password);
        Ok(Self { password: Secret::new(password), digest })
    }

    /// What was kept may be in another form than what is offered: a file is written by hand.
    pub(super) fn fits(&self, form: &[u8]) -> bool {
        blake3::hash(form).as_bytes().ct_eq(self.digest.as_bytes()).into()
    }

    /// The password itself, for those who must hash it anew.
    pub(super) const fn password(&self) -> &Secret<Vec<u8>> {
        &self.password
    }

    pub(super) const fn kind() -> HashKind {
        HashKind::of("PLAIN", 0)
    }
}
