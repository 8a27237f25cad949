//! A family for tests, to show what one needs: noise that flows, two text encoders of which the second pools, a denoiser of two
//! layers, an autoencoder with a scale and a shift of its own, a map of names. Nothing outside this folder knows it but its row.

use std::rc::Rc;

use darkroom_formats::card::Latents;
use darkroom_formats::folder::{Files, Folder};
use darkroom_formats::schema::{ClipTextConfig, Fields};
use tch::Tensor;

use crate::model::{
    Autoencoder, Component, ComponentKind, Cond, Denoiser, Encoded, Extras, Family, LatentSpace, Model, Part,
    Posterior, SamplingWish,
};
use crate::nn::{Conv2d, Linear, silu};
use crate::prompt::{Path, Wording, encode};
use crate::sampling::{Plan, plan_flow_on};
use crate::text::clip::ClipTextModel;
use crate::text::{Encoder, Select, Tokenizer};
use crate::weights::{Piece, Weights};
use crate::{Cancel, Result};

mod tests;

const ENCODERS: [&str; 2] = ["text_encoder", "text_encoder_2"];
const SPACE: Latents = Latents {
    channels: 2,
    factor: 2,
    scale: 0.25,
    shift: 0.5,
};

#[derive(Debug)]
pub struct Toy {
    components: Vec<Component>,
    tokenizers: [Tokenizer; 2],
    widths: [i64; 2],
    shift: f64,
}

impl Toy {
    pub fn open(folder: &Folder, files: &dyn Files) -> Result<Option<Box<dyn Family>>> {
        if folder.class != "ToyFlowPipeline" {
            return Ok(None);
        }
        let config = |name| -> Result<ClipTextConfig> {
            Ok(ClipTextConfig::read(Fields::new(
                name,
                &folder.component(name)?.config,
            ))?)
        };
        let (one, two) = (config(ENCODERS[0])?, config(ENCODERS[1])?);
        let tokenizer = |name, config: &ClipTextConfig| {
            let (rows, positions) = (config.vocab_size, config.max_position_embeddings);
            Tokenizer::in_folder(files, name, Encoder { rows, positions })
        };
        let tokenizers = [tokenizer("tokenizer", &one)?, tokenizer("tokenizer_2", &two)?];
        let width = one.hidden_size + two.hidden_size;
        let pooled = two.hidden_size;
        let widths = [one.hidden_size, two.hidden_size];
        let encoder = |name, config| {
            Component::new(name, ComponentKind::TextEncoder, config, |weights, config| {
                Ok(Part::TextEncoder(Rc::new(ClipTextModel::new(weights, config)?)))
            })
        };
        let components = vec![
            encoder(ENCODERS[0], one),
            encoder(ENCODERS[1], two),
            Component::new(
                "transformer",
                ComponentKind::Denoiser,
                (width, pooled),
                |weights, (width, pooled)| Ok(Part::Denoiser(Rc::new(TwoLayers::new(weights, *width, *pooled)?))),
            )
            .quantised(),
            Component::new("vae", ComponentKind::Autoencoder, SPACE.scale, |weights, _| {
                let decoder = Conv2d::new(&weights.pp("decoder"), 2, 3, 1)?;
                Ok(Part::Autoencoder(Rc::new(Doubling { decoder })))
            }),
        ];
        let shift = folder.scheduler.config.get("shift").and_then(serde_json::Value::as_f64);
        Ok(Some(Box::new(Self {
            components,
            tokenizers,
            widths,
            shift: shift.unwrap_or(1.0),
        })))
    }
}

impl Family for Toy {
    fn components(&self) -> &[Component] {
        &self.components
    }

    fn spell(&self, component: &str, key: &str) -> Vec<Piece> {
        match (component, key.strip_prefix("net.")) {
            ("transformer", Some(rest)) => vec![Piece::whole(rest)],
            ("transformer", None) => vec![],
            _ => vec![Piece::whole(key)],
        }
    }

    fn spelling(&self, component: &str, name: &str) -> Option<String> {
        Some(match component {
            "transformer" => format!("net.{name}"),
            _ => name.to_owned(),
        })
    }

    fn latents(&self) -> LatentSpace {
        LatentSpace { kind: SPACE, tile: 64 }
    }

    fn encode(&self, model: &Model, prompts: &[Wording], cancel: &Cancel) -> Result<Vec<Encoded>> {
        let select = Select {
            skip_layers: 1,
            final_layer_norm: false,
            pooled: true,
        };
        let path = |at: usize| -> Result<Path> {
            Ok(Path {
                tokenizer: &self.tokenizers[at],
                encoder: model.text_encoder(ENCODERS[at])?,
                select,
                skips: false,
                width: self.widths[at],
            })
        };
        let paths = [path(0)?, path(1)?];
        let one = |prompt: &Wording| {
            let mut states = encode(&paths, prompt, cancel)?;
            Ok(Encoded {
                cond: Cond {
                    pooled: states.pooled.pop().flatten(),
                    ..Cond::of(states.joined()?)
                },
                notice: None,
            })
        };
        prompts.iter().map(one).collect()
    }

    fn plan(&self, wish: &SamplingWish) -> Result<Plan> {
        plan_flow_on(self.shift, 1000, wish.sampler, wish.schedule, wish.steps)
    }
}

/// Velocity from two layers: `out(silu(x·proj + prompt·context + pooled + t))`, over pixels.
#[derive(Debug)]
pub struct TwoLayers {
    proj: Linear,
    context: Linear,
    pooled: Linear,
    out: Linear,
}

impl TwoLayers {
    pub fn new(weights: &Weights, width: i64, pooled: i64) -> Result<Self> {
        Ok(Self {
            proj: Linear::new(&weights.pp("proj"), 2, 8)?,
            context: Linear::new(&weights.pp("context"), width, 8)?,
            pooled: Linear::new(&weights.pp("pooled"), pooled, 8)?,
            out: Linear::new(&weights.pp("out"), 8, 2)?,
        })
    }
}

impl Denoiser for TwoLayers {
    fn forward(&self, x: &Tensor, timestep: f64, cond: &Cond, _: &Extras, cancel: &Cancel) -> Result<Tensor> {
        cancel.check()?;
        let pooled = cond.pooled.as_ref().ok_or(crate::Error::Defect)?;
        let pixels = self.proj.forward(&x.permute([0, 2, 3, 1]).contiguous());
        let prompt = self
            .context
            .forward(&cond.tokens.mean_dim([1i64].as_slice(), false, None));
        let around = (prompt + self.pooled.forward(pooled) + timestep / 1000.0)
            .unsqueeze(1)
            .unsqueeze(1);
        Ok(self.out.forward(&silu(&(pixels + around))).permute([0, 3, 1, 2]))
    }
}

/// Twice as wide and high, by one convolution.
#[derive(Debug)]
pub struct Doubling {
    decoder: Conv2d,
}

impl Autoencoder for Doubling {
    fn to_pixels(&self, latents: &Tensor, _: bool, cancel: &Cancel) -> Result<Tensor> {
        cancel.check()?;
        let z = latents / SPACE.scale + SPACE.shift;
        let size = [2 * z.size()[2], 2 * z.size()[3]];
        Ok(self.decoder.forward(&z.upsample_nearest2d(size, None, None)).tanh())
    }

    fn to_latents(&self, pixels: &Tensor, _: &Cancel) -> Result<Posterior> {
        let small = pixels.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None::<i64>);
        let mean = (small.narrow(1, 0, 2) - SPACE.shift) * SPACE.scale;
        Ok(Posterior {
            std: mean.zeros_like(),
            mean,
        })
    }
}
