//! The noise of a batch of pictures: what their first states are made of, and what samplers add on the way. The denoise loop makes a
//! stream for each group of pictures; whether the way's noise is fresh or a Brownian motion is the sampler's row's to say, and whose
//! random numbers it is made of, and what is mixed into the first, is the task's ([`Wish`]).

use std::ops::Range;

use darkroom_protocol::NoiseSource;
use darkroom_protocol::task::Sampling;
use tch::{Kind, Tensor};

use super::Plan;
use super::brownian::BrownianTree;
use super::philox::Philox;
use crate::Result;
use crate::torch::Generator;

/// The cosine between two noises above which a straight line takes the place of the arc.
const ALIGNED: f64 = 0.9995;

/// Unit noise for a batch: picture i draws from torch's CPU generator seeded with seed + i, so that it is the same picture
/// alone, and a seed means the same on every device. Other sources are there for the pictures of other programs.
///
/// The first draw is the initial noise, the following are the ancestral steps', as when diffusers is given a list of
/// generators.
pub struct NoiseStream {
    wish: Wish,
    /// What draws are made of: one stream a picture, or one for all.
    streams: Vec<Stream>,
    /// The same for the way, where that is another stream.
    way: Option<Vec<Stream>>,
    seeds: Vec<u64>,
    /// Of all pictures of the batch, those that are made here.
    pictures: Range<i64>,
    batch: i64,
    /// Of one picture, with a batch axis of 1.
    shape: Vec<i64>,
    /// One a picture, where the noise of a way is a Brownian motion's; one for all where one stream is.
    trees: Option<Vec<BrownianTree>>,
}

/// What a task says of its noise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    /// The seed of picture 0.
    pub seed: u64,
    /// Whose random numbers.
    pub source: NoiseSource,
    /// The seed of picture 0's second noise, and how much of it there is, 0 to 1.
    pub second: Option<(u64, f64)>,
    /// Height and width in latents at which the seed's noise is drawn.
    pub drawn_at: Option<(i64, i64)>,
    /// Added to seeds for the way.
    pub delta: i64,
}

impl Wish {
    /// That of a task of latents that are `factor` times smaller than their pictures.
    pub fn of(task: &Sampling, factor: u32) -> Self {
        let side = |pixels: u32| i64::from(pixels / factor.max(1));
        let drawn_at = (side(task.seed_resize_from_h), side(task.seed_resize_from_w));
        Self {
            seed: task.seed,
            source: task.noise_source,
            second: (task.subseed_strength > 0.0).then_some((task.subseed.max(0) as u64, task.subseed_strength)),
            drawn_at: (drawn_at.0 > 0 && drawn_at.1 > 0).then_some(drawn_at),
            delta: task.eta_noise_seed_delta,
        }
    }
}

/// Random numbers of one source.
enum Stream {
    Cpu(Generator),
    Card(Philox),
}

impl Stream {
    fn seeded(source: NoiseSource, seed: u64) -> Result<Self> {
        Ok(match source {
            NoiseSource::Cpu | NoiseSource::Comfy => Self::Cpu(Generator::seeded(seed)?),
            NoiseSource::Philox => Self::Card(Philox::seeded(seed)),
        })
    }

    fn randn(&mut self, size: &[i64]) -> Result<Tensor> {
        match self {
            Self::Cpu(generator) => generator.randn(size),
            Self::Card(philox) => Ok(philox.randn(size)),
        }
    }
}

impl NoiseStream {
    /// A stream of `batch` pictures of `shape` each, without the batch axis: `[channels, height, width]`.
    ///
    /// # Errors
    /// `Error::OutOfMemory` where there is no room for the generators.
    pub fn new(seed: u64, batch: usize, shape: &[i64]) -> Result<Self> {
        let wish = Wish {
            seed,
            ..Wish::default()
        };
        Self::of(wish, 0..batch as i64, batch as i64, shape)
    }

    /// A stream of those `pictures` of a `batch`, of `shape` each.
    ///
    /// # Errors
    /// `Error::OutOfMemory` where there is no room for the generators.
    pub fn of(wish: Wish, pictures: Range<i64>, batch: i64, shape: &[i64]) -> Result<Self> {
        let seeds: Vec<u64> = pictures.clone().map(|i| wish.seed.wrapping_add(i as u64)).collect();
        let (streams, way) = match wish.source {
            // ComfyUI's first noise is drawn on the CPU, that of the way on the card.
            NoiseSource::Comfy => (
                vec![Stream::seeded(NoiseSource::Cpu, wish.seed)?],
                Some(vec![Stream::Card(Philox::seeded(
                    wish.seed.wrapping_add_signed(wish.delta),
                ))]),
            ),
            source => {
                let seeded = |delta: i64| -> Result<Vec<Stream>> {
                    let seeds = seeds.iter().map(|seed| seed.wrapping_add_signed(delta));
                    seeds.map(|seed| Stream::seeded(source, seed)).collect()
                };
                let way = if wish.delta == 0 {
                    None
                } else {
                    Some(seeded(wish.delta)?)
                };
                (seeded(0)?, way)
            }
        };
        Ok(Self {
            wish,
            streams,
            way,
            seeds,
            pictures,
            batch,
            shape: std::iter::once(1).chain(shape.iter().copied()).collect(),
            trees: None,
        })
    }

    /// The same, with the noise on the way that the plan's sampler takes.
    ///
    /// # Errors
    /// `Error::OutOfMemory`.
    pub fn along(mut self, plan: &Plan) -> Result<Self> {
        if let Some((low, high)) = plan.motion() {
            self.trees = Some(if self.wish.source == NoiseSource::Comfy {
                vec![BrownianTree::new(self.wish.seed, low, high, &self.whole())?]
            } else {
                let tree = |seed: &u64| BrownianTree::new(*seed, low, high, &self.shape);
                self.seeds.iter().map(tree).collect::<Result<_>>()?
            });
        }
        Ok(self)
    }

    /// The noise of a latent that a given picture may have: the next draw, as diffusers' image-to-image takes it. Where the source is
    /// another program's, whose numbers begin with the initial noise, it is drawn aside.
    ///
    /// # Errors
    /// `Error::OutOfMemory` where there is no room for it.
    pub fn posterior(&mut self) -> Result<Tensor> {
        if self.wish.source == NoiseSource::Cpu && self.wish.second.is_none() && self.wish.drawn_at.is_none() {
            return self.draw();
        }
        let aside = self
            .seeds
            .iter()
            .map(|seed| Generator::seeded(*seed)?.randn(&self.shape));
        Ok(Tensor::cat(&aside.collect::<Result<Vec<_>>>()?, 0))
    }

    /// The same for a picture of another size, in latents.
    ///
    /// # Errors
    /// `Error::OutOfMemory` where there is no room for it.
    pub fn posterior_of(&mut self, height: i64, width: i64) -> Result<Tensor> {
        let own = self.shape.clone();
        self.shape = vec![1, own[1], height, width];
        let noise = self.posterior();
        self.shape = own;
        noise
    }

    /// The initial noise, with what the wish mixes into it (AUTOMATIC1111's `ImageRNG.first`).
    ///
    /// # Errors
    /// `Error::OutOfMemory` where there is no room for it.
    pub fn first(&mut self) -> Result<Tensor> {
        let own = self.draw()?;
        let Wish { second, drawn_at, .. } = self.wish.clone();
        if second.is_none() && drawn_at.is_none() {
            return Ok(own);
        }
        let size = match drawn_at {
            Some((height, width)) => vec![1, self.shape[1], height, width],
            None => self.shape.clone(),
        };
        let mut each = Vec::new();
        for (k, index) in self.pictures.clone().enumerate() {
            let own = own.narrow(0, k as i64, 1);
            let mut noise = match drawn_at {
                Some(_) => Stream::seeded(self.wish.source, self.seeds[k])?.randn(&size)?,
                None => own.shallow_clone(),
            };
            if let Some((seed, strength)) = second {
                let other = Stream::seeded(self.wish.source, seed.wrapping_add(index as u64))?.randn(&size)?;
                noise = between(&noise, &other, strength);
            }
            each.push(if drawn_at.is_some() {
                within(&own, &noise)
            } else {
                noise
            });
        }
        Ok(Tensor::cat(&each, 0))
    }

    /// Unit noise for the way from one σ to another: the next one, or that of the pictures' Brownian motions.
    ///
    /// # Errors
    /// `Error::OutOfMemory` where there is no room for it.
    pub fn between(&mut self, from: f64, to: f64) -> Result<Tensor> {
        if let Some(trees) = &mut self.trees {
            let each = trees.iter_mut().map(|tree| tree.noise(from, to));
            let all = Tensor::cat(&each.collect::<Result<Vec<_>>>()?, 0);
            return Ok(self.ours(all));
        }
        match self.way.take() {
            Some(mut way) => {
                let noise = self.from(&mut way);
                self.way = Some(way);
                noise
            }
            None => self.draw(),
        }
    }

    /// The next noise, f32 on the CPU, `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// `Error::OutOfMemory` where there is no room for it.
    pub fn draw(&mut self) -> Result<Tensor> {
        let mut streams = std::mem::take(&mut self.streams);
        let noise = self.from(&mut streams);
        self.streams = streams;
        noise
    }

    fn from(&self, streams: &mut [Stream]) -> Result<Tensor> {
        if self.wish.source == NoiseSource::Comfy {
            let all = streams.iter_mut().map(|stream| stream.randn(&self.whole()));
            return Ok(self.ours(Tensor::cat(&all.collect::<Result<Vec<_>>>()?, 0)));
        }
        let each = streams.iter_mut().map(|stream| stream.randn(&self.shape));
        Ok(Tensor::cat(&each.collect::<Result<Vec<_>>>()?, 0))
    }

    /// The shape of all pictures of the batch.
    fn whole(&self) -> Vec<i64> {
        let mut shape = self.shape.clone();
        shape[0] = self.batch;
        shape
    }

    /// Of noise for the whole batch what is for the pictures here.
    fn ours(&self, noise: Tensor) -> Tensor {
        let count = self.pictures.end - self.pictures.start;
        if noise.size()[0] == count {
            return noise;
        }
        noise.narrow(0, self.pictures.start, count)
    }
}

/// That part of the way from one noise to another along the sphere on which unit noise lies (AUTOMATIC1111's `slerp`, which measures
/// angles down each column), `[1, C, H, W]`.
fn between(low: &Tensor, high: &Tensor, part: f64) -> Tensor {
    let unit = |noise: &Tensor| noise / noise.norm_scalaropt_dim(2.0, [2i64], true);
    let dot = (unit(low) * unit(high)).sum_dim_intlist([2i64].as_slice(), true, Kind::Float);
    if dot.mean(Kind::Float).double_value(&[]) > ALIGNED {
        return low * part + high * (1.0 - part);
    }
    let angle = dot.acos();
    let whole = angle.sin();
    (&angle * (1.0 - part)).sin() / &whole * low + (&angle * part).sin() / &whole * high
}

/// `own` with the middle of `noise` in its middle, both `[1, C, H, W]` of any sizes.
fn within(own: &Tensor, noise: &Tensor) -> Tensor {
    let result = own.copy();
    let (mut target, mut source) = (result.shallow_clone(), noise.shallow_clone());
    for axis in [2, 3] {
        let (large, small) = (own.size()[axis], noise.size()[axis]);
        // Python's division of a negative number rounds down.
        let margin = (large - small).div_euclid(2);
        let length = if margin >= 0 { small } else { small + 2 * margin };
        target = target.narrow(axis as i64, margin.max(0), length);
        source = source.narrow(axis as i64, (-margin).max(0), length);
    }
    target.copy_(&source);
    result
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::Deserialize;

    use super::*;

    #[test]
    fn a_picture_of_a_batch_has_the_noise_it_has_alone() {
        let mut batch = NoiseStream::new(40, 3, &[4, 8, 8]).unwrap();
        let mut alone = NoiseStream::new(42, 1, &[4, 8, 8]).unwrap();
        for _ in 0..3 {
            let noise = batch.draw().unwrap();
            assert_eq!(noise.size(), [3, 4, 8, 8]);
            assert!(noise.narrow(0, 2, 1).equal(&alone.draw().unwrap()));
            assert!(!noise.narrow(0, 0, 1).equal(&noise.narrow(0, 1, 1)));
        }
    }

    #[derive(Deserialize)]
    struct Case {
        source: NoiseSource,
        seed: u64,
        delta: i64,
        subseed: u64,
        strength: f64,
        from_h: i64,
        from_w: i64,
        draws: Vec<Told>,
    }

    #[derive(Deserialize)]
    struct Told {
        shape: Vec<i64>,
        first: Vec<f64>,
        last: Vec<f64>,
        sum: f64,
        squares: f64,
    }

    impl Told {
        fn assert_is(&self, noise: &Tensor, name: &str) {
            assert_eq!(noise.size(), self.shape, "{name}");
            let flat = noise.to_kind(Kind::Double).flatten(0, -1);
            let values = Vec::<f64>::try_from(&flat).unwrap();
            let sums = [flat.sum(Kind::Double), (&flat * &flat).sum(Kind::Double)].map(|sum| sum.double_value(&[]));
            let expected = self.first.iter().chain(&self.last).chain([&self.sum, &self.squares]);
            let got = values[..8].iter().chain(&values[values.len() - 8..]).chain(&sums);
            for (got, expected) in got.zip(expected) {
                assert!(
                    (got - expected).abs() < 2e-6 * expected.abs().max(1.0),
                    "{name}: {got}, not {expected}"
                );
            }
        }
    }

    /// Pictures 0 and 1 of two, as A1111 and ComfyUI draw them.
    #[test]
    fn noise_is_that_of_other_programs() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/noise/values.json");
        let cases: Vec<Case> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(cases.len(), 15);
        for case in cases {
            let wish = Wish {
                seed: case.seed,
                source: case.source,
                second: (case.strength > 0.0).then_some((case.subseed, case.strength)),
                drawn_at: (case.from_h > 0).then_some((case.from_h / 8, case.from_w / 8)),
                delta: case.delta,
            };
            let name = format!("{wish:?}");
            let mut stream = NoiseStream::of(wish, 0..2, 2, &[4, 12, 10]).unwrap();
            case.draws[0].assert_is(&stream.first().unwrap(), &name);
            for draw in &case.draws[1..] {
                draw.assert_is(&stream.between(1.0, 0.5).unwrap(), &name);
            }
        }
    }

    /// Drawn in groups or together, a picture of ComfyUI's batch has its own part of one draw.
    #[test]
    fn a_part_of_a_batch_has_its_part_of_the_draw() {
        let wish = Wish {
            seed: 5,
            source: NoiseSource::Comfy,
            ..Wish::default()
        };
        let mut all = NoiseStream::of(wish.clone(), 0..3, 3, &[4, 8, 8]).unwrap();
        let mut last = NoiseStream::of(wish, 2..3, 3, &[4, 8, 8]).unwrap();
        assert!(all.first().unwrap().narrow(0, 2, 1).equal(&last.first().unwrap()));
        let (all, last) = (all.between(2.0, 1.0).unwrap(), last.between(2.0, 1.0).unwrap());
        assert!(all.narrow(0, 2, 1).equal(&last));
    }
}
