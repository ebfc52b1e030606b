//! Reads a document setting by setting, and keeps count of what was read: what is left over
//! is a slip of somebody's finger, and what was defined is the reference.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use crate::settings::definition::{Definition, Kind, Otherwise};
use crate::settings::near::nearest;
use crate::settings::problem::Problem;

/// A table of settings, as the reference shows it; the top of the file has the empty name.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// Its name: `tls`, or empty.
    pub(crate) name: &'static str,
    /// What it is about, in sentences.
    pub(crate) meaning: &'static str,
    /// Whether it may be left out even though it has settings that must be written.
    pub(crate) optional: bool,
    /// Its settings, in order.
    pub(crate) settings: Vec<Described>,
}

/// A setting, as the reference shows it.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    /// Its definition.
    pub(crate) definition: Definition,
    /// What it takes, in words.
    pub(crate) takes: String,
}

/// Where each setting was written, by its dotted name, and its value as TOML.
pub(crate) type Places = BTreeMap<String, Range<usize>>;

/// Reads a document; see the module.
#[derive(Debug)]
pub(crate) struct Reader<'d> {
    root: &'d DeTable<'d>,
    /// The table that is being read; `None` where it is not written.
    table: Option<(&'d DeTable<'d>, Range<usize>)>,
    problems: Vec<Problem>,
    /// What must be written and is not: said only where no slip of the finger explains it.
    missing: Vec<(String, Problem)>,
    sections: Vec<Section>,
    places: Places,
}

/// What reading gives beside the settings themselves.
#[derive(Debug)]
pub(crate) struct Findings {
    /// All that is wrong.
    pub(crate) problems: Vec<Problem>,
    /// All settings there are.
    pub(crate) sections: Vec<Section>,
    /// All settings that are written.
    pub(crate) places: Places,
}

impl<'d> Reader<'d> {
    /// A reader at the top of a document.
    pub(crate) fn new(root: &'d DeTable<'d>, meaning: &'static str) -> Self {
        let top = Section { name: "", meaning, optional: false, settings: Vec::new() };
        Self {
            root,
            table: Some((root, 0..0)),
            problems: Vec::new(),
            missing: Vec::new(),
            sections: vec![top],
            places: Places::new(),
        }
    }

    /// Reads one setting of the present table. Where it is wrong, that is noted, and what is
    /// returned stands for nothing.
    pub(crate) fn setting<K: Kind>(&mut self, kind: &K, definition: Definition) -> K::Value {
        let name = self.dotted(definition.name);
        if let Some(section) = self.sections.last_mut() {
            section.settings.push(Described { definition, takes: kind.describe() });
        }
        let table = self.table.clone();
        let Some((table, span)) = table else { return self.otherwise(kind, &name, definition) };
        let Some((key, value)) = table.get_key_value(definition.name) else {
            if let Otherwise::Required(example) = definition.otherwise {
                let problem = Problem::error(format!("`{name}` is missing"))
                    .at(span)
                    .help(format!("for instance: {} = {example}", definition.name));
                self.missing.push((name, problem));
                return K::Value::default();
            }
            return self.otherwise(kind, &name, definition);
        };
        self.places.insert(name.clone(), key.span().start..value.span().end);
        match kind.parse(&name, value) {
            Ok(value) => value,
            Err(problems) => {
                self.problems.extend(problems);
                K::Value::default()
            }
        }
    }

    /// Reads a table whose settings hold their defaults where it is not written.
    pub(crate) fn table<T>(
        &mut self,
        name: &'static str,
        meaning: &'static str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.enter(name, meaning, false);
        let value = read(self);
        self.table = Some((self.root, 0..0));
        value
    }

    /// Reads a table that may be left out; `None` where it is.
    pub(crate) fn optional_table<T>(
        &mut self,
        name: &'static str,
        meaning: &'static str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        self.enter(name, meaning, true);
        let there = self.table.is_some();
        let value = read(self);
        self.table = Some((self.root, 0..0));
        there.then_some(value)
    }

    /// Notes what is wrong between settings; `name` says where.
    pub(crate) fn problem(&mut self, name: &str, problem: Problem) {
        let span = self.places.get(name).cloned();
        self.problems.push(problem.at(span));
    }

    /// Whether a setting was written.
    pub(crate) fn is_written(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.problems.is_empty() && self.missing.is_empty()
    }

    /// What was found; names that no setting has are problems.
    pub(crate) fn finish(mut self) -> Findings {
        for (key, value) in self.root {
            let name = key.get_ref().as_ref();
            let section = self.sections.iter().find(|s| !s.name.is_empty() && s.name == name);
            let found = match (section, value.get_ref()) {
                (Some(section), DeValue::Table(table)) => table
                    .keys()
                    .filter(|key| {
                        !section.settings.iter().any(|s| s.definition.name == key.get_ref())
                    })
                    .map(|key| self.unknown(name, key))
                    .collect(),
                (Some(_), _) => vec![
                    Problem::error(format!("`{name}` is a table, not a value"))
                        .at(key.span())
                        .help(format!(
                            "write [{name}] on a line of its own, its settings below it"
                        )),
                ],
                (None, _) if self.knows("", name) => Vec::new(),
                (None, _) => vec![self.unknown("", key)],
            };
            self.problems.extend(found);
        }
        let missing = std::mem::take(&mut self.missing);
        let explained = |name: &str| {
            let meant = format!("did you mean `{}`?", name.rsplit('.').next().unwrap_or(name));
            self.problems.iter().any(|problem| problem.help.contains(&meant))
        };
        let unexplained: Vec<Problem> = missing
            .into_iter()
            .filter(|(name, _)| !explained(name))
            .map(|(_, problem)| problem)
            .collect();
        self.problems.extend(unexplained);
        Findings { problems: self.problems, sections: self.sections, places: self.places }
    }

    fn enter(&mut self, name: &'static str, meaning: &'static str, optional: bool) {
        self.sections.push(Section { name, meaning, optional, settings: Vec::new() });
        self.table = match self.root.get_key_value(name) {
            Some((key, value)) => match value.get_ref() {
                DeValue::Table(table) => Some((table, key.span())),
                _ => None,
            },
            None => None,
        };
    }

    fn otherwise<K: Kind>(&mut self, kind: &K, name: &str, definition: Definition) -> K::Value {
        let Otherwise::Value(text) = definition.otherwise else { return K::Value::default() };
        // The default goes the way of everything that is written, so it cannot be out of range.
        let parsed = DeValue::parse(text)
            .map_err(|error| vec![Problem::error(error.message())])
            .and_then(|value| kind.parse(name, &value));
        match parsed {
            Ok(value) => value,
            Err(problems) => {
                self.problems.extend(problems.into_iter().map(|problem| problem.at(None)));
                K::Value::default()
            }
        }
    }

    fn dotted(&self, name: &str) -> String {
        match self.sections.last() {
            Some(section) if !section.name.is_empty() => format!("{}.{name}", section.name),
            _ => name.to_owned(),
        }
    }

    fn knows(&self, section: &str, name: &str) -> bool {
        self.sections
            .iter()
            .any(|s| s.name == section && s.settings.iter().any(|d| d.definition.name == name))
    }

    fn unknown(&self, section: &str, key: &Spanned<std::borrow::Cow<'_, str>>) -> Problem {
        let name = key.get_ref().as_ref();
        let shown = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
        let problem =
            Problem::error(format!("`{shown}` is no setting")).at(key.span()).label("unknown name");
        // The right name in another table: it slipped below the wrong heading.
        if let Some(home) = self.sections.iter().find(|s| self.knows(s.name, name)) {
            return problem.help(match home.name {
                "" => format!("`{name}` stands at the top of the file, above the first [table]"),
                table => format!("`{name}` stands in [{table}]"),
            });
        }
        let here = self.sections.iter().filter(|s| s.name == section);
        let names = here.flat_map(|s| s.settings.iter().map(|d| d.definition.name));
        let tables =
            self.sections.iter().map(|s| s.name).filter(|s| section.is_empty() && !s.is_empty());
        if let Some(near) = nearest(name, names.chain(tables)) {
            return problem.help(format!("did you mean `{near}`?"));
        }
        let all = self
            .sections
            .iter()
            .flat_map(|s| s.settings.iter().map(move |d| (s.name, d.definition.name)));
        match nearest(name, all.clone().map(|(_, name)| name)) {
            Some(near) => match all.clone().find(|(_, name)| *name == near) {
                Some(("", _)) => {
                    problem.help(format!("did you mean `{near}`, at the top of the file?"))
                }
                Some((table, _)) => problem.help(format!("did you mean `{near}` in [{table}]?")),
                None => problem,
            },
            None => problem.help("`restante config reference` lists all settings"),
        }
    }
}
