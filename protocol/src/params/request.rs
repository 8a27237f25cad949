//! What may be done with a request: its rows are set by name from text or JSON, checked, filled up with defaults, and written as
//! metadata. The rows themselves are in `table.rs`.

use super::parameter::{Parameter, ParameterError};
use super::table::{GenerateRequest, TABLE};
use super::value::{Field, Value};
use crate::ModelCard;
use crate::sampler::{Named, Sampler, Schedule};

impl GenerateRequest {
    /// Sets a row by name or alias from text, as a flag or a grid axis does. Errors name the row as `name` does.
    pub fn set_text(&mut self, name: &str, text: &str) -> Result<(), ParameterError> {
        let row = super::find(name).ok_or_else(|| ParameterError::unknown(name))?;
        let set = match self.set_with_schedule(row, text) {
            Some(set) => set,
            None => row.parse(text).and_then(|value| self.put_beside(row, &value)),
        };
        set.map_err(|e| e.named(name))
    }

    /// Sets a row by name or alias from a JSON value; `null` leaves it to the default. Errors name the row as `name` does.
    pub fn set_json(&mut self, name: &str, json: &serde_json::Value) -> Result<(), ParameterError> {
        let row = super::find(name).ok_or_else(|| ParameterError::unknown(name))?;
        if json.is_null() {
            return Ok(());
        }
        let set = match json.as_str().and_then(|text| self.set_with_schedule(row, text)) {
            Some(set) => set,
            None => row.from_json(json).and_then(|value| self.put_beside(row, &value)),
        };
        set.map_err(|e| e.named(name))
    }

    /// Sets sampler and schedule from a name that says both, as "DPM++ 2M Karras" does. `None` where `text` is none.
    fn set_with_schedule(&mut self, row: &Parameter, text: &str) -> Option<Result<(), ParameterError>> {
        if row.name != "sampler" && row.name != "hires_sampler" {
            return None;
        }
        let (sampler, Some(schedule)) = Sampler::with_schedule(text)? else {
            return None;
        };
        if row.name == "hires_sampler" {
            (self.hires_sampler, self.hires_schedule) = (Some(sampler), self.hires_schedule.or(Some(schedule)));
            return Some(Ok(()));
        }
        let set = self.agree(row, schedule, |set| format!("the schedule is {}", set.name()));
        Some(set.map(|()| self.sampler = Some(sampler)))
    }

    /// Sets a row; a schedule only where it says what a sampler's name has said before.
    fn put_beside(&mut self, row: &Parameter, value: &Value) -> Result<(), ParameterError> {
        match (row.name, Schedule::from_value(value)) {
            ("schedule", Some(schedule)) => {
                self.agree(row, schedule, |set| format!("the sampler's name says {}", set.name()))
            }
            _ => {
                self.put(row.name, value);
                Ok(())
            }
        }
    }

    /// Sets the schedule that `row` names. Automatic gives way to any other.
    fn agree(
        &mut self,
        row: &Parameter,
        schedule: Schedule,
        against: impl Fn(Schedule) -> String,
    ) -> Result<(), ParameterError> {
        match self.schedule {
            Some(set) if schedule == Schedule::Auto && set != schedule => {}
            Some(set) if set != Schedule::Auto && set != schedule => {
                return Err(ParameterError::Contradiction {
                    name: row.name.to_owned(),
                    found: schedule.name(),
                    against: against(set),
                });
            }
            _ => self.schedule = Some(schedule),
        }
        Ok(())
    }

    /// Sets a row to a value, checked.
    pub fn set(&mut self, row: &Parameter, value: Value) -> Result<(), ParameterError> {
        let value = row.check(value)?;
        self.put(row.name, &value);
        Ok(())
    }

    /// Every row whose default is a value, with the model of `card`.
    pub fn defaults(card: &ModelCard) -> Self {
        let mut request = Self::default();
        for row in TABLE {
            if let Some(value) = row.default_value(card) {
                request.put(row.name, &value);
            }
        }
        request
    }

    /// The first row that is set and needs what is not among `capabilities`.
    pub fn unmet(&self, capabilities: &[String]) -> Option<&'static Parameter> {
        let has = |row: &&Parameter| capabilities.iter().any(|known| known == row.needs);
        TABLE.iter().find(|row| self.get(row.name).is_some() && !has(row))
    }

    /// Checks type and range of every field: what came over the wire is as little trusted as what was typed.
    pub fn check(&self) -> Result<(), ParameterError> {
        for row in TABLE {
            if let Some(value) = self.get(row.name) {
                row.check(value)?;
            }
        }
        Ok(())
    }

    /// Metadata key and value of every row that is set and has a key, in table order.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        let keyed = TABLE.iter().filter(|row| !row.metadata.is_empty());
        keyed
            .filter_map(|row| Some((row.metadata, self.get(row.name)?.to_string())))
            .collect()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
