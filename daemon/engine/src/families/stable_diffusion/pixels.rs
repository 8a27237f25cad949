use tch::Tensor;

/// [B, C, H, W] → [B, H·W, C]: a view where the channels are innermost.
pub fn to_sequence(x: &Tensor) -> Tensor {
    x.flatten(2, 3).transpose(1, 2)
}

/// [B, H·W, C] → [B, C, H, W], a view with the channels innermost; `size` is [H, W].
pub fn to_pixels(x: &Tensor, size: &[i64]) -> Tensor {
    x.transpose(1, 2).unflatten(2, size)
}
