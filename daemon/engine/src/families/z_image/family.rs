//! Z-Image as a family: the chat template around a prompt, the hidden states of the language model's last layer but one, noise that flows with
//! a shift of the model's own.

use std::rc::Rc;

use darkroom_formats::card::scheduler_config;
use darkroom_formats::family::{self, detect_folder};
use darkroom_formats::folder::{Files, Folder};
use darkroom_formats::schema::{Fields, FlowMatchConfig, ZImage as Parts};
use tch::Tensor;

use super::{ZImageTransformer2DModel, keys};
use crate::families::autoencoder_kl::AutoencoderKl;
use crate::model::{Component, ComponentKind, Cond, Encoded, Family, LatentSpace, Model, Part, SamplingWish};
use crate::prompt::Wording;
use crate::sampling::{Plan, plan_flow_even};
use crate::text::Select;
use crate::text::language::{LanguageModel, LanguageTokenizer};
use crate::weights::Piece;
use crate::{Cancel, Result};

const TEXT_ENCODER: &str = "text_encoder";
/// The layer before the last, without the final norm.
const STATES: Select = Select {
    skip_layers: 1,
    final_layer_norm: false,
    pooled: false,
};

/// A model of Z-Image.
#[derive(Debug)]
pub struct ZImage {
    components: [Component; 3],
    tokenizer: LanguageTokenizer,
    scheduler: FlowMatchConfig,
    latents: LatentSpace,
}

impl ZImage {
    /// The model in `folder`; `None` when its pipeline is another family's.
    ///
    /// # Errors
    /// What speaks against it, in words.
    pub fn open(folder: &Folder, files: &dyn Files) -> Result<Option<Box<dyn Family>>> {
        use family::Family::ZImage as Own;
        if !Own.pipelines().contains(&folder.class.as_str()) || detect_folder(folder)? != Own {
            return Ok(None);
        }
        let parts = Parts::read(folder)?;
        let scheduler = scheduler_config(folder, Own)?;
        let place = format!("{}: scheduler", folder.place);
        Ok(Some(Box::new(Self {
            tokenizer: LanguageTokenizer::in_folder(files, "tokenizer", parts.text_encoder.vocab_size)?,
            scheduler: FlowMatchConfig::read(Fields::new(&place, &scheduler))?,
            latents: LatentSpace {
                kind: parts.vae.latents(),
                tile: parts.vae.tile() as u32,
            },
            components: [
                Component::new(
                    TEXT_ENCODER,
                    ComponentKind::TextEncoder,
                    parts.text_encoder,
                    |weights, config| Ok(Part::TextEncoder(Rc::new(LanguageModel::new(weights, config)?))),
                ),
                Component::new(
                    "transformer",
                    ComponentKind::Denoiser,
                    parts.transformer,
                    |weights, config| Ok(Part::Denoiser(Rc::new(ZImageTransformer2DModel::new(weights, config)?))),
                )
                .quantised(),
                Component::new("vae", ComponentKind::Autoencoder, parts.vae, |weights, config| {
                    Ok(Part::Autoencoder(Rc::new(AutoencoderKl::new(weights, config)?)))
                }),
            ],
        })))
    }
}

/// A prompt as the language model reads it: the chat template of Qwen3 with a single message of the user's (`apply_chat_template` with
/// `add_generation_prompt` and `enable_thinking`, as `ZImagePipeline` calls it).
pub(super) fn templated(prompt: &str) -> String {
    format!("<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n")
}

impl Family for ZImage {
    fn components(&self) -> &[Component] {
        &self.components
    }

    fn spell(&self, component: &str, key: &str) -> Vec<Piece> {
        keys::spell(component, key)
    }

    fn spelling(&self, component: &str, name: &str) -> Option<String> {
        keys::spelling(component, name)
    }

    fn latents(&self) -> LatentSpace {
        self.latents
    }

    fn reads_syntax(&self) -> bool {
        false
    }

    fn encode(&self, model: &Model, prompts: &[Wording], cancel: &Cancel) -> Result<Vec<Encoded>> {
        let encoder = model.text_encoder(TEXT_ENCODER)?;
        // One by one: padding would be computed for nothing, and what comes later is not looked at.
        let one = |prompt: &Wording| {
            let ids = self.tokenizer.encode(&templated(&prompt.text()))?;
            let ids = Tensor::from_slice(&ids).unsqueeze(0);
            Ok(Encoded {
                cond: Cond::of(encoder.encode(&ids, STATES, cancel)?.hidden_states),
                notice: None,
            })
        };
        let encoded = prompts.iter().map(one).collect();
        encoder.rest();
        encoded
    }

    fn plan(&self, wish: &SamplingWish) -> Result<Plan> {
        let side = |pixels: u32| u64::from(pixels.div_ceil(2 * self.latents.kind.factor));
        let shift = self.scheduler.shift_for(side(wish.size.0) * side(wish.size.1));
        let train = self.scheduler.num_train_timesteps;
        plan_flow_even(shift, train, wish.sampler, wish.schedule, wish.steps)
    }
}
