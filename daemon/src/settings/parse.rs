//! The settings file from its text: each value is checked, and what is wrong is told with its line.

use std::ops::Range;
use std::path::{Path, PathBuf};

use darkroom_protocol::Dtype;
use darkroom_protocol::device::canonical_device;
use darkroom_protocol::params::{Value, find};
use darkroom_protocol::sampler::Named;
use darkroom_protocol::text::{escape_line, place};
use serde::Deserialize;
use toml::Spanned;

use super::bytes::bytes;
use super::hosts::hosts;
use super::keeping::{Keeping, time};
use super::{Keep, Settings};

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    model: Option<Spanned<String>>,
    models: Vec<Spanned<String>>,
    loras: Vec<Spanned<String>>,
    device: Option<Spanned<String>>,
    devices: Vec<Spanned<String>>,
    dtype: Option<Spanned<String>>,
    threads: Option<Spanned<i64>>,
    keep_alive: Option<Spanned<Keeping>>,
    memory_budget: Option<Spanned<toml::Value>>,
    keep_logs: Option<Spanned<toml::Value>>,
    keep_logs_bytes: Option<Spanned<toml::Value>>,
    keep_cleared: Option<Spanned<toml::Value>>,
    keep_trash: Option<Spanned<toml::Value>>,
    hosts: Option<Spanned<toml::Table>>,
}

impl Settings {
    /// The settings that `text` spells; `~` is `home`.
    ///
    /// # Errors
    /// What is wrong, on which line and what to do, as one sentence.
    pub fn parse(text: &str, home: Option<&Path>) -> Result<Self, String> {
        let at = |span: Range<usize>, what: String| format!("{}: {what}", place(text, span.start));
        let written: Written = toml::from_str(text).map_err(|error| {
            let what = format!("{}. Correct it or remove the line.", escape_line(error.message()));
            match error.span() {
                Some(span) => at(span, what),
                None => what,
            }
        })?;
        let checked = |name, value, span: Range<usize>| taken(name, value).map_err(|what| at(span, what));
        let word = |name, written: Option<Spanned<String>>| {
            let value = written.map(|w| (w.span(), Value::Text(w.into_inner())));
            value.map(|(span, value)| checked(name, value, span)).transpose()
        };
        let folders = |written: Vec<Spanned<String>>| {
            let one = |folder: Spanned<String>| {
                let span = folder.span();
                absolute(folder.get_ref(), home).map_err(|what| at(span, what))
            };
            written.into_iter().map(one).collect::<Result<Vec<PathBuf>, String>>()
        };
        let (models, loras) = (folders(written.models)?, folders(written.loras)?);
        let mut devices = Vec::new();
        for device in written.devices {
            let span = device.span();
            let device = computing(device.get_ref()).map_err(|what| at(span, what))?;
            if !devices.contains(&device) {
                devices.push(device);
            }
        }
        let model_span = written.model.as_ref().map_or(0..0, Spanned::span);
        let model = match word("model", written.model)? {
            Some(Value::Text(model)) => Some(expanded(&model, home).map_err(|what| at(model_span, what))?),
            _ => None,
        };
        let threads = written
            .threads
            .map(|w| checked("threads", Value::Integer(*w.get_ref()), w.span()));
        let keeping = written.keep_alive.map(|w| (w.span(), w.into_inner()));
        let keeping = keeping.map(|(span, kept)| kept.checked().map_err(|what| at(span, what)));
        let keeping = keeping.transpose()?.unwrap_or_default();
        let budget = written
            .memory_budget
            .map(|w| bytes(w.get_ref()).map_err(|what| at(w.span(), format!("memory_budget {what}"))));
        let mut keep = Keep::default();
        for (name, written, kept) in [
            ("keep_logs", written.keep_logs, &mut keep.logs),
            ("keep_cleared", written.keep_cleared, &mut keep.cleared),
            ("keep_trash", written.keep_trash, &mut keep.trash),
        ] {
            if let Some(written) = written {
                *kept = time(name, written.get_ref()).map_err(|what| at(written.span(), what))?;
            }
        }
        if let Some(written) = written.keep_logs_bytes {
            keep.logs_bytes =
                bytes(written.get_ref()).map_err(|what| at(written.span(), format!("keep_logs_bytes {what}")))?;
        }
        let elsewhere = written.hosts.map(|w| {
            let span = w.span();
            hosts(w.into_inner()).map_err(|what| at(span, what))
        });
        Ok(Self {
            model,
            models,
            loras,
            device: word("device", written.device)?.map(|value| value.to_string()),
            devices,
            keep_alive: keeping.default,
            keep_alive_of: keeping.models,
            memory_budget: budget.transpose()?,
            keep,
            hosts: elsewhere.transpose()?.unwrap_or_default(),
            dtype: word("dtype", written.dtype)?.and_then(|value| Dtype::from_name(&value.to_string())),
            threads: match threads.transpose()? {
                Some(Value::Integer(n)) => u32::try_from(n).ok(),
                _ => None,
            },
        })
    }
}

/// The value, once the request parameter of that name takes it.
fn taken(name: &str, value: Value) -> Result<Value, String> {
    match find(name) {
        Some(row) => row.check(value).map_err(|e| e.to_string()),
        None => Ok(value),
    }
}

/// A device in its one spelling.
fn computing(device: &str) -> Result<String, String> {
    let shown = escape_line(device);
    canonical_device(device).ok_or_else(|| {
        format!("{shown} is no device: give cpu, cuda:0, xpu:0 or mps; `darkroom doctor` lists those that are here.")
    })
}

/// A model's folder or file with `~` expanded, or its name.
fn expanded(model: &str, home: Option<&Path>) -> Result<String, String> {
    if !model.contains('/') && model != "~" {
        return Ok(model.to_owned());
    }
    Ok(absolute(model, home)?.to_string_lossy().into_owned())
}

fn absolute(folder: &str, home: Option<&Path>) -> Result<PathBuf, String> {
    let shown = escape_line(folder);
    let path = match (folder.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        (Some(rest), None) if rest.is_empty() || rest.starts_with('/') => {
            return Err(format!(
                "{shown} needs a home directory: set HOME or write the whole path."
            ));
        }
        _ => PathBuf::from(folder),
    };
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(format!("{shown} is a relative path: begin it with / or ~/."))
    }
}
