//! `SRVGGNetCompact` (Real-ESRGAN): convolutions at the picture's own size, each with a PReLU, whose last channels are the larger
//! picture's pixels, added to the picture enlarged by its nearest ones. `detect.rs` reads its numbers from a file's shapes.

use tch::Tensor;

use super::detect::CompactShape;
use crate::nn::Conv2d;
use crate::weights::Weights;
use crate::{Cancel, Result};

/// The network; its tensors are `body.0` … `body.2n`: convolutions at even places, slopes of PReLUs between them.
#[derive(Debug)]
pub struct SrVggNetCompact {
    body: Vec<(Conv2d, Option<Tensor>)>,
    scale: i64,
}

impl SrVggNetCompact {
    /// Binds the tensors.
    ///
    /// # Errors
    /// A tensor that is missing or of another shape.
    pub fn new(weights: &Weights, shape: &CompactShape) -> Result<Self> {
        let body = weights.pp("body");
        let last = shape.convolutions - 1;
        let layer = |at: i64| {
            let inputs = if at == 0 { 3 } else { shape.features };
            let outputs = if at == last {
                3 * shape.scale * shape.scale
            } else {
                shape.features
            };
            let convolution = Conv2d::new(&body.pp(2 * at), inputs, outputs, 3)?;
            let slopes = (at < last).then(|| body.pp(2 * at + 1).get("weight", &[shape.features]));
            Ok((convolution, slopes.transpose()?))
        };
        Ok(Self {
            body: (0..shape.convolutions).map(layer).collect::<Result<_>>()?,
            scale: shape.scale,
        })
    }

    /// [B, 3, H, W] in 0..1 → [B, 3, scale·H, scale·W], about 0..1.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`].
    pub fn forward(&self, picture: &Tensor, cancel: &Cancel) -> Result<Tensor> {
        let mut x = picture.shallow_clone();
        for (convolution, slopes) in &self.body {
            cancel.check()?;
            x = convolution.forward(&x);
            if let Some(slopes) = slopes {
                x = x.prelu(slopes);
            }
        }
        let size = picture.size();
        let base = picture.upsample_nearest2d([size[2] * self.scale, size[3] * self.scale], None, None);
        Ok(x.pixel_shuffle(self.scale) + base)
    }
}
