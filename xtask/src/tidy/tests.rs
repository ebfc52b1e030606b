//! Small broken trees, each of which one rule has to find.

use super::*;

const HEADER: &str = "//! A crate.\n#![forbid(unsafe_code)]\n#![cfg_attr(not(test), deny(\
    clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, \
    clippy::arithmetic_side_effects))]\n";

/// A tree of these files; `lib.rs` and `main.rs` get their header, others their sentence.
fn tree(files: &[(&str, &str)]) -> Vec<TextFile> {
    files
        .iter()
        .map(|&(path, text)| {
            let root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
            let head = match path {
                _ if root => HEADER,
                _ if path.ends_with(".rs") => "//! A file of a test.\n",
                _ => "",
            };
            TextFile { path: path.to_owned(), text: format!("{head}{text}") }
        })
        .collect()
}

/// Rule and path of each finding.
fn found(files: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let mut findings = all(&tree(files));
    findings.sort();
    findings.into_iter().map(|finding| (finding.rule, finding.path)).collect()
}

fn one(rule: &'static str, path: &str) -> Vec<(&'static str, String)> {
    vec![(rule, path.to_owned())]
}

#[test]
fn a_sound_tree_has_no_finding() {
    let files = [
        ("crates/x/src/lib.rs", "mod a;\nmod b;\npub use a::A;\n"),
        ("crates/x/src/a.rs", "use crate::b::B;\npub struct A(B);\n"),
        ("crates/x/src/b.rs", "pub struct B;\n"),
    ];
    assert_eq!(found(&files), []);
}

#[test]
fn a_circle_of_two_is_found() {
    let files = [
        ("crates/x/src/lib.rs", "mod a;\nmod b;\n"),
        ("crates/x/src/a.rs", "use crate::b::B;\npub struct A(B);\n"),
        ("crates/x/src/b.rs", "pub struct B;\nfn f(_: super::a::A) {}\n"),
    ];
    let circle = |path: &str| ("circle", path.to_owned());
    assert_eq!(found(&files), [circle("crates/x/src/a.rs"), circle("crates/x/src/b.rs")]);
}

#[test]
fn an_import_counts_where_the_name_is_defined() {
    // b takes A through the re-export of lib.rs, a takes B through that of a folder.
    let files = [
        ("crates/x/src/lib.rs", "mod a;\nmod c;\npub use a::A;\n"),
        ("crates/x/src/a.rs", "use crate::c::B;\npub struct A(B);\n"),
        ("crates/x/src/c/mod.rs", "mod b;\npub(crate) use b::B;\n"),
        ("crates/x/src/c/b.rs", "pub struct B;\nfn f(_: crate::A) {}\n"),
    ];
    let circle = |path: &str| ("circle", path.to_owned());
    assert_eq!(found(&files), [circle("crates/x/src/a.rs"), circle("crates/x/src/c/b.rs")]);
}

#[test]
fn a_circle_through_an_alias_a_module_and_a_glob_is_found() {
    let files = [
        ("crates/x/src/lib.rs", "mod a;\nmod b;\nmod c;\n"),
        ("crates/x/src/a.rs", "use crate::b as bee;\npub struct A;\nfn f() { bee::g() }\n"),
        ("crates/x/src/b.rs", "use crate::c::*;\npub fn g() { h() }\n"),
        ("crates/x/src/c.rs", "use super::{a};\npub fn h() { let _ = a::A; }\n"),
    ];
    assert_eq!(found(&files).len(), 3);
}

#[test]
fn tests_may_import_in_circles() {
    let files = [
        ("crates/x/src/lib.rs", "mod a;\nmod b;\n"),
        ("crates/x/src/a.rs", "use crate::b::B;\npub struct A(B);\n"),
        ("crates/x/src/b.rs", "pub struct B;\n#[cfg(test)]\nmod tests {\nuse crate::a::A;\n}\n"),
    ];
    assert_eq!(found(&files), []);
}

#[test]
fn a_child_takes_no_noun_from_its_parent() {
    let files = [
        ("crates/x/src/lib.rs", "mod a;\n"),
        ("crates/x/src/a/mod.rs", "mod b;\npub struct Noun;\n"),
        ("crates/x/src/a/b.rs", "use super::Noun;\npub fn f(_: Noun) {}\n"),
    ];
    assert_eq!(found(&files), one("parent", "crates/x/src/a/b.rs"));
}

#[test]
fn a_sibling_through_the_parent_is_no_noun_of_the_parent() {
    let files = [
        ("crates/x/src/lib.rs", "mod a;\n"),
        ("crates/x/src/a/mod.rs", "mod b;\nmod c;\npub use c::Noun;\n"),
        ("crates/x/src/a/b.rs", "use super::Noun;\nuse super::c::f;\n"),
        ("crates/x/src/a/c.rs", "pub struct Noun;\npub fn f() {}\n"),
    ];
    assert_eq!(found(&files), []);
}

#[test]
fn a_forbidden_arrow_between_crates_is_found() {
    let manifest = "crates/restante-store/Cargo.toml";
    let text = |table: &str, name: &str| {
        format!("[package]\nname = \"restante-store\"\n[{table}]\n{name}.workspace = true\n")
    };
    let arrow = |text: &str| found(&[(manifest, text)]);
    assert_eq!(arrow(&text("dependencies", "pop3-proto")), one("arrow", manifest));
    assert_eq!(arrow(&text("dependencies", "mail-wire")), []);
    assert_eq!(arrow(&text("dev-dependencies", "pop3-proto")), []);
    assert_eq!(arrow(&text("dev-dependencies", "restante")), one("arrow", manifest));
    assert_eq!(arrow("[package]\nname = \"unknown\"\n"), one("arrow", manifest));
}

#[test]
fn a_machine_knows_no_socket_clock_runtime_or_logger() {
    let manifest = "crates/pop3-proto/Cargo.toml";
    let lines = "[package]\nname = \"pop3-proto\"\n[dependencies]\ntokio = \"1\"\n";
    assert_eq!(found(&[(manifest, lines)]), one("no I/O", manifest));
    let lib = "crates/pop3-proto/src/lib.rs";
    for line in [
        "use std::net::TcpStream;",
        "use std::{fmt, io::Read};",
        "fn f() { std::fs::read(\"\"); }",
        "use tokio::time;",
        "fn f() { tracing::info!(\"\"); }",
        "use std::time::Instant; fn f() { Instant::now(); }",
        "use std::time::SystemTime;",
        "fn f() { println!(\"\"); }",
    ] {
        assert!(found(&[(lib, line)]).iter().all(|(rule, _)| *rule == "no I/O"), "{line}");
        assert!(!found(&[(lib, line)]).is_empty(), "{line}");
    }
    assert_eq!(found(&[(lib, "use core::net::IpAddr; use std::time::{Duration, Instant};")]), []);
    assert_eq!(found(&[("crates/restante-server/src/lib.rs", "use std::fs::File;")]), []);
}

#[test]
fn backends_are_named_in_one_room() {
    let store = [
        (
            "crates/restante-store/src/lib.rs",
            "mod memory;\nmod store;\npub use memory::Memory;\npub use store::Store;\n",
        ),
        ("crates/restante-store/src/memory.rs", "pub struct Memory;\n"),
        ("crates/restante-store/src/store.rs", "pub trait Store {}\n"),
    ];
    let with = |path, text| {
        let mut files = store.to_vec();
        files.push((path, text));
        found(&files)
    };
    let server = "crates/restante-server/src/lib.rs";
    assert_eq!(with(server, "use restante_store::Store;\n"), []);
    assert_eq!(with(server, "use restante_store::{Memory, Store};\n"), one("backend", server));
    assert_eq!(with(server, "#[cfg(test)]\nuse restante_store::Memory;\n"), []);
    let main = "crates/restante/src/main.rs";
    assert_eq!(with(main, "fn f(_: restante_store::Memory) {}\n"), one("backend", main));
    let mut files = store.to_vec();
    files.push((main, "mod compose;\n"));
    files.push(("crates/restante/src/compose.rs", "use restante_store::Memory;\n"));
    assert_eq!(found(&files), []);
}

#[test]
fn one_module_names_rustls() {
    let files = [
        ("crates/x/src/lib.rs", "mod tls;\nmod b;\n"),
        ("crates/x/src/tls/mod.rs", "mod load;\nuse rustls::Config;\n"),
        ("crates/x/src/tls/load.rs", "use tokio_rustls::Acceptor;\n"),
        ("crates/x/src/b.rs", "fn f(_: rustls::Error) {}\n"),
    ];
    assert_eq!(found(&files), one("rustls", "crates/x/src/b.rs"));
}

#[test]
fn long_files_and_functions_need_a_reason() {
    let path = "crates/x/src/a.rs";
    let lines = "\n".repeat(600);
    assert_eq!(found(&[(path, &lines)]), one("long file", path));
    let excused = format!("// tidy: long because it enumerates\n{lines}");
    assert_eq!(found(&[(path, &excused)]), []);
    let function = format!("fn f(x: [u8; 2]) -> u8\nwhere {{\n{}}}\n", "    g();\n".repeat(70))
        .replace("where ", "");
    assert_eq!(found(&[(path, &function)]), one("long function", path));
    let excused = format!("// tidy: long because it is one table\n#[inline]\n{function}");
    assert_eq!(found(&[(path, &excused)]), []);
    let test = format!("#[cfg(test)]\nmod tests {{\n{function}}}\n");
    assert_eq!(found(&[(path, &test)]), []);
}

#[test]
fn files_begin_with_a_sentence_and_crates_with_the_header() {
    let bare = |path: &str, text: &str| {
        let files = [TextFile { path: path.to_owned(), text: text.to_owned() }];
        all(&files).into_iter().map(|finding| finding.rule).collect::<Vec<_>>()
    };
    assert_eq!(bare("crates/x/src/a.rs", "use std::fmt;\n"), ["first line"]);
    assert_eq!(bare("crates/x/src/a.rs", "//! pop3-proto\n"), ["first line"]);
    assert_eq!(bare("crates/x/src/a.rs", "//! What it does, over\n//! two lines.\n"), [""; 0]);
    assert_eq!(bare("crates/x/src/lib.rs", "//! A crate.\n#![forbid(unsafe_code)]\n"), ["header"]);
}

#[test]
fn empty_names_are_found() {
    let path = "crates/x/src/utils/a.rs";
    assert_eq!(found(&[(path, "")]), one("name", path));
    assert_eq!(found(&[("crates/x/src/helpers.rs", "")]), one("name", "crates/x/src/helpers.rs"));
}

#[test]
fn words_of_haste_are_found_in_tests_too() {
    let path = "crates/x/tests/a.rs";
    for text in [
        "fn f() { todo!() }",
        "#[test]\n#[ignore]\nfn f() {}",
        "#[test]\n#[ignore = \"slow\"]\nfn f() {}",
        "fn f() { std::thread::sleep(d) }",
        "async fn f() { tokio::time::sleep(d).await }",
    ] {
        assert_eq!(found(&[(path, text)]), one("haste", path), "{text}");
    }
    let paused = "#[tokio::test(start_paused = true)]\nasync fn f() { tokio::time::sleep(d) }";
    assert_eq!(found(&[(path, paused)]), []);
    assert_eq!(found(&[(path, "// todo!() and #[ignore] in words")]), []);
}

#[test]
fn paths_of_one_machine_are_found() {
    let work = ["see /wo", "rk/main"].concat();
    assert_eq!(found(&[("README.md", &work)]), one("machine", "README.md"));
    let relative = ["docs/wo", "rk/main"].concat();
    assert_eq!(found(&[("README.md", &relative)]), []);
}

#[test]
fn dialogues_have_a_header() {
    let path = "tests/dialogs/a.dialog";
    assert_eq!(found(&[(path, "C: NOOP\n")]), one("dialogue", path));
    assert_eq!(found(&[(path, "# RFC 1939 §10, the example\nC: NOOP\n")]), []);
}

#[test]
fn links_lead_somewhere() {
    let page = "docs/guide/a.md";
    let there = ("docs/b.md", "text");
    let links = "[b](../b.md#place), [docs](../../docs), [out](https://example.org/x), [c](#d)";
    assert_eq!(found(&[(page, links), there]), []);
    assert_eq!(found(&[(page, "[b](b.md)"), there]), one("link", page));
    assert_eq!(found(&[(page, "```\n[b](b.md)\n```"), there]), []);
}
