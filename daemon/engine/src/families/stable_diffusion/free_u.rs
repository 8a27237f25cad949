//! FreeU (Si et al. 2023, arXiv 2309.11497): on the way up of a UNet the backbone's channels are made stronger and the skips' low
//! frequencies weaker. `unet.rs` calls it before each of a block's residual blocks. The numbers are a task's, none of them a model's.

use tch::{Kind, Tensor};

use crate::model::FreeU;

/// `hidden_states` [B, C, H, W] and `skip` [B, C', H, W] as up block `block`, from 0, is to see them: diffusers' `apply_freeu`
/// (`utils/torch_utils.py`), which knows the two coarsest blocks alone.
pub fn freed(free_u: &FreeU, block: usize, hidden_states: Tensor, skip: Tensor) -> (Tensor, Tensor) {
    let (backbone, skips) = match block {
        0 => (free_u.b1, free_u.s1),
        1 => (free_u.b2, free_u.s2),
        _ => return (hidden_states, skip),
    };
    let channels = hidden_states.size()[1];
    let half = channels / 2;
    let strong = hidden_states.narrow(1, 0, half) * backbone;
    let rest = hidden_states.narrow(1, half, channels - half);
    (Tensor::cat(&[strong, rest], 1), filtered(&skip, skips))
}

/// `x` [B, C, H, W] with the frequencies 0 and −1 of both axes times `scale`: diffusers' `fourier_filter` at its threshold of 1. They
/// are what is about the middle of a shifted spectrum; in one that is not shifted they are the first and the last of each axis.
fn filtered(x: &Tensor, scale: f64) -> Tensor {
    let size = x.size();
    let options = (Kind::Float, x.device());
    let ends = |length: i64| {
        let ends = Tensor::zeros([length], options);
        for at in [0, length - 1] {
            let _ = ends.narrow(0, at, 1).fill_(1.0);
        }
        ends
    };
    let low = ends(size[2]).unsqueeze(1) * ends(size[3]);
    let mask = low * (scale - 1.0) + 1.0;
    let spectrum = x
        .to_kind(Kind::Float)
        .fft_fft2(None::<&[i64]>, [-2i64, -1].as_slice(), "backward");
    let filtered = (spectrum * mask).fft_ifft2(None::<&[i64]>, [-2i64, -1].as_slice(), "backward");
    filtered.real().to_kind(x.kind())
}
