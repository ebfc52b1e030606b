//! By what, beside passwords, somebody can log in at a site.

/// What can be offered before anybody has said who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// SCRAM: some credential has its keys (`rulings` 10).
    pub scram: bool,
    /// Digests over a challenge, APOP and CRAM-MD5: some credential can be read back.
    pub digests: bool,
    /// Tokens: there is somebody who tells whether they are good.
    pub tokens: bool,
    /// Client certificates: there is a rule by which they name accounts.
    pub certificates: bool,
    /// Nobody in particular: there is a public maildrop.
    pub anonymous: bool,
}
