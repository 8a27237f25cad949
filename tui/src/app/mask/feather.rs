//! Soft edges: a mask blurred by a Gaussian, row by row for its file, and how much of each dot on the screen is masked for the eye. At
//! the edges of the picture the mask goes on as it ends there.

use std::collections::VecDeque;

use super::Sheet;
use crate::app::pictures::zoom::Part;

/// The weights of a Gaussian from its middle to three sigma, to both sides; their sum is 1.
fn kernel(sigma: f64) -> Vec<f32> {
    let reach = (3.0 * sigma).ceil() as i64;
    let weight = |at: i64| (-((at * at) as f64) / (2.0 * sigma * sigma)).exp();
    let sum: f64 = (-reach..=reach).map(weight).sum();
    (-reach..=reach).map(|at| (weight(at) / sum) as f32).collect()
}

/// Hands over each row of the mask with its frame, as bytes: 255 is to be changed, 0 is to stay, the rest is between. The frame is 255
/// throughout.
///
/// # Errors
/// Those of `each`.
pub fn rows<E>(sheet: &Sheet, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let height = i64::from(sheet.size().1);
    if sheet.feather == 0 {
        return (0..height).try_for_each(|y| each(&hard(sheet, y)));
    }
    let kernel = kernel(f64::from(sheet.feather));
    let reach = (kernel.len() / 2) as i64;
    let tails = tails(&kernel);
    let soft = |y: i64| Row::of(&hard(sheet, y.clamp(0, height - 1)), &tails);
    let mut window: VecDeque<Row> = (-reach..reach).map(&soft).collect();
    for y in 0..height {
        window.push_back(soft(y + reach));
        let mut row = across(&window, &kernel);
        frame_over(sheet, y, &mut row);
        each(&row)?;
        window.pop_front();
    }
    Ok(())
}

/// A row of the mask with its frame, its edges hard.
fn hard(sheet: &Sheet, y: i64) -> Vec<u8> {
    let frame = sheet.frame;
    let (width, height) = sheet.bitmap.size();
    let y = y - i64::from(frame.top);
    if y < 0 || y >= i64::from(height) {
        return vec![255; (frame.left + width + frame.right) as usize];
    }
    let mut row = vec![255; frame.left as usize];
    row.extend(sheet.bitmap.row(y as u32));
    row.resize(row.len() + frame.right as usize, 255);
    row
}

fn frame_over(sheet: &Sheet, y: i64, row: &mut [u8]) {
    let frame = sheet.frame;
    let inside = i64::from(frame.top)..i64::from(frame.top + sheet.bitmap.size().1);
    if !inside.contains(&y) {
        row.fill(255);
        return;
    }
    let right = row.len().saturating_sub(frame.right as usize);
    row.iter_mut().take(frame.left as usize).for_each(|byte| *byte = 255);
    row.iter_mut().skip(right).for_each(|byte| *byte = 255);
}

/// For each distance from an edge how much of the kernel lies beyond it.
fn tails(kernel: &[f32]) -> Vec<f32> {
    let mut sum = 0.0;
    let mut tails: Vec<f32> = kernel
        .iter()
        .rev()
        .map(|weight| {
            sum += weight;
            sum
        })
        .collect();
    tails.reverse();
    tails
}

/// A row blurred along itself.
struct Row {
    values: Vec<f32>,
    /// What all of them are.
    flat: Option<f32>,
}

impl Row {
    /// Of a row with hard edges: only what is near an edge is between.
    fn of(row: &[u8], tails: &[f32]) -> Self {
        let mut values: Vec<f32> = row.iter().map(|byte| f32::from(*byte)).collect();
        let reach = (tails.len() / 2) as i64;
        let mut is_flat = true;
        for (before, pair) in row.windows(2).enumerate() {
            let step = f32::from(pair[1]) - f32::from(pair[0]);
            if step == 0.0 {
                continue;
            }
            is_flat = false;
            // The edge lies before `edge`; a pixel `away` from it sees so much of what is beyond.
            let edge = before as i64 + 1;
            for (nth, tail) in tails.iter().enumerate() {
                let away = nth as i64 - reach;
                let x = edge - away;
                let is_beyond = if away <= 0 { 1.0 } else { 0.0 };
                if let Some(value) = usize::try_from(x).ok().and_then(|x| values.get_mut(x)) {
                    *value += step * (tail - is_beyond);
                }
            }
        }
        let flat = values.first().copied().filter(|_| is_flat);
        Self { values, flat }
    }
}

/// The middle row of a window, blurred across the rows.
fn across(window: &VecDeque<Row>, kernel: &[f32]) -> Vec<u8> {
    let width = window.front().map_or(0, |row| row.values.len());
    let flat = window.front().and_then(|row| row.flat);
    if let Some(value) = flat.filter(|_| window.iter().all(|row| row.flat == flat)) {
        return vec![value as u8; width];
    }
    let mut sums = vec![0.0f32; width];
    for (row, weight) in window.iter().zip(kernel) {
        for (sum, value) in sums.iter_mut().zip(&row.values) {
            *sum += weight * value;
        }
    }
    sums.into_iter().map(|sum| sum.round() as u8).collect()
}

/// How much of each dot is masked, 0 to 255, row by row: of a part of the picture with its frame that is seen in so many dots across and
/// down.
pub fn coverage(sheet: &Sheet, part: Part, (across, down): (u32, u32)) -> Vec<u8> {
    let soft = |dots: u32, length: u32| f64::from(sheet.feather) * f64::from(dots) / f64::from(length.max(1));
    let soft = (soft(across, part.width), soft(down, part.height));
    let kernels = [soft.0, soft.1].map(|sigma| if sigma < 0.2 { vec![1.0] } else { kernel(sigma) });
    let [wide, high] = kernels.each_ref().map(|kernel| (kernel.len() / 2) as i64);
    let size = sheet.size();
    let edges = |nth: i64, from: u32, length: u32, dots: u32, most: u32| {
        let at = |nth: i64| i64::from(from) + (nth * i64::from(length)).div_euclid(i64::from(dots.max(1)));
        // Beyond the picture it goes on as it ends.
        let first = at(nth).clamp(0, i64::from(most) - 1);
        (first, at(nth + 1).clamp(first + 1, i64::from(most).max(first + 1)))
    };
    let columns: Vec<(i64, i64)> = (-wide..i64::from(across) + wide)
        .map(|nth| edges(nth, part.x, part.width, across, size.0))
        .collect();
    let share = |(left, right): (i64, i64), (top, bottom): (i64, i64)| {
        let all = ((right - left) * (bottom - top)) as f32;
        painted(sheet, (left, top), (right, bottom)) as f32 * 255.0 / all
    };
    let row = |nth: i64| {
        let rows = edges(nth, part.y, part.height, down, size.1);
        let values: Vec<f32> = columns.iter().map(|column| share(*column, rows)).collect();
        let windows = values.windows(kernels[0].len());
        let values = windows.map(|window| {
            window
                .iter()
                .zip(&kernels[0])
                .map(|(value, weight)| value * weight)
                .sum()
        });
        Row {
            values: values.collect(),
            flat: None,
        }
    };
    let mut window: VecDeque<Row> = (-high..high).map(row).collect();
    let mut all = Vec::with_capacity(across as usize * down as usize);
    for nth in 0..i64::from(down) {
        window.push_back(row(nth + high));
        let mut dots = self::across(&window, &kernels[1]);
        let dot = |column: usize| columns.get(column + wide as usize).copied().unwrap_or_default();
        let rows = edges(nth, part.y, part.height, down, size.1);
        for (column, dot_covered) in dots.iter_mut().enumerate() {
            if is_frame(sheet, dot(column), rows) {
                *dot_covered = 255;
            }
        }
        all.extend(dots);
        window.pop_front();
    }
    all
}

/// Whether the middle of a dot lies in the frame.
fn is_frame(sheet: &Sheet, (left, right): (i64, i64), (top, bottom): (i64, i64)) -> bool {
    let is_beside = |from: i64, to: i64, side: u32, length: u32| {
        let middle = (from + to - 1) / 2 - i64::from(side);
        middle < 0 || middle >= i64::from(length)
    };
    let (width, height) = sheet.bitmap.size();
    is_beside(left, right, sheet.frame.left, width) || is_beside(top, bottom, sheet.frame.top, height)
}

/// How many pixels of a rectangle of the picture with its frame are masked.
fn painted(sheet: &Sheet, from: (i64, i64), to: (i64, i64)) -> u64 {
    let (left, top) = (i64::from(sheet.frame.left), i64::from(sheet.frame.top));
    let (width, height) = sheet.bitmap.size();
    let (from, to) = ((from.0 - left, from.1 - top), (to.0 - left, to.1 - top));
    let painted = sheet.bitmap.count_in(from, to);
    let along = |from: i64, to: i64, most: u32| (to.clamp(0, most.into()) - from.clamp(0, most.into())) as u64;
    let inside = along(from.0, to.0, width) * along(from.1, to.1, height);
    let all = ((to.0 - from.0) * (to.1 - from.1)) as u64;
    painted + all - inside
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::pictures::cut::Frame;

    fn sheet(feather: u32) -> Sheet {
        let mut sheet = Sheet::new((40, 30));
        sheet.bitmap.rectangle((8, 6), (20, 15), true);
        sheet.bitmap.span(25, 39, 39, true);
        Sheet { feather, ..sheet }
    }

    fn all(sheet: &Sheet) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        rows(sheet, |row| {
            all.push(row.to_vec());
            Ok::<(), ()>(())
        })
        .unwrap();
        all
    }

    #[test]
    fn soft_edges_are_a_gaussian_of_the_hard_ones() {
        for frame in [
            Frame::default(),
            Frame {
                left: 8,
                top: 0,
                right: 0,
                bottom: 8,
            },
        ] {
            let soft = Sheet { frame, ..sheet(3) };
            let hard = all(&Sheet {
                feather: 0,
                ..soft.clone()
            });
            let (width, height) = soft.size();
            assert_eq!((hard.len(), hard[0].len()), (height as usize, width as usize));
            let got = all(&soft);
            for y in 0..height as i64 {
                for x in 0..width as i64 {
                    let mut sum = (0.0, 0.0);
                    for dy in -9..=9i64 {
                        for dx in -9..=9i64 {
                            let weight = (-((dx * dx + dy * dy) as f64) / 18.0).exp();
                            let row = &hard[(y + dy).clamp(0, i64::from(height) - 1) as usize];
                            let value = f64::from(row[(x + dx).clamp(0, i64::from(width) - 1) as usize]);
                            sum = (sum.0 + weight * value, sum.1 + weight);
                        }
                    }
                    let got = got[y as usize][x as usize];
                    let is_frame = x < i64::from(frame.left) || y >= i64::from(height - frame.bottom);
                    let expected = if is_frame { 255.0 } else { sum.0 / sum.1 };
                    assert!((f64::from(got) - expected).abs() <= 0.51, "{x},{y}: {got} {expected}");
                }
            }
        }
    }

    #[test]
    fn dots_say_how_much_of_them_is_masked() {
        let part = Part {
            x: 4,
            y: 4,
            width: 16,
            height: 12,
        };
        // Dots of 4 × 3 pixels.
        let dots = coverage(&sheet(0), part, (4, 4));
        assert_eq!(
            dots,
            [0, 85, 85, 85, 0, 255, 255, 255, 0, 255, 255, 255, 0, 255, 255, 255]
        );
        // Dots smaller than pixels.
        let part = Part {
            width: 2,
            height: 1,
            y: 6,
            x: 7,
        };
        assert_eq!(coverage(&sheet(0), part, (4, 2)), [0, 0, 255, 255, 0, 0, 255, 255]);
    }

    #[test]
    fn the_eye_sees_what_the_file_says() {
        let frame = Frame {
            top: 8,
            right: 16,
            ..Frame::default()
        };
        for sheet in [sheet(2), Sheet { frame, ..sheet(2) }] {
            let part = Part::all(sheet.size());
            let dots = coverage(&sheet, part, sheet.size());
            for (seen, said) in dots.iter().zip(all(&sheet).concat()) {
                assert!(seen.abs_diff(said) <= 1);
            }
        }
        let framed = Sheet {
            frame: Frame {
                left: 8,
                ..Frame::default()
            },
            ..super::Sheet::new((8, 8))
        };
        assert_eq!(coverage(&framed, Part::all((16, 8)), (2, 1)), [255, 0]);
    }
}
