//! What follows from the `edm_` tensors of an SDXL's single file: Playground 2.5 and CosXL were trained with the noise of Karras et
//! al. 2022 (arXiv 2206.00364), and mark their files so. `facts.rs` asks. The tensors' meaning is ComfyUI's (`SDXL.model_type` of
//! comfy/supported_models.py); schedulers and the scale of latents are those of the models' published diffusers folders.

use serde_json::{Map, Value, json};

use super::measure::Numbers;

/// Settings by the configuration that has them.
type Settings = [(&'static str, Map<String, Value>); 3];

/// What the file says of its noise, and of its latents where they are brought to unit variance.
///
/// # Errors
/// Tensors that are no numbers, in a clause with the file as its subject.
pub(super) fn edm(numbers: &Numbers) -> Result<Settings, String> {
    // CosXL: velocity, and its range of σ, which may be left out.
    let one = |name: &str| numbers(name).and_then(|all| all.first().copied());
    let (scheduler, vae) = match (numbers("edm_mean"), numbers("edm_std")) {
        (Some(mean), Some(std)) => {
            let vae = json!({"latents_mean": mean, "latents_std": std, "scaling_factor": 0.5});
            (edm_epsilon(), vae)
        }
        (None, None) => {
            let range = [one("edm_vpred.sigma_min"), one("edm_vpred.sigma_max")];
            (edm_velocity(range[0], range[1]), json!({}))
        }
        _ => return Err("its edm_mean and edm_std are not both there, or not numbers".to_owned()),
    };
    let index = json!({"scheduler": ["diffusers", scheduler["_class_name"]]});
    Ok([
        ("model_index.json", map(index)),
        ("scheduler", scheduler),
        ("vae", map(vae)),
    ])
}

/// The scheduler of Playground 2.5: EDM's preconditioning as it is, whose output is called the noise.
pub(super) fn edm_epsilon() -> Map<String, Value> {
    map(json!({
        "_class_name": "EDMDPMSolverMultistepScheduler", "prediction_type": "epsilon", "sigma_data": 0.5,
        "sigma_min": 0.002, "sigma_max": 80.0,
    }))
}

/// That of CosXL: velocity over EDM's noise, from one σ to another.
pub(super) fn edm_velocity(sigma_min: Option<f64>, sigma_max: Option<f64>) -> Map<String, Value> {
    map(json!({
        "_class_name": "EDMEulerScheduler", "prediction_type": "v_prediction", "sigma_data": 1.0,
        "sigma_min": sigma_min.unwrap_or(0.002), "sigma_max": sigma_max.unwrap_or(120.0),
    }))
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
