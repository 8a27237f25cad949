//! Which of the models in memory a person means by a name or a path, and what they are called in answers. Pure; verbs and the
//! dispatcher ask it.

use std::collections::HashSet;
use std::path::Path;

use darkroom_protocol::ModelSource;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::text::{escape_line, fold};

/// A model as a person names it, to be found among those that are in memory or on their way there.
#[derive(Clone, Debug)]
pub struct Named {
    /// As it was given: a name or a path.
    pub given: String,
    /// The model that a request with these words would use; `None` where there is none.
    pub known: Option<ModelSource>,
}

/// A model that is in memory or on its way there: its name and its files.
pub type Held = (String, ModelSource);

impl Named {
    /// The one of `held` that is meant: that which a request would use, where it is among them; else the one that lies there or has
    /// that name.
    ///
    /// # Errors
    /// When several have that name: their places, each of which says which one is meant.
    pub fn among(&self, held: &[Held]) -> Result<Option<ModelSource>, RemoteError> {
        let known = self.known.as_ref();
        let here = |(_, source): &&Held| Some(source) == known || is_at(source, &self.given);
        if let Some((_, source)) = held.iter().find(here) {
            return Ok(Some(source.clone()));
        }
        let called = held.iter().filter(|(name, _)| fold(name) == fold(&self.given));
        let found: HashSet<&ModelSource> = called.map(|(_, source)| source).collect();
        if found.len() <= 1 {
            return Ok(found.into_iter().next().cloned());
        }
        let mut places: Vec<&str> = found.into_iter().map(ModelSource::place).collect();
        places.sort_unstable();
        Err(RemoteError::usage(format!(
            "{} models in memory are called {}: give the path of the one that is meant: {}.",
            places.len(),
            escape_line(&self.given),
            escape_line(&places.join(", "))
        )))
    }
}

/// Whether a model's files are at the path `given`.
fn is_at(source: &ModelSource, given: &str) -> bool {
    match source {
        ModelSource::Embedded(_) => false,
        ModelSource::Folder(path) | ModelSource::File(path) => Path::new(path) == Path::new(given),
    }
}

/// What the models of these files are called, each once: with their places where two of `held` have one name.
pub fn names(sources: &[ModelSource], held: &[Held]) -> Vec<String> {
    let name = |source: &ModelSource| {
        let (name, _) = held.iter().find(|(_, other)| other == source)?;
        let alone = held.iter().all(|(other, at)| other != name || at == source);
        Some(if alone {
            name.clone()
        } else {
            format!("{name} ({})", source.place())
        })
    };
    let mut names: Vec<String> = sources.iter().filter_map(name).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Written `name@path`; without a path it is inside the worker.
    fn model(spec: &str) -> Held {
        match spec.split_once('@') {
            Some((name, path)) => (name.to_owned(), ModelSource::Folder(path.to_owned())),
            None => (spec.to_owned(), ModelSource::Embedded(spec.to_owned())),
        }
    }

    #[rstest]
    #[case("sd15", None, &["sd15@/a/sd15", "xl@/a/xl"], Some("sd15@/a/sd15"))]
    #[case("SD_15", None, &["sd-15@/a/sd-15"], Some("sd-15@/a/sd-15"))]
    #[case("sd15", None, &["xl@/a/xl"], None)]
    #[case("sd15", None, &[], None)]
    #[case("/a/sd15/", None, &["sd15@/a/sd15", "sd15@/b/sd15"], Some("sd15@/a/sd15"))]
    #[case("/c/sd15", None, &["sd15@/a/sd15"], None)]
    #[case("sd15", Some("sd15@/b/sd15"), &["sd15@/a/sd15", "sd15@/b/sd15"], Some("sd15@/b/sd15"))]
    #[case("sd15", Some("sd15@/b/sd15"), &["sd15@/a/sd15"], Some("sd15@/a/sd15"))]
    #[case("emoji", Some("emoji"), &["emoji@/a/emoji", "emoji"], Some("emoji"))]
    #[case("sd15", None, &["sd15@/a/sd15", "sd15@/a/sd15"], Some("sd15@/a/sd15"))]
    fn which_one(
        #[case] given: &str,
        #[case] known: Option<&str>,
        #[case] held: &[&str],
        #[case] expected: Option<&str>,
    ) {
        let named = Named {
            given: given.to_owned(),
            known: known.map(|spec| model(spec).1),
        };
        let held: Vec<Held> = held.iter().map(|spec| model(spec)).collect();
        assert_eq!(named.among(&held).unwrap(), expected.map(|spec| model(spec).1));
    }

    #[test]
    fn of_several_each_is_told() {
        let held = ["sd15@/b/sd15", "sd15@/a/sd15", "xl@/a/xl"].map(model);
        let named = Named {
            given: "sd15".to_owned(),
            known: None,
        };
        assert_eq!(
            named.among(&held).unwrap_err().message,
            "2 models in memory are called sd15: give the path of the one that is meant: /a/sd15, /b/sd15."
        );
        let sources = held.clone().map(|(_, source)| source);
        assert_eq!(names(&sources, &held), ["sd15 (/a/sd15)", "sd15 (/b/sd15)", "xl"]);
        assert_eq!(names(&sources[2..], &held), ["xl"]);
    }
}
