//! LoRAs on the models in memory: a task's are put on its model's parts before it computes, and stay for the next task with the same
//! ones. Nothing is read from the model's files here; layers make the weights that change anew when they use them.

use std::rc::Rc;
use std::sync::Arc;

use darkroom_protocol::lora::Lora;

use super::Models;
use crate::adapters::{File, Set};
use crate::model::{Adapt as _, Model};
use crate::{Cancel, Result};

impl Models {
    /// From now on `model` has these LoRAs and no others, on the parts that are in memory and on those that it reads yet. Answers what
    /// the person should know. A model that has them already is left alone.
    ///
    /// # Errors
    /// [`crate::Error::Lora`] for a file that is gone, another one, no LoRA, or of another model; [`crate::Error::Cancelled`]. The model
    /// is then as it was.
    pub fn adapt(&mut self, model: &Model, loras: &[Lora], cancel: &Cancel) -> Result<Vec<String>> {
        let mut opened: Vec<(Lora, Arc<File>)> = Vec::new();
        for lora in loras {
            opened.push((lora.clone(), self.files.open(lora, cancel)?));
        }
        let key = model.blueprint().key();
        let before = self
            .entries
            .iter()
            .find(|entry| entry.key() == key)
            .and_then(|entry| entry.set.clone());
        let set = match before.filter(|set| set.is(&opened)) {
            Some(set) => set,
            None => {
                let set = Rc::new(Set::of(model.blueprint(), opened, cancel)?);
                // Its text encoders may say something else with these.
                model.blueprint().forget_prompts();
                set
            }
        };
        model.adapt(set.clone());
        let Some(at) = self.entries.iter().position(|entry| entry.key() == key) else {
            return Ok(set.notices().to_vec());
        };
        // Parts that other models have too follow whoever computes: every task comes here first.
        for id in &self.entries[at].parts {
            if let Some(held) = self.held.iter().find(|held| held.id == *id) {
                set.adapt(held.name(), &held.weights);
            }
        }
        let notices = set.notices().to_vec();
        self.entries[at].set = Some(set);
        Ok(notices)
    }
}

#[cfg(all(test, feature = "embedded-model"))]
mod tests {
    use darkroom_protocol::hash::hex;
    use darkroom_protocol::{ModelSource, Quant};
    use sha2::{Digest as _, Sha256};
    use tch::{Kind, Tensor};

    use super::*;
    use crate::model::Key;
    use crate::torch::Device;

    fn lora(dir: &std::path::Path) -> Lora {
        let path = dir.join("l.safetensors");
        let at = "lora_unet_conv_in";
        let ones = |shape: &[i64]| Tensor::ones(shape, (Kind::Float, tch::Device::Cpu));
        let tensors = [
            (format!("{at}.lora_down.weight"), ones(&[1, 4, 3, 3])),
            (format!("{at}.lora_up.weight"), ones(&[64, 1, 1, 1])),
        ];
        Tensor::write_safetensors(&tensors, &path).unwrap();
        Lora {
            name: "l".into(),
            sha256: hex(Sha256::digest(std::fs::read(&path).unwrap())),
            path: path.display().to_string(),
            unet: 1.0,
            text: 1.0,
        }
    }

    #[test]
    fn prompts_that_were_read_without_a_lora_are_read_again_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let (mut models, cancel) = (Models::new(u64::MAX), Cancel::new());
        let key = Key {
            source: ModelSource::Embedded("emoji".into()),
            parts: Vec::new(),
            name: "emoji".into(),
            device: Device::Cpu,
            kind: Kind::Float,
            quant: Quant::None,
        };
        let model = models.load(&key, &cancel, &mut |_, _| {}).unwrap();
        let encoder = model
            .blueprint()
            .components()
            .iter()
            .find(|one| one.name == "text_encoder");
        let offered = model.blueprint().offered(encoder.unwrap(), &cancel).unwrap();
        let size = &offered["text_model.encoder.layers.0.self_attn.q_proj.weight"];
        let path = dir.path().join("t.safetensors");
        let ones = |shape: &[i64]| Tensor::ones(shape, (Kind::Float, tch::Device::Cpu));
        let at = "lora_te_text_model_encoder_layers_0_self_attn_q_proj";
        let tensors = [
            (format!("{at}.lora_down.weight"), ones(&[1, size[1]])),
            (format!("{at}.lora_up.weight"), ones(&[size[0], 1])),
        ];
        Tensor::write_safetensors(&tensors, &path).unwrap();
        let lora = Lora {
            name: "t".into(),
            sha256: hex(Sha256::digest(std::fs::read(&path).unwrap())),
            path: path.display().to_string(),
            unet: 1.0,
            text: 1.0,
        };
        let said = || {
            let encoded = model
                .encode(&[crate::prompt::Wording::plain("a fox")], &cancel)
                .unwrap();
            encoded[0].cond.tokens.shallow_clone()
        };
        models.adapt(&model, &[], &cancel).unwrap();
        let plain = said();
        models.adapt(&model, &[lora], &cancel).unwrap();
        assert!(!said().equal(&plain));
        models.adapt(&model, &[], &cancel).unwrap();
        assert!(said().equal(&plain));
    }

    #[test]
    fn the_same_set_once_more_is_no_work() {
        let dir = tempfile::tempdir().unwrap();
        let key = |name: &str| Key {
            source: ModelSource::Embedded("emoji".into()),
            parts: Vec::new(),
            name: name.into(),
            device: Device::Cpu,
            kind: Kind::Float,
            quant: Quant::None,
        };
        let (mut models, cancel) = (Models::new(u64::MAX), Cancel::new());
        let model = models.load(&key("emoji"), &cancel, &mut |_, _| {}).unwrap();
        let change = |models: &Models| {
            let unet = models.held.iter().find(|held| held.name() == "unet").unwrap();
            unet.weights.patches().of("conv_in.weight").0
        };
        let loras = [lora(dir.path())];
        models.adapt(&model, &loras, &cancel).unwrap();
        assert_eq!(change(&models), 1);
        let set = models.entries[0].set.clone().unwrap();
        // Loaded for the next task: nothing is opened, found or made again.
        let model = models.load(&key("emoji"), &cancel, &mut |_, _| {}).unwrap();
        models.adapt(&model, &loras, &cancel).unwrap();
        assert!(Rc::ptr_eq(&set, models.entries[0].set.as_ref().unwrap()));
        assert_eq!(change(&models), 1);
        // Another model with the same part, and without LoRAs: the part follows whoever computes.
        let other = models.load(&key("other"), &cancel, &mut |_, _| {}).unwrap();
        models.adapt(&other, &[], &cancel).unwrap();
        assert_eq!((models.held.len(), change(&models)), (3, 2));
        models.adapt(&model, &loras, &cancel).unwrap();
        assert_eq!(change(&models), 3);
        let half = [Lora {
            unet: 0.5,
            ..loras[0].clone()
        }];
        models.adapt(&model, &half, &cancel).unwrap();
        assert_eq!(change(&models), 4, "another weight is another set");
    }
}
