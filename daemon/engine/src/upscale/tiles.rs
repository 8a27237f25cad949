//! A picture put through a network in tiles: which there are, and how neighbours are blended. `network.rs` calls it; memory is that
//! of one tile beside the two pictures. Tiles overlap; the outer quarter of an overlap, which a tile knows least of, counts nothing
//! of it, and over the middle half one passes into the other. Weights of all tiles over a pixel sum to one.

use std::ops::Range;

use tch::{Kind, Tensor};

use crate::torch::{self, Device};
use crate::{Error, Result};

/// How much neighbours have in common, in pixels of the smaller picture.
pub const OVERLAP: i64 = 32;
/// The smallest tile worth its overlaps.
pub const SMALLEST: u32 = 64;
/// Tiles begin at multiples of this, so that networks which fold pixels fold the same ones in each.
const ALIGN: i64 = 4;

/// The tiles along one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    tiles: Vec<Range<i64>>,
}

impl Grid {
    /// Tiles of at most about `most` pixels along a side of `side`: one where that suffices, else equal ones.
    pub fn new(side: i64, most: i64) -> Self {
        let most = most.max(2 * OVERLAP);
        if side <= most {
            return Self {
                tiles: std::iter::once(0..side).collect(),
            };
        }
        let count = (side - OVERLAP + most - OVERLAP - 1) / (most - OVERLAP);
        let aligned = |n: i64| n / ALIGN * ALIGN;
        let tile = aligned((side + (count - 1) * OVERLAP + count - 1) / count + ALIGN - 1);
        let begin = |at: i64| aligned(at * (side - tile) / (count - 1));
        let one = |at: i64| match at + 1 == count {
            true => begin(at)..side,
            false => begin(at)..begin(at) + tile,
        };
        Self {
            tiles: (0..count).map(one).collect(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tiles.len()
    }

    /// The weights of a tile along this side, one each `1/scale` pixel.
    fn weights(&self, at: usize, scale: i64) -> Vec<f32> {
        let tile = &self.tiles[at];
        let rise = |at: usize| {
            let common = self.tiles[at].start..self.tiles[at - 1].end;
            let quarter = (common.end - common.start) as f64 / 4.0;
            (common.start as f64 + quarter, 2.0 * quarter)
        };
        let ramp = |(begin, length): (f64, f64), x: f64| ((x - begin) / length).clamp(0.0, 1.0);
        (tile.start * scale..tile.end * scale)
            .map(|place| {
                let x = (place as f64 + 0.5) / scale as f64;
                let up = if at == 0 { 1.0 } else { ramp(rise(at), x) };
                let down = match at + 1 == self.tiles.len() {
                    true => 0.0,
                    false => ramp(rise(at + 1), x),
                };
                (up * (1.0 - down)) as f32
            })
            .collect()
    }
}

/// `picture` [1, 3, H, W] through `network`, which makes its sides `scale` times as large, in tiles of at most about `tile` pixels;
/// f32 on the CPU. `on_tile` is told how many are done, of how many.
///
/// # Errors
/// Those of `network`.
pub fn tiled(
    picture: &Tensor,
    (scale, tile): (i64, u32),
    network: &dyn Fn(&Tensor) -> Result<Tensor>,
    on_tile: &mut dyn FnMut(u32, u32),
) -> Result<Tensor> {
    let [1, 3, height, width] = picture.size()[..] else {
        return Err(Error::Defect);
    };
    let (rows, columns) = (Grid::new(height, tile.into()), Grid::new(width, tile.into()));
    let all = (rows.len() * columns.len()) as u32;
    on_tile(0, all);
    if all == 1 {
        let whole = torch::to(&network(picture)?, Device::Cpu, Kind::Float)?;
        on_tile(1, 1);
        return Ok(whole);
    }
    let out = torch::zeros(&[1, 3, height * scale, width * scale], Kind::Float, Device::Cpu)?;
    let mut done = 0;
    for (i, row) in rows.tiles.iter().enumerate() {
        let down = Tensor::from_slice(&rows.weights(i, scale)).reshape([1, 1, -1, 1]);
        for (j, column) in columns.tiles.iter().enumerate() {
            let part = |of: &Tensor, scale: i64| {
                of.narrow(2, row.start * scale, (row.end - row.start) * scale).narrow(
                    3,
                    column.start * scale,
                    (column.end - column.start) * scale,
                )
            };
            let made = torch::to(&network(&part(picture, 1).contiguous())?, Device::Cpu, Kind::Float)?;
            let across = Tensor::from_slice(&columns.weights(j, scale)).reshape([1, 1, 1, -1]);
            let _ = part(&out, scale).g_add_(&(made * &down * across));
            done += 1;
            on_tile(done, all);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_tile_is_the_whole() {
        assert_eq!(Grid::new(200, 256).tiles, std::slice::from_ref(&(0..200)));
        assert_eq!(Grid::new(1, 0).tiles, std::slice::from_ref(&(0..1)));
        assert_eq!(Grid::new(300, 256).tiles, [0..168, 132..300]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn tiles_cover_a_side_and_their_weights_sum_to_one(side in 1i64..1500, most in 0i64..600, scale in 1i64..5) {
            let grid = Grid::new(side, most);
            let mut sums = vec![0f32; (side * scale) as usize];
            for (at, tile) in grid.tiles.iter().enumerate() {
                prop_assert!(tile.end - tile.start <= most.max(2 * OVERLAP) + 2 * ALIGN, "{tile:?}");
                prop_assert!(tile.start % ALIGN == 0);
                if let Some(next) = grid.tiles.get(at + 1) {
                    prop_assert!(tile.end - next.start >= OVERLAP - ALIGN, "{tile:?} {next:?}");
                    prop_assert!(grid.tiles.get(at + 2).is_none_or(|third| third.start >= tile.end - OVERLAP / 2));
                }
                for (place, weight) in (tile.start * scale..).zip(grid.weights(at, scale)) {
                    sums[place as usize] += weight;
                }
            }
            prop_assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5));
        }
    }

    #[test]
    fn blending_what_is_the_same_leaves_it() {
        let picture = torch::Generator::seeded(3).unwrap().randn(&[1, 3, 150, 97]).unwrap();
        let double = |x: &Tensor| {
            let size = x.size();
            Ok(x.upsample_nearest2d([2 * size[2], 2 * size[3]], None, None))
        };
        let mut told = Vec::new();
        let found = tiled(&picture, (2, 64), &double, &mut |done, all| told.push((done, all))).unwrap();
        assert!((found - double(&picture).unwrap()).abs().max().double_value(&[]) < 1e-5);
        assert_eq!((told.first(), told.last()), (Some(&(0, 12)), Some(&(12, 12))));
    }
}
