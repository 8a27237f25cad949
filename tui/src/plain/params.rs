//! The parameters as lines: those of the daemon's table that a worker here can do, what counts for each, and how one is set. Pure. Nothing
//! here knows which parameters there are.

use darkroom_protocol::GenerateRequest;
use darkroom_protocol::params::{Kind, Parameter, TABLE, find};

use crate::app::world::World;

/// The rows that can be set here. Files are not: a line has no way to send one.
fn rows(world: &World) -> impl Iterator<Item = &'static Parameter> {
    TABLE
        .iter()
        .filter(|row| row.name != "prompt" && !matches!(row.kind, Kind::File) && world.can(row.needs))
}

/// A line a parameter: what counts, and whether somebody has set it.
pub fn lines(request: &GenerateRequest, world: &World) -> Vec<String> {
    rows(world).map(|row| line(row, request, world)).collect()
}

/// What counts for a row, as one line.
pub fn line(row: &Parameter, request: &GenerateRequest, world: &World) -> String {
    if let Some(value) = request.get(row.name) {
        return format!("{} is {value}.", row.flag);
    }
    // The model that counts where none is named is the one whose card this is.
    let of_card = world.card.as_ref().and_then(|card| match row.name {
        "model" => Some(card.name.clone()),
        _ => row.default_value(card).map(|value| value.to_string()),
    });
    let value = of_card.filter(|value| !value.is_empty());
    let value = value.unwrap_or_else(|| row.default_words().to_owned());
    format!("{} is {value}, by default.", row.flag)
}

/// Sets a parameter from text, or leaves it to its default where the text is empty: the row that was meant.
///
/// # Errors
/// What is wrong with the name or the value; the request is as it was.
pub fn set(request: &mut GenerateRequest, name: &str, text: &str, world: &World) -> Result<&'static Parameter, String> {
    let Some(row) = find(name) else {
        let refused = request.clone().set_text(name, text);
        return Err(refused.err().map_or_else(String::new, |error| error.to_string()));
    };
    if row.name == "prompt" {
        return Err("The prompt is any line that does not begin with /.".to_owned());
    }
    if !rows(world).any(|here| here.name == row.name) {
        return Err(format!(
            "{} cannot be set here; `darkroom generate --{}` takes it where a worker can do it.",
            row.flag, row.flag
        ));
    }
    let mut changed = request.clone();
    changed.unset(row.name);
    if !text.is_empty() {
        changed
            .set_text(row.name, text)
            .map_err(|e| e.named(name).to_string())?;
    }
    *request = changed;
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_set_and_left_to_its_default() {
        let (mut request, world) = (GenerateRequest::default(), World::default());
        let row = set(&mut request, "steps", "20", &world).unwrap();
        assert_eq!(request.steps, Some(20));
        assert_eq!(line(row, &request, &world), "steps is 20.");
        let why = set(&mut request, "steps", "0", &world).unwrap_err();
        assert!(why.contains("from 1 to 1000"), "{why}");
        assert_eq!(request.steps, Some(20));
        set(&mut request, "steps", "", &world).unwrap();
        assert_eq!(line(row, &request, &world), "steps is the model's, by default.");
        assert!(set(&mut request, "stepps", "1", &world).unwrap_err().contains("steps"));
        assert!(
            set(&mut request, "prompt", "x", &world)
                .unwrap_err()
                .contains("any line")
        );
    }

    #[test]
    fn only_what_workers_can_do_is_there() {
        let (mut request, mut world) = (GenerateRequest::default(), World::default());
        assert!(lines(&request, &world).iter().any(|line| line.starts_with("steps is ")));
        world.capabilities = vec!["nothing".to_owned()];
        assert!(lines(&request, &world).is_empty());
        assert!(
            set(&mut request, "steps", "2", &world)
                .unwrap_err()
                .contains("cannot be set here")
        );
    }
}
