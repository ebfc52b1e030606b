//! The extra fields of a line of Dovecot's passwd-file: honoured, without meaning here, or
//! refused by name.
//!
//! The names are those of Dovecot's manual, pages "Passwd-file", "Password database extra
//! fields" and "User database extra fields".

use crate::address::shown;
use crate::network::Networks;

/// What the extra fields of a line say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extra {
    /// `allow_nets`: from where the account may be used.
    pub(crate) networks: Networks,
    /// `nologin`: mail is taken, nobody is let in.
    pub(crate) no_login: bool,
}

/// Fields about where another server keeps mail, and how it treats a session: to leave them
/// unheard lets nobody in and takes no mail away.
const WITHOUT_MEANING: [&str; 11] = [
    "userdb_mail",
    "userdb_mail_path",
    "userdb_mail_driver",
    "userdb_home",
    "userdb_uid",
    "userdb_gid",
    "userdb_system_groups_user",
    "userdb_sieve",
    "userdb_sieve_dir",
    "userdb_namespace",
    "nodelay",
];

/// Reads extra fields, with spaces between them. `Err` names the first that cannot be honoured:
/// to drop it silently could let in whom the other server kept out.
pub(crate) fn extra(fields: &str) -> Result<Extra, String> {
    let mut extra = Extra::default();
    for field in fields.split_ascii_whitespace() {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        match name {
            "allow_nets" => {
                let nets: Vec<String> = value.split(',').map(str::to_owned).collect();
                extra.networks = Networks::parse(&nets)
                    .map_err(|why| format!("the extra field `allow_nets`: {why}"))?;
            }
            "nologin" => extra.no_login = true,
            "nopassword" => {
                return Err("the extra field `nopassword` would let in whoever comes with any \
                            password; that is not taken. Give the account a password"
                    .to_owned());
            }
            "userdb_quota_rule" | "userdb_quota_storage_size" | "quota_rule" => {
                return Err(format!(
                    "the extra field `{name}` is not taken from a file; remove it, and say \
                     `restante account change` what fits into the maildrop"
                ));
            }
            "fail" => {
                return Err("the extra field `fail` is not taken; write `nologin`".to_owned());
            }
            _ if WITHOUT_MEANING.contains(&name) => {}
            _ => {
                return Err(format!(
                    "the extra field `{}` is not known here; there are allow_nets and nologin. \
                     Remove it if the account needs it not",
                    shown(name)
                ));
            }
        }
    }
    Ok(extra)
}

#[cfg(test)]
mod tests {
    use super::*;

    // issue 4: extra fields are honoured, or refused by name
    #[test]
    fn fields_are_honoured_or_named() {
        assert_eq!(extra("").unwrap(), Extra::default());
        let read = extra(
            "userdb_mail=maildir:~/Maildir allow_nets=192.0.2.0/24,2001:db8::1 nodelay=y nologin",
        )
        .unwrap();
        assert_eq!(read.networks.texts(), ["192.0.2.0/24", "2001:db8::1/128"]);
        assert!(read.no_login);
        for (bad, names) in [
            ("nopassword", "nopassword"),
            ("nopassword=y", "nopassword"),
            ("allow_nets=local", "allow_nets"),
            ("allow_nets=", "allow_nets"),
            ("proxy=y host=192.0.2.1", "proxy"),
            ("user=other", "user"),
            ("userdb_quota_rule=*:storage=1G", "userdb_quota_rule"),
            ("allow_net=192.0.2.0/24", "allow_net"),
        ] {
            let why = extra(bad).unwrap_err();
            assert!(why.contains(&format!("`{names}`")), "{bad}: {why}");
        }
    }
}
