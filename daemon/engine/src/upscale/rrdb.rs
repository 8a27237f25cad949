//! `RRDBNet` (ESRGAN, BSRGAN, Real-ESRGAN, ESRGAN+): residual blocks in residual blocks at the picture's own size, then doublings
//! of its sides. Fields are named as Real-ESRGAN's tensors; other spellings become these in `detect.rs`, which reads the network's
//! numbers too. Networks for factors of 1 and 2 first fold each 4×4 or 2×2 pixels into channels.

use tch::Tensor;

use super::detect::RrdbShape;
use crate::nn::Conv2d;
use crate::weights::Weights;
use crate::{Cancel, Result};

/// What a block adds counts a fifth.
const RESIDUAL: f64 = 0.2;

/// The network.
#[derive(Debug)]
pub struct RrdbNet {
    conv_first: Conv2d,
    body: Vec<[DenseBlock; 3]>,
    conv_body: Conv2d,
    /// `conv_up1`, `conv_up2`, …
    conv_up: Vec<Conv2d>,
    conv_hr: Conv2d,
    conv_last: Conv2d,
    shuffle: i64,
    scale: i64,
}

/// `ResidualDenseBlock`: each convolution sees what all before it made.
#[derive(Debug)]
struct DenseBlock {
    /// `conv1` … `conv5`.
    conv: Vec<Conv2d>,
    /// ESRGAN+'s path past the first two.
    conv1x1: Option<Conv2d>,
}

impl RrdbNet {
    /// Binds the tensors.
    ///
    /// # Errors
    /// A tensor that is missing or of another shape.
    pub fn new(weights: &Weights, shape: &RrdbShape) -> Result<Self> {
        let (inputs, features) = (3 * shape.shuffle * shape.shuffle, shape.features);
        let convolution = |name: &str, inputs, outputs| Conv2d::new(&weights.pp(name), inputs, outputs, 3);
        let block = |at: i64| {
            let block = weights.pp("body").pp(at);
            let dense = |nth: i64| DenseBlock::new(&block.pp(format!("rdb{nth}")), shape);
            Ok([dense(1)?, dense(2)?, dense(3)?])
        };
        Ok(Self {
            conv_first: convolution("conv_first", inputs, features)?,
            body: (0..shape.blocks).map(block).collect::<Result<_>>()?,
            conv_body: convolution("conv_body", features, features)?,
            conv_up: (1..=shape.doublings)
                .map(|nth| convolution(&format!("conv_up{nth}"), features, features))
                .collect::<Result<_>>()?,
            conv_hr: convolution("conv_hr", features, features)?,
            conv_last: convolution("conv_last", features, 3)?,
            shuffle: shape.shuffle,
            scale: shape.scale(),
        })
    }

    /// [B, 3, H, W] in 0..1 → [B, 3, scale·H, scale·W], about 0..1.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`].
    pub fn forward(&self, picture: &Tensor, cancel: &Cancel) -> Result<Tensor> {
        let size = picture.size();
        let first = self.conv_first.forward(&folded(picture, self.shuffle));
        let mut x = first.shallow_clone();
        for block in &self.body {
            cancel.check()?;
            let inner = block.iter().fold(x.shallow_clone(), |x, dense| dense.forward(&x));
            x = inner * RESIDUAL + x;
        }
        x = self.conv_body.forward_plus(&x, &first);
        for convolution in &self.conv_up {
            cancel.check()?;
            let size = x.size();
            x = leaky(&convolution.forward(&x.upsample_nearest2d([2 * size[2], 2 * size[3]], None, None)));
        }
        cancel.check()?;
        x = self.conv_last.forward(&leaky(&self.conv_hr.forward(&x)));
        // Without what folding had to add at the edges.
        Ok(x.narrow(2, 0, size[2] * self.scale).narrow(3, 0, size[3] * self.scale))
    }
}

impl DenseBlock {
    fn new(weights: &Weights, shape: &RrdbShape) -> Result<Self> {
        let (features, growth) = (shape.features, shape.growth);
        let convolution = |nth: i64| {
            let outputs = if nth == 5 { features } else { growth };
            let inputs = features + (nth - 1) * growth;
            Conv2d::new(&weights.pp(format!("conv{nth}")), inputs, outputs, 3)
        };
        let conv1x1 = shape
            .plus
            .then(|| Conv2d::without_bias(&weights.pp("conv1x1"), features, growth, 1));
        Ok(Self {
            conv: (1..=5).map(convolution).collect::<Result<_>>()?,
            conv1x1: conv1x1.transpose()?,
        })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let mut seen = vec![x.shallow_clone()];
        for (at, convolution) in self.conv.iter().enumerate() {
            let made = convolution.forward(&Tensor::cat(&seen, 1));
            if at == 4 {
                return made * RESIDUAL + x;
            }
            let mut made = leaky(&made);
            match &self.conv1x1 {
                Some(conv1x1) if at == 1 => made += conv1x1.forward(x),
                Some(_) if at == 3 => made += &seen[2],
                _ => {}
            }
            seen.push(made);
        }
        x.shallow_clone()
    }
}

/// LeakyReLU with a slope of 0.2.
fn leaky(x: &Tensor) -> Tensor {
    x.maximum(&(x * 0.2))
}

/// Each `by`×`by` pixels as channels; what lacks at the right and below is mirrored.
fn folded(picture: &Tensor, by: i64) -> Tensor {
    if by == 1 {
        return picture.shallow_clone();
    }
    let size = picture.size();
    let lack = |side: i64| (by - side % by) % by;
    let (down, right) = (lack(size[2]), lack(size[3]));
    let whole = match (down, right) {
        (0, 0) => picture.shallow_clone(),
        // Fewer pixels than lack have no mirror image.
        _ if down >= size[2] || right >= size[3] => picture.replication_pad2d([0, right, 0, down]),
        _ => picture.reflection_pad2d([0, right, 0, down]),
    };
    whole.pixel_unshuffle(by)
}
