//! Latents cut into square patches, which are a diffusion transformer's tokens, and put together again. Models differ in the order of
//! the numbers within a patch. Latents whose sides no patch divides are filled up by their other edge, as in ComfyUI
//! (`comfy/ldm/common_dit.py`), and cut again.

use tch::Tensor;

/// In which order the numbers of a patch lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchOrder {
    /// Row, column, channel.
    ChannelsLast,
    /// Channel, row, column.
    ChannelsFirst,
}

/// Latents [B, C, H, W] as patches [B, rows·columns, side²·C], row by row, and how many rows and columns they make.
pub fn to_patches(latents: &Tensor, side: i64, order: PatchOrder) -> (Tensor, [i64; 2]) {
    let size = latents.size();
    let missing = |length: i64| (side - length % side) % side;
    let (below, right) = (missing(size[2]), missing(size[3]));
    let whole = match (below, right) {
        (0, 0) => latents.shallow_clone(),
        _ => latents.pad([0, right, 0, below], "circular", None),
    };
    let (rows, columns) = ((size[2] + below) / side, (size[3] + right) / side);
    let cut = whole.reshape([size[0], size[1], rows, side, columns, side]);
    let turned = match order {
        PatchOrder::ChannelsLast => cut.permute([0, 2, 4, 3, 5, 1]),
        PatchOrder::ChannelsFirst => cut.permute([0, 2, 4, 1, 3, 5]),
    };
    let patches = turned.reshape([size[0], rows * columns, side * side * size[1]]);
    (patches, [rows, columns])
}

/// The inverse of [`to_patches`]: latents [B, C, H, W] of that height and width.
pub fn from_patches(patches: &Tensor, [height, width]: [i64; 2], side: i64, order: PatchOrder) -> Tensor {
    let size = patches.size();
    let (rows, columns) = ((height + side - 1) / side, (width + side - 1) / side);
    let channels = size[2] / (side * side);
    let apart = match order {
        PatchOrder::ChannelsLast => patches
            .reshape([size[0], rows, columns, side, side, channels])
            .permute([0, 5, 1, 3, 2, 4]),
        PatchOrder::ChannelsFirst => patches
            .reshape([size[0], rows, columns, channels, side, side])
            .permute([0, 3, 1, 4, 2, 5]),
    };
    apart
        .reshape([size[0], channels, rows * side, columns * side])
        .narrow(2, 0, height)
        .narrow(3, 0, width)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tch::Kind;

    use super::*;

    #[rstest]
    #[case(PatchOrder::ChannelsLast, [0.0, 24.0, 1.0, 25.0, 6.0, 30.0, 7.0, 31.0])]
    #[case(PatchOrder::ChannelsFirst, [0.0, 1.0, 6.0, 7.0, 24.0, 25.0, 30.0, 31.0])]
    fn patches_lie_as_told_and_come_back(#[case] order: PatchOrder, #[case] first: [f32; 8]) {
        let latents = Tensor::arange(2 * 4 * 6, (Kind::Float, tch::Device::Cpu)).reshape([1, 2, 4, 6]);
        let (patches, grid) = to_patches(&latents, 2, order);
        assert_eq!((patches.size(), grid), (vec![1, 6, 8], [2, 3]));
        assert_eq!(Vec::<f32>::try_from(patches.get(0).get(0)).unwrap(), first);
        assert!(from_patches(&patches, [4, 6], 2, order).equal(&latents));
        let odd = latents.narrow(2, 0, 3).narrow(3, 0, 5);
        let (patches, grid) = to_patches(&odd, 2, order);
        assert_eq!(grid, [2, 3]);
        assert!(from_patches(&patches, [3, 5], 2, order).equal(&odd));
        // Beyond the last row comes the first.
        let whole = from_patches(&patches, [4, 6], 2, order);
        assert_eq!(whole.double_value(&[0, 0, 3, 0]), 0.0);
        assert_eq!(whole.double_value(&[0, 0, 0, 5]), 0.0);
    }
}
