//! Who has a port: looked up in /proc, where it tells.

use std::fs;

/// The program that listens on this TCP port, as `name (pid n)`.
///
/// Best effort: without the right to look into other processes there is no answer.
pub fn of_port(port: u16) -> Option<String> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().filter_map(|row| inode_of(row, port)).collect::<Vec<_>>())
        .collect();
    let wanted: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let holds = fs::read_dir(process.path().join("fd")).ok()?.flatten().any(|descriptor| {
            fs::read_link(descriptor.path()).is_ok_and(|target| {
                wanted.iter().any(|socket| target.as_os_str() == socket.as_str())
            })
        });
        let name = fs::read_to_string(process.path().join("comm")).ok()?;
        holds.then(|| format!("{} (pid {pid})", name.trim()))
    })
}

/// The inode in a row of /proc/net/tcp, if that row is a listener on this port.
fn inode_of(row: &str, port: u16) -> Option<String> {
    let fields: Vec<&str> = row.split_whitespace().collect();
    let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
    let listens = fields.get(3) == Some(&"0A");
    let same = u16::from_str_radix(local_port, 16) == Ok(port);
    (listens && same).then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    // C3: port in use: who has it
    #[test]
    fn our_own_listener_is_found_by_its_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let owner = of_port(listener.local_addr().unwrap().port()).unwrap();
        assert!(owner.ends_with(&format!("(pid {})", std::process::id())), "{owner}");
    }

    #[test]
    fn a_row_of_another_state_is_no_listener() {
        let row =
            "0: 0100007F:006E 00000000:0000 01 00000000:00000000 00:00000000 00000000 0 0 42 1";
        assert_eq!(inode_of(row, 110), None);
        assert_eq!(inode_of(&row.replace(" 01 ", " 0A "), 110).as_deref(), Some("42"));
        assert_eq!(inode_of(&row.replace(" 01 ", " 0A "), 111), None);
    }
}
