//! Writes the reference and the example of all settings, from their definitions.

use std::fmt::Write;
use std::path::PathBuf;

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::document::Document;
use crate::settings::load::read;
use crate::settings::reader::{Described, Section};

/// How wide lines of comments are.
const WIDTH: usize = 78;

/// All settings there are, table by table.
pub(crate) fn sections() -> Vec<Section> {
    let nothing = Document { path: PathBuf::new(), text: String::new() };
    read(&nothing).findings.sections
}

/// `docs/reference/settings.md`.
pub(crate) fn markdown() -> String {
    let mut page = String::from(
        "# Settings\n\n\
         <!-- Written by `restante config reference`; change the definitions, not this page. -->\n\n\
         The configuration is one TOML file: `/etc/restante/restante.toml`, or what `RESTANTE_CONFIG` \
         or `--config` names.\n\
         `restante check` says all that is wrong with it at once. \
         [restante.toml](restante.toml) has every setting with its default.\n\n\
         Durations and sizes are strings with units: \"10m30s\" (d, h, m, s, ms), \"50MiB\" (B, KiB, \
         MiB, GiB, TiB).\n\
         Zero never means unlimited; where there may be no limit, the word is \"unlimited\".\n\
         A setting takes effect when the server starts; those marked *at a reload* also when it is \
         told to reload (SIGHUP).\n",
    );
    for section in sections() {
        let title = match section.name {
            "" => "The top of the file".to_owned(),
            name => format!("`[{name}]`"),
        };
        // Writing to a String cannot fail.
        let _ = write!(page, "\n## {title}\n\n{}\n", section.meaning);
        if section.optional {
            page.push_str("\nThis table may be left out.\n");
        }
        for setting in &section.settings {
            page.push_str(&markdown_setting(setting));
        }
    }
    page
}

/// `docs/reference/restante.toml`: what must be written as an example, the rest commented out
/// with its default.
pub(crate) fn example() -> String {
    let mut file = String::from(
        "# Every setting of Restante. What has a # before it is the default, or an example where\n\
         # there is none. `restante check` says what is wrong with a file like this.\n",
    );
    for section in sections() {
        file.push('\n');
        if !section.name.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(file, "[{}]", section.name);
        }
        file.push_str(&comment(section.meaning));
        for setting in &section.settings {
            let Definition { name, otherwise, meaning, .. } = setting.definition;
            let (mark, remark) = match otherwise {
                Otherwise::Required(_) => ("", ""),
                Otherwise::Nothing(_) => ("#", "   # no default"),
                Otherwise::Value(_) => ("#", ""),
            };
            file.push('\n');
            file.push_str(&comment(meaning));
            file.push_str(&comment(&format!("Takes {}.", setting.takes)));
            let _ = writeln!(file, "{mark}{name} = {}{remark}", otherwise.sample());
        }
    }
    file
}

fn markdown_setting(setting: &Described) -> String {
    let Definition { name, otherwise, meaning, reloads } = setting.definition;
    let default = match otherwise {
        Otherwise::Required(example) => {
            format!("must be written, for instance `{name} = {example}`")
        }
        Otherwise::Nothing(example) => format!("default: none; for instance `{name} = {example}`"),
        Otherwise::Value(text) => format!("default: `{name} = {text}`"),
    };
    let effect = if reloads { "\n- takes effect *at a reload*" } else { "" };
    format!("\n### `{name}`\n\n{meaning}\n\n- takes {}\n- {default}{effect}\n", setting.takes)
}

fn comment(text: &str) -> String {
    let mut comment = String::new();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        let wide = line.chars().count().saturating_add(word.chars().count()).saturating_add(1);
        if wide > WIDTH {
            comment.push_str(&line);
            comment.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    comment.push_str(&line);
    comment.push('\n');
    comment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<String> {
        let document = Document { path: PathBuf::from("/x/restante.toml"), text: text.to_owned() };
        read(&document).findings.problems.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn the_example_is_a_configuration() {
        assert_eq!(errors(&example()), Vec::<String>::new());
    }

    // Every default and every example is a value that its own setting takes.
    #[test]
    fn every_line_of_the_example_is_one_too() {
        let uncommented: String = example()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest,
                _ => line,
            })
            .fold(String::new(), |text, line| text + line + "\n");
        assert!(uncommented.contains("\nlogin_delay = "));
        assert_eq!(errors(&uncommented), Vec::<String>::new());
    }
}
