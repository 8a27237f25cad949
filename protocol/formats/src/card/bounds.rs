//! The most that a number in a config.json may be, so that a hostile one cannot ask for a billion layers. `build.rs` checks every
//! component's configuration and the scheduler's by it. Whether numbers fit each other is checked in `schema/`.

use serde_json::{Map, Value};

use crate::schema::whole;
use crate::{Error, Result};

/// Numbers of a config.json that decide how much is built, with the most that any model comes near.
const MOST: &[(&str, u64)] = &[
    ("addition_time_embed_dim", 65_536),
    ("attention_head_dim", 65_536),
    ("block_out_channels", 65_536),
    ("cross_attention_dim", 65_536),
    ("hidden_size", 65_536),
    ("in_channels", 4_096),
    ("intermediate_size", 1 << 20),
    ("latent_channels", 4_096),
    ("layers_per_block", 64),
    ("max_position_embeddings", 1 << 20),
    ("norm_num_groups", 65_536),
    ("num_attention_heads", 1_024),
    ("num_hidden_layers", 256),
    ("num_layers", 256),
    ("num_train_timesteps", 10_000),
    ("out_channels", 4_096),
    ("projection_class_embeddings_input_dim", 65_536),
    ("projection_dim", 65_536),
    ("reverse_transformer_layers_per_block", 256),
    ("sample_size", 8_192),
    ("transformer_layers_per_block", 256),
    ("vocab_size", 1 << 22),
];

/// Those that may be 0 too, where a level has no attention.
const MAY_BE_ZERO: [&str; 2] = ["reverse_transformer_layers_per_block", "transformer_layers_per_block"];

/// The longest list of numbers: one an entry for each level or layer.
const LONGEST: usize = 64;

/// Checks every number of `config` that decides how much is built, alone or in lists: whole, at least 1 as a rule, and within
/// what models have. `file` is the name that the error gives. Fields that are missing or null pass.
///
/// # Errors
/// [`Error::Number`] for the first field that is out of range.
pub fn check_numbers(file: &str, config: &Map<String, Value>) -> Result<()> {
    for (field, most) in MOST {
        let Some(value) = config.get(*field) else { continue };
        let least = i64::from(!MAY_BE_ZERO.contains(field));
        if !within(value, least, *most, 2) {
            return Err(Error::Number {
                file: file.to_owned(),
                field: (*field).to_owned(),
                found: value.to_string(),
                most: *most,
            });
        }
    }
    Ok(())
}

/// Whether `value` is null, a number from `least` to `most`, or a list of such, `depth` lists deep at most.
fn within(value: &Value, least: i64, most: u64, depth: u32) -> bool {
    match value {
        Value::Null => true,
        Value::Number(_) => whole(value).is_some_and(|n| n >= least && n.unsigned_abs() <= most),
        Value::Array(list) => {
            depth > 0 && list.len() <= LONGEST && list.iter().all(|v| within(v, least, most, depth - 1))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!({"num_hidden_layers": 1_000_000_000}), false)]
    #[case(json!({"num_hidden_layers": 12}), true)]
    #[case(json!({"num_hidden_layers": null}), true)]
    #[case(json!({"layers_per_block": 0}), false)]
    #[case(json!({"layers_per_block": -2}), false)]
    #[case(json!({"layers_per_block": "2"}), false)]
    #[case(json!({"layers_per_block": 1e300}), false)]
    #[case(json!({"layers_per_block": 2.0}), true)]
    #[case(json!({"layers_per_block": 2.5}), false)]
    #[case(json!({"block_out_channels": [320, 640]}), true)]
    #[case(json!({"block_out_channels": [320, 1u64 << 40]}), false)]
    #[case(json!({"block_out_channels": vec![1; 65]}), false)]
    #[case(json!({"transformer_layers_per_block": [[1, 2], [3]]}), true)]
    #[case(json!({"transformer_layers_per_block": [[[1]]]}), false)]
    #[case(json!({"transformer_layers_per_block": [0, 2, [2, 10]]}), true)]
    #[case(json!({"transformer_layers_per_block": [-1]}), false)]
    #[case(json!({"something_else": 1e300}), true)]
    fn numbers_are_bounded(#[case] config: Value, #[case] good: bool) {
        let checked = check_numbers("unet/config.json", config.as_object().unwrap());
        assert_eq!(checked.is_ok(), good, "{checked:?}");
    }

    #[test]
    fn the_message_names_field_and_range() {
        let config = json!({"num_hidden_layers": 1_000_000_000});
        insta::assert_snapshot!(check_numbers("text_encoder/config.json", config.as_object().unwrap()).unwrap_err(),
            @"text_encoder/config.json: num_hidden_layers is 1000000000; models have 1 to 256. The file is damaged or hostile: download it again.");
    }
}
