//! Which test cites which numbered requirement of `rfc/requirements.txt`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::tree::{self, TextFile};

const LIST: &str = "rfc/requirements.txt";
const INDEX: &str = "rfc/index.md";

/// Where `rfc/index.md` lists the numbers that belong to later work.
const LATER: &str = "## Later";

/// Where in the tree each number stands.
#[derive(Debug, Default)]
struct Cited {
    in_tests: BTreeMap<String, Vec<String>>,
    in_code: BTreeMap<String, Vec<String>>,
}

/// Prints the table.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<bool, String> {
    let (only_missing, wanted) = match arguments {
        [] => (false, None),
        [flag] if flag == "--missing" => (true, None),
        [number] if is_number(number) => (false, Some(number)),
        _ => return Err("requirements takes --missing, or a number, or nothing".to_owned()),
    };
    let files = tree::text_files(root)?;
    let numbers = listed(&files);
    let cited = cited(&files);
    let later = later(&files);
    let mut tested = 0_usize;
    let mut open = 0_usize;
    for (number, _, text) in &numbers {
        let tests = cited.in_tests.get(number);
        let is_later = later.contains(number);
        tested = tested.saturating_add(usize::from(tests.is_some()));
        let is_open = tests.is_none() && !is_later;
        open = open.saturating_add(usize::from(is_open));
        if (only_missing && !is_open) || wanted.is_some_and(|wanted| wanted != number) {
            continue;
        }
        let state = match (tests, is_later) {
            (Some(_), _) => "tested ",
            (None, true) => "later  ",
            (None, false) => "MISSING",
        };
        println!("{number} {state} {text}");
        for place in tests.into_iter().flatten() {
            println!("        {place}");
        }
        if tests.is_none() {
            for place in cited.in_code.get(number).into_iter().flatten() {
                println!("        (code) {place}");
            }
        }
    }
    println!(
        "requirements: {} in all, {tested} tested, {} later, {open} missing",
        numbers.len(),
        later.len()
    );
    Ok(open == 0)
}

/// What tidy says: numbers that no test cites and that are not listed as later, and numbers
/// that are cited but not listed.
pub(crate) fn check(files: &[TextFile]) -> Vec<(String, usize, String)> {
    let numbers = listed(files);
    if numbers.is_empty() {
        return Vec::new();
    }
    let cited = cited(files);
    let later = later(files);
    let mut found = Vec::new();
    for (number, line, text) in &numbers {
        if !cited.in_tests.contains_key(number) && !later.contains(number) {
            found.push((
                LIST.to_owned(),
                *line,
                format!("{number} ({text}) is cited by no test and not listed under \"Later\" of {INDEX}"),
            ));
        }
    }
    for (number, places) in cited.in_tests.iter().chain(&cited.in_code) {
        if !numbers.iter().any(|(known, ..)| known == number)
            && let Some((path, line)) = places.first().and_then(|place| place.rsplit_once(':'))
        {
            let line = line.parse().unwrap_or(1);
            found.push((path.to_owned(), line, format!("{number} is not in {LIST}")));
        }
    }
    found
}

/// Number, line and text of each line of the list.
fn listed(files: &[TextFile]) -> Vec<(String, usize, String)> {
    let Some(list) = files.iter().find(|file| file.path == LIST) else { return Vec::new() };
    list.text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let (number, text) = line.split_once(' ')?;
            is_number(number)
                .then(|| (number.to_owned(), index.saturating_add(1), text.trim().to_owned()))
        })
        .collect()
}

/// The numbers in the tables under "Later"; `P-103 to P-113` stands for all between.
fn later(files: &[TextFile]) -> Vec<String> {
    let Some(index) = files.iter().find(|file| file.path == INDEX) else { return Vec::new() };
    let mut found = Vec::new();
    let section = index
        .text
        .lines()
        .skip_while(|line| !line.starts_with(LATER))
        .skip(1)
        .take_while(|line| !line.starts_with("## "));
    for line in section {
        let Some(cell) = line.strip_prefix('|').and_then(|row| row.split('|').next()) else {
            continue;
        };
        for part in cell.split(',') {
            match part.split_once(" to ") {
                Some((first, last)) => found.extend(range(first.trim(), last.trim())),
                None => found.push(part.trim().to_owned()),
            }
        }
    }
    found.retain(|number| is_number(number));
    found
}

fn range(first: &str, last: &str) -> Vec<String> {
    let plain = |number: &str| number.strip_prefix("P-").and_then(|n| n.parse::<u16>().ok());
    match (plain(first), plain(last)) {
        (Some(first), Some(last)) => (first..=last).map(|n| format!("P-{n:03}")).collect(),
        _ => Vec::new(),
    }
}

fn is_number(word: &str) -> bool {
    word.strip_prefix("P-")
        .is_some_and(|rest| rest.len() == 3 && rest.bytes().all(|b| b.is_ascii_digit()))
}

fn cited(files: &[TextFile]) -> Cited {
    let mut cited = Cited::default();
    for file in files {
        let is_code = file.path.starts_with("crates/") || file.path.starts_with("fuzz/");
        if !is_code && !file.path.starts_with("tests/") {
            continue;
        }
        let all_tests = !is_code
            || file.path.starts_with("fuzz/")
            || file.path.contains("/tests/")
            || file.path.ends_with("/tests.rs")
            || file.path.contains("/src/conformance");
        let mut in_tests = all_tests;
        for (index, line) in file.text.lines().enumerate() {
            // The house rule puts the tests last in a file; what comes behind belongs to them.
            in_tests = in_tests || line.trim_start().starts_with("#[cfg(test)]");
            let place = format!("{}:{}", file.path, index.saturating_add(1));
            for number in numbers_in(line) {
                let table = if in_tests { &mut cited.in_tests } else { &mut cited.in_code };
                table.entry(number).or_default().push(place.clone());
            }
        }
    }
    cited
}

/// Every `P-` number of a line; `P-103 to P-105` counts as all of them, the way it is read.
fn numbers_in(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    // The elliptic curve of that name is no requirement.
    let curve = |number: &str| {
        matches!(number, "P-256" | "P-384" | "P-521")
            && ["ECDSA", "ECDH ", "curve"].iter().any(|word| line.contains(word))
    };
    for (position, _) in line.match_indices("P-") {
        let before = line.get(..position).and_then(|text| text.chars().next_back());
        let number = line.get(position..position.saturating_add(5)).unwrap_or_default();
        let after = line.get(position.saturating_add(5)..).and_then(|text| text.chars().next());
        if is_number(number)
            && !curve(number)
            && !before.is_some_and(char::is_alphanumeric)
            && !after.is_some_and(|c| c.is_ascii_digit())
        {
            found.push(number.to_owned());
            let rest = line.get(position.saturating_add(5)..).unwrap_or_default();
            if let Some(last) = rest.strip_prefix(" to ").and_then(|rest| rest.get(..5)) {
                found.extend(range(number, last).into_iter().skip(1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_number_is_tested_or_later_or_missing() {
        let files = [
            file(LIST, "# numbers\nP-001 one\nP-002 two\nP-003 three\nP-010 ten\n"),
            file(
                INDEX,
                "# RFCs\n## Later\n| P-002, P-009 to P-011 | scram |\n## Other\n| P-003 |\n",
            ),
            file("crates/x/src/a.rs", "// P-003\n#[cfg(test)]\nmod tests {\n// P-001, P-999\n}\n"),
        ];
        let said: Vec<String> = check(&files).into_iter().map(|(_, _, what)| what).collect();
        assert_eq!(
            said,
            [
                "P-003 (three) is cited by no test and not listed under \"Later\" of rfc/index.md",
                "P-999 is not in rfc/requirements.txt",
            ]
        );
    }

    #[test]
    fn numbers_are_whole_words() {
        assert_eq!(numbers_in("P-001 XP-002 P-0031 (P-004)"), ["P-001", "P-004"]);
        assert_eq!(numbers_in("P-127: an ECDSA key over P-256"), ["P-127"]);
        assert_eq!(numbers_in("P-140 to P-142"), ["P-140", "P-141", "P-142", "P-142"]);
    }
}
