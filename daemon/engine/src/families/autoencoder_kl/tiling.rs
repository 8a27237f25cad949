//! Decoding in tiles, for pictures whose decoding as a whole takes too much memory. `model.rs` calls it from `to_pixels` where the
//! task says `vae_tiling`, which a person asks for or `pipeline/ladder.rs` sets when memory ran out. The layers are in `model.rs`;
//! encoding is never tiled.

use tch::{Kind, Tensor};

use super::model::AutoencoderKl;
use crate::{Cancel, Result};

/// How much of a tile its neighbour covers too.
const OVERLAP: f64 = 0.25;

/// Sides and steps of the tiles, as diffusers' `AutoencoderKL.enable_tiling` has them.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grid {
    /// Side of a tile in latents.
    tile: i64,
    /// Latents from one tile's beginning to the next one's.
    step: i64,
    /// Pixels over which neighbours are blended.
    blend: i64,
    /// Pixels of a tile that are kept.
    keep: i64,
}

impl Grid {
    fn new(sample_size: i64, tile: i64) -> Self {
        let blend = (sample_size as f64 * OVERLAP) as i64;
        Self {
            tile,
            step: ((tile as f64 * (1.0 - OVERLAP)) as i64).max(1),
            blend,
            keep: (sample_size - blend).max(1),
        }
    }
}

impl AutoencoderKl {
    /// As [`Self::decode`], tile by tile, neighbours blended where they overlap: `_tiled_decode` of diffusers'
    /// `models/autoencoders/autoencoder_kl.py`. Takes the memory of one tile of `sample_size` pixels. Latents that one tile holds
    /// are decoded whole.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`], read within each tile.
    pub fn decode_tiled(&self, z: &Tensor, cancel: &Cancel) -> Result<Tensor> {
        let (height, width) = (z.size()[2], z.size()[3]);
        let config = self.config();
        let grid = Grid::new(config.sample_size, config.tile());
        if height <= grid.tile && width <= grid.tile {
            return self.decode(z, cancel);
        }
        let mut above: Vec<Tensor> = Vec::new();
        let mut rows = Vec::new();
        for top in starts(height, grid.step) {
            let strip = z.narrow(2, top, grid.tile.min(height - top));
            let row = self.row(&strip, width, &above, grid, cancel)?;
            let kept: Vec<Tensor> = row
                .iter()
                .map(|tile| first(&first(tile, 2, grid.keep), 3, grid.keep))
                .collect();
            rows.push(Tensor::cat(&kept, 3));
            above = row;
        }
        Ok(Tensor::cat(&rows, 2))
    }

    /// The tiles of one strip of latents, blended with those `above` and with each other, whole.
    fn row(&self, strip: &Tensor, width: i64, above: &[Tensor], grid: Grid, cancel: &Cancel) -> Result<Vec<Tensor>> {
        let mut row: Vec<Tensor> = Vec::new();
        for (i, left) in starts(width, grid.step).enumerate() {
            let tile = strip.narrow(3, left, grid.tile.min(width - left));
            let mut pixels = self.decode(&tile, cancel)?;
            if let Some(above) = above.get(i) {
                pixels = blended(above, &pixels, 2, grid.blend);
            }
            if let Some(before) = row.last() {
                pixels = blended(before, &pixels, 3, grid.blend);
            }
            row.push(pixels);
        }
        Ok(row)
    }
}

fn starts(side: i64, step: i64) -> impl Iterator<Item = i64> {
    (0..side).step_by(step as usize)
}

/// At most the first `most` along `dim`.
fn first(tensor: &Tensor, dim: i64, most: i64) -> Tensor {
    tensor.narrow(dim, 0, most.min(tensor.size()[dim as usize]))
}

/// `tile`, whose first `extent` along `dim` pass from the last of `before` to its own.
fn blended(before: &Tensor, tile: &Tensor, dim: i64, extent: i64) -> Tensor {
    let side = |tensor: &Tensor| tensor.size()[dim as usize];
    let extent = extent.min(side(before)).min(side(tile));
    if extent == 0 {
        return tile.shallow_clone();
    }
    let ramp = Tensor::arange(extent, (Kind::Float, tile.device())) / extent as f64;
    let mut shape = [1; 4];
    shape[dim as usize] = extent;
    let ramp = ramp.reshape(shape).to_kind(tile.kind());
    let theirs = before.narrow(dim, side(before) - extent, extent) * (1.0 - &ramp);
    let seam = theirs + tile.narrow(dim, 0, extent) * ramp;
    Tensor::cat(&[seam, tile.narrow(dim, extent, side(tile) - extent)], dim)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::Error;
    use crate::families::autoencoder_kl::VaeConfig;
    use crate::families::fixture::{Fixture, assert_close};
    use crate::weights::Weights;

    fn vae() -> AutoencoderKl {
        let config = VaeConfig::from_json(&Fixture::open("sd15").json("vae")).unwrap();
        AutoencoderKl::new(&Weights::random("vae"), &config).unwrap()
    }

    #[test]
    fn tiles_are_those_of_diffusers() {
        let expected = Fixture::open("sd15-tiles");
        for size in ["13x21", "8x9", "19x8"] {
            let z = expected.expected(&format!("z.{size}"));
            let found = vae().decode_tiled(&z, &Cancel::new()).unwrap();
            assert_close(&found, &expected.expected(&format!("decoded.{size}")), 1e-4);
        }
    }

    #[test]
    fn one_tile_is_the_whole() {
        let z = Tensor::ones([1, 4, 8, 5], (Kind::Float, tch::Device::Cpu));
        let (vae, cancel) = (vae(), Cancel::new());
        assert_close(
            &vae.decode_tiled(&z, &cancel).unwrap(),
            &vae.decode(&z, &cancel).unwrap(),
            1e-9,
        );
    }

    #[rstest]
    #[case(512, 64, Grid { tile: 64, step: 48, blend: 128, keep: 384 })]
    #[case(64, 8, Grid { tile: 8, step: 6, blend: 16, keep: 48 })]
    #[case(1, 1, Grid { tile: 1, step: 1, blend: 0, keep: 1 })]
    fn grids(#[case] sample_size: i64, #[case] tile: i64, #[case] grid: Grid) {
        assert_eq!(Grid::new(sample_size, tile), grid);
    }

    #[test]
    fn a_cancel_ends_it() {
        let cancel = Cancel::new();
        cancel.raise();
        let z = Tensor::ones([1, 4, 20, 20], (Kind::Float, tch::Device::Cpu));
        assert!(matches!(vae().decode_tiled(&z, &cancel), Err(Error::Cancelled)));
    }
}
