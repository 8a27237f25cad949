//! The formulas by which a module of a LoRA file becomes a summand for a weight, each as the program that defined it has it: LoRA and
//! LoCon (kohya-ss, LyCORIS), LoHa, LoKr, GLoRA, IA³, diagonal OFT, BOFT, DoRA and plain differences (LyCORIS 4's `modules/`), DoRA's
//! magnitudes as PEFT has them. A strength scales the summand, as in A1111 and ComfyUI. `delta.rs` says to which tensor it goes.

use darkroom_formats::adapter::{Module, Part};
use darkroom_formats::safetensors::Entry;
use tch::{Kind, Tensor};

use super::file::File;
use crate::{Error, Result};

/// Which summand of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formula {
    /// A product of two or three parts.
    LowRank,
    /// Two such products, element by element.
    Hada,
    /// A Kronecker product.
    Kron,
    /// The weight times a product, and a product.
    Glora,
    /// Factors of rows or columns.
    Ia3,
    /// Rows rotated in blocks.
    Oft,
    /// The difference itself.
    Diff(Part),
    /// The bias of a LoRA, scaled as its weight is.
    UpBias,
}

impl Formula {
    /// The summands of `module`: those for its weight, and those for its bias.
    pub fn of(module: &Module) -> Vec<(Self, Tensors)> {
        let all = [
            (Part::Down, Self::LowRank, Tensors::Weight),
            (Part::HadaW1A, Self::Hada, Tensors::Weight),
            (Part::LokrW1, Self::Kron, Tensors::Weight),
            (Part::LokrW1A, Self::Kron, Tensors::Weight),
            (Part::GloraA1, Self::Glora, Tensors::Weight),
            (Part::Ia3, Self::Ia3, Tensors::Weight),
            (Part::OftBlocks, Self::Oft, Tensors::Weight),
            (Part::Diff, Self::Diff(Part::Diff), Tensors::Weight),
            (Part::NormWeight, Self::Diff(Part::NormWeight), Tensors::Weight),
            (Part::DiffBias, Self::Diff(Part::DiffBias), Tensors::Bias),
            (Part::NormBias, Self::Diff(Part::NormBias), Tensors::Bias),
            (Part::UpBias, Self::UpBias, Tensors::Bias),
        ];
        let mut found: Vec<(Self, Tensors)> = Vec::new();
        for (part, formula, to) in all {
            if module.has(part) && !found.contains(&(formula, to)) {
                found.push((formula, to));
            }
        }
        found
    }

    /// Whether it depends on what the weight is.
    pub fn depends(self, module: &Module) -> bool {
        let scaled = module.has(Part::DoraScale) || module.has(Part::Magnitude);
        match self {
            Self::Glora | Self::Ia3 | Self::Oft => true,
            Self::LowRank | Self::Hada | Self::Kron => scaled,
            Self::Diff(_) | Self::UpBias => false,
        }
    }

    /// Rows and columns that the summand has for a weight of so many; those of IA³ and OFT are the weight's where they fit. `None` where
    /// the parts do not go together, or where what is between them is larger than any weight is.
    pub fn size(self, module: &Module, weight: (u64, u64)) -> Option<(u64, u64)> {
        let shape = |part| Some(module.parts.get(&part)?.shape.as_slice());
        let most = weight.0.max(weight.1);
        match self {
            Self::LowRank => product(shape(Part::Up)?, shape(Part::Down)?, shape(Part::Mid), most),
            Self::Hada => {
                let half = |a, b, t| {
                    let (a, b, t): (&[u64], &[u64], Option<&[u64]>) = (shape(a)?, shape(b)?, shape(t));
                    // In three parts the first lies on its side.
                    let turned = t.map(|_| a.iter().rev().copied().collect::<Vec<u64>>());
                    product(turned.as_deref().unwrap_or(a), b, t, most)
                };
                let first = half(Part::HadaW1A, Part::HadaW1B, Part::HadaT1)?;
                (Some(first) == half(Part::HadaW2A, Part::HadaW2B, Part::HadaT2)).then_some(first)
            }
            Self::Kron => {
                let small = match shape(Part::LokrW1) {
                    Some(whole) => flat(whole)?,
                    None => product(shape(Part::LokrW1A)?, shape(Part::LokrW1B)?, None, most)?,
                };
                let large = match (shape(Part::LokrW2), shape(Part::LokrT2)) {
                    (Some(whole), _) => flat(whole)?,
                    (None, None) => product(shape(Part::LokrW2A)?, shape(Part::LokrW2B)?, None, most)?,
                    (None, t) => {
                        let turned: Vec<u64> = shape(Part::LokrW2A)?.iter().rev().copied().collect();
                        product(&turned, shape(Part::LokrW2B)?, t, most)?
                    }
                };
                Some((small.0.checked_mul(large.0)?, small.1.checked_mul(large.1)?))
            }
            Self::Glora => {
                let added = product(shape(Part::GloraB1)?, shape(Part::GloraB2)?, shape(Part::GloraBm), most)?;
                let (inputs, rank) = flat(shape(Part::GloraA1)?)?;
                let factor = product(shape(Part::GloraA1)?, shape(Part::GloraA2)?, None, most)?;
                let square = factor == (inputs, inputs) && inputs > 0 && added.1.is_multiple_of(inputs);
                (square && rank <= most).then_some(added)
            }
            Self::Ia3 => Some(weight),
            Self::Oft => match shape(Part::OftBlocks)? {
                [blocks, size, same] if size == same => Some((blocks.checked_mul(*size)?, weight.1)),
                [stages, blocks, size, same] if size == same => {
                    // A stage turns pairs of places that lie twice as far apart as in the one before.
                    let apart = 1u64.checked_shl(u32::try_from(stages.checked_sub(1)?).ok()?)?;
                    let whole = size.is_multiple_of(2) && apart <= *blocks && blocks.is_multiple_of(apart);
                    whole.then_some((blocks.checked_mul(*size)?, weight.1))
                }
                _ => None,
            },
            Self::Diff(part) => flat(shape(part)?),
            Self::UpBias => flat(shape(Part::UpBias)?),
        }
    }

    /// The summand for `weight` at a `strength`, all in f32: as many numbers as [`Self::size`] says, in rows.
    ///
    /// # Errors
    /// Those of reading the file; a number of factors or scales that is not the weight's.
    pub fn summand(self, file: &File, module: &Module, weight: &Tensor, strength: f64) -> Result<Tensor> {
        let parts = Parts { file, module };
        let stages = module
            .parts
            .get(&Part::OftBlocks)
            .filter(|blocks| blocks.shape.len() == 4);
        if let (Self::Oft, Some(_)) = (self, stages) {
            return boft(&parts, weight, strength);
        }
        Ok(self.whole(&parts, weight)? * strength)
    }

    /// The same at full strength.
    fn whole(self, parts: &Parts, weight: &Tensor) -> Result<Tensor> {
        let module = parts.module;
        let plain = match self {
            Self::LowRank => low_rank(parts, (Part::Up, Part::Down, Part::Mid), false)? * parts.scale()?,
            Self::Hada => {
                let turned = module.has(Part::HadaT1);
                let first = low_rank(parts, (Part::HadaW1A, Part::HadaW1B, Part::HadaT1), turned)?;
                let second = low_rank(parts, (Part::HadaW2A, Part::HadaW2B, Part::HadaT2), turned)?;
                first * second * parts.scale()?
            }
            Self::Kron => kron(parts)? * parts.scale()?,
            Self::Glora => glora(parts, weight)? * parts.scale()?,
            Self::Ia3 => ia3(parts, weight)?,
            Self::Oft => oft(parts, weight)?,
            Self::Diff(part) => parts.rows(part)?,
            Self::UpBias => parts.rows(Part::UpBias)? * parts.scale()?,
        };
        match self {
            Self::LowRank | Self::Hada | Self::Kron if self.depends(module) => decomposed(parts, weight, &plain),
            _ => Ok(plain),
        }
    }
}

/// Which tensor of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tensors {
    /// Its weight.
    Weight,
    /// Its bias.
    Bias,
}

impl Tensors {
    /// The end of its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
        }
    }
}

/// Rows, and the numbers in each.
pub fn flat(shape: &[u64]) -> Option<(u64, u64)> {
    let (rows, rest) = shape.split_first()?;
    let columns = rest.iter().try_fold(1u64, |product, n| product.checked_mul(*n))?;
    Some((*rows, columns))
}

/// The size of `a`·`b`, with `t` [i, j, k…] between them where there is one, whose inner sizes must agree.
fn product(a: &[u64], b: &[u64], t: Option<&[u64]>, most: u64) -> Option<(u64, u64)> {
    let ((rows, first), (second, columns)) = (flat(a)?, flat(b)?);
    match t {
        None => (first == second).then_some((rows, columns)),
        Some([i, j, kernel @ ..]) => {
            let kernel = kernel.iter().try_fold(1u64, |product, n| product.checked_mul(*n))?;
            let agrees = (*i, *j) == (first, second) && first.max(second) <= most;
            agrees.then_some((rows, columns.checked_mul(kernel)?))
        }
        Some(_) => None,
    }
}

/// A module's tensors.
struct Parts<'a> {
    file: &'a File,
    module: &'a Module,
}

impl Parts<'_> {
    fn entry(&self, part: Part) -> Result<&Entry> {
        self.module.parts.get(&part).ok_or(Error::Defect)
    }

    /// As it is in the file, in f32.
    fn get(&self, part: Part) -> Result<Tensor> {
        self.file.tensor(self.entry(part)?)
    }

    /// The same in rows: [rows, everything else].
    fn rows(&self, part: Part) -> Result<Tensor> {
        let tensor = self.get(part)?;
        let rows = tensor.size().first().copied().unwrap_or(1);
        Ok(tensor.reshape([rows, -1]))
    }

    /// Alpha over rank; where there is no alpha what the metadata say, else 1. A module without a rank has no scale.
    fn scale(&self) -> Result<f64> {
        let Some(rank) = self.module.rank() else { return Ok(1.0) };
        match self.module.parts.get(&Part::Alpha) {
            Some(alpha) => Ok(self.file.number(alpha)? / rank.max(1) as f64),
            None => Ok(self.module.scale.unwrap_or(1.0)),
        }
    }
}

/// `up`·`down`, or with a middle [i, j, k…] the sum over i and j of `up[·, i] mid[i, j, ·] down[j, ·]`, in rows.
fn low_rank(parts: &Parts, (up, down, mid): (Part, Part, Part), turned: bool) -> Result<Tensor> {
    let (up, down) = (parts.rows(up)?, parts.rows(down)?);
    let up = if turned { up.transpose(0, 1) } else { up };
    if !parts.module.has(mid) {
        return Ok(up.matmul(&down));
    }
    let mid = parts.get(mid)?;
    let size = mid.size();
    let (Some(i), Some(j)) = (size.first(), size.get(1)) else {
        return Err(Error::Defect);
    };
    // [rows, j, kernel], then the kernel before j, which is summed over.
    let half = up.matmul(&mid.reshape([*i, -1])).reshape([up.size()[0], *j, -1]);
    let whole = half.transpose(1, 2).matmul(&down);
    Ok(whole.transpose(1, 2).reshape([up.size()[0], -1]))
}

fn kron(parts: &Parts) -> Result<Tensor> {
    let small = match parts.module.has(Part::LokrW1) {
        true => parts.rows(Part::LokrW1)?,
        false => parts.rows(Part::LokrW1A)?.matmul(&parts.rows(Part::LokrW1B)?),
    };
    let large = match parts.module.has(Part::LokrW2) {
        true => parts.rows(Part::LokrW2)?,
        false => {
            let turned = parts.module.has(Part::LokrT2);
            low_rank(parts, (Part::LokrW2A, Part::LokrW2B, Part::LokrT2), turned)?
        }
    };
    Ok(small.kron(&large))
}

/// `W·a1·a2 + b1·b2`, over a convolution's inputs at each place of its kernel.
fn glora(parts: &Parts, weight: &Tensor) -> Result<Tensor> {
    let factor = (parts.rows(Part::GloraA1)?, parts.rows(Part::GloraA2)?);
    let (outputs, inputs) = (weight.size()[0], factor.0.size()[0]);
    let by_place = weight.reshape([outputs, inputs, -1]).transpose(1, 2);
    let turned = by_place.matmul(&factor.0).matmul(&factor.1);
    let added = low_rank(parts, (Part::GloraB1, Part::GloraB2, Part::GloraBm), false)?;
    Ok(turned.transpose(1, 2).reshape([outputs, -1]) + added)
}

fn ia3(parts: &Parts, weight: &Tensor) -> Result<Tensor> {
    let factors = parts.get(Part::Ia3)?.flatten(0, -1);
    let on_input = parts.file.number(parts.entry(Part::OnInput)?)? != 0.0;
    let axis = usize::from(on_input);
    let mut shape = vec![1; weight.dim()];
    match (shape.get_mut(axis), weight.size().get(axis)) {
        (Some(side), Some(size)) if factors.size() == [*size] => *side = *size,
        _ => {
            return Err(Error::Unsupported(
                "IA³ has another number of factors than the layer.".to_owned(),
            ));
        }
    }
    Ok(rows(&(weight * factors.reshape(shape))))
}

/// `(R − 1)·W` by blocks of rows, where R is the Cayley transform of a skew matrix, not longer than a bound where there is one.
fn oft(parts: &Parts, weight: &Tensor) -> Result<Tensor> {
    let blocks = parts.get(Part::OftBlocks)?;
    let (count, size) = match blocks.size()[..] {
        [count, size, _] => (count, size),
        _ => return Err(Error::Defect),
    };
    let rotation = cayley(parts, &blocks, weight)?;
    let one = Tensor::eye(size, (Kind::Float, tch::Device::Cpu));
    let flat = rows(weight);
    let rotated = (rotation - &one)
        .transpose(1, 2)
        .matmul(&flat.reshape([count, size, -1]));
    rescaled(parts, &flat, rotated.reshape(flat.size()))
}

/// Butterflies of such rotations, one stage after the other, each between places twice as far apart (Liu et al. 2023, arXiv 2311.06243): what
/// they make of W less itself. A strength turns each stage less, as LyCORIS' `functional/boft.py` has it.
fn boft(parts: &Parts, weight: &Tensor, strength: f64) -> Result<Tensor> {
    let blocks = parts.get(Part::OftBlocks)?;
    let [stages, _, size, _] = blocks.size()[..] else {
        return Err(Error::Defect);
    };
    let one = Tensor::eye(size, (Kind::Float, tch::Device::Cpu));
    let rotations = cayley(parts, &blocks, weight)? * strength + &one * (1.0 - strength);
    let flat = rows(weight);
    let columns = flat.size()[1];
    let mut turned = flat.shallow_clone();
    for stage in 0..stages {
        let apart = size / 2 * (1 << stage);
        let paired = turned.reshape([-1, 2, apart, columns]).transpose(1, 2);
        let rotated = rotations.get(stage).matmul(&paired.reshape([-1, size, columns]));
        turned = rotated
            .reshape([-1, apart, 2, columns])
            .transpose(1, 2)
            .reshape(flat.size());
    }
    rescaled(parts, &flat, turned - &flat)
}

/// The rotations that blocks [.., size, size] stand for, together not longer than a bound where there is one.
fn cayley(parts: &Parts, blocks: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let mut skew = blocks - blocks.transpose(-1, -2);
    let alpha = parts.module.parts.get(&Part::Alpha);
    let bound = alpha.map_or(Ok(0.0), |alpha| parts.file.number(alpha))? * weight.size()[0] as f64;
    let length = skew.norm().double_value(&[]) + 1e-8;
    if bound > 0.0 && length > bound {
        skew *= bound / length;
    }
    let size = blocks.size().last().copied().unwrap_or_default();
    let one = Tensor::eye(size, (Kind::Float, tch::Device::Cpu));
    Ok((&one + &skew).matmul(&Tensor::linalg_inv(&(&one - &skew))))
}

/// `change` of a weight in rows, scaled with it where the file has scales.
fn rescaled(parts: &Parts, flat: &Tensor, change: Tensor) -> Result<Tensor> {
    if !parts.module.has(Part::Rescale) {
        return Ok(change);
    }
    let rescale = parts.get(Part::Rescale)?.reshape([-1, 1]);
    if rescale.size()[0] != flat.size()[0] {
        return Err(Error::Unsupported(
            "OFT has another number of scales than the layer.".to_owned(),
        ));
    }
    Ok(&rescale * change + (rescale - 1.0) * flat)
}

/// DoRA: what brings `weight + plain` to the lengths that the file has, row by row or column by column.
fn decomposed(parts: &Parts, weight: &Tensor, plain: &Tensor) -> Result<Tensor> {
    let whole = weight + plain.reshape(weight.size());
    let outputs = whole.size()[0];
    let (scale, by_row) = match parts.module.parts.get(&Part::DoraScale) {
        Some(entry) => (
            parts.get(Part::DoraScale)?,
            entry.shape.first() == Some(&(outputs as u64)),
        ),
        None => (parts.get(Part::Magnitude)?, true),
    };
    let wrong = || Error::Unsupported("DoRA has another number of lengths than the layer.".to_owned());
    // Columns are a convolution's inputs, with all of its kernel.
    let by_length = if by_row {
        whole.shallow_clone()
    } else {
        whole.transpose(0, 1)
    };
    let count = by_length.size()[0];
    if scale.numel() as i64 != count {
        return Err(wrong());
    }
    let lengths = by_length
        .reshape([count, -1])
        .square()
        .sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
        .sqrt();
    let factors = scale.flatten(0, -1) / (lengths + f64::from(f32::EPSILON));
    let mut shape = vec![1; whole.dim()];
    if let Some(side) = shape.get_mut(usize::from(!by_row)) {
        *side = count;
    }
    Ok(rows(&(whole * factors.reshape(shape) - weight)))
}

fn rows(tensor: &Tensor) -> Tensor {
    tensor.reshape([tensor.size().first().copied().unwrap_or(1), -1])
}
