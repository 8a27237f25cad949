//! DEC sixel: the pixels themselves in 256 colours, so the picture is scaled here.

use std::io::Write;

use icy_sixel::{DiffusionMethod, MethodForLargest, MethodForRep, PixelFormat, Quality, sixel_string};
use image::DynamicImage;
use image::imageops::FilterType;

use super::fit::Cells;
use super::{Error, Result};

/// Writes the picture so that it covers `cells` of `cell` pixels each.
pub(super) fn write(out: &mut impl Write, picture: &DynamicImage, cells: Cells, cell: (u32, u32)) -> Result<()> {
    let (width, height) = (cells.columns * cell.0, cells.rows * cell.1);
    let rgb = picture.resize(width, height, FilterType::CatmullRom).into_rgb8();
    let text = sixel_string(
        rgb.as_raw(),
        rgb.width() as i32,
        rgb.height() as i32,
        PixelFormat::RGB888,
        DiffusionMethod::Auto,
        MethodForLargest::Auto,
        MethodForRep::Auto,
        Quality::HIGH,
    )
    .map_err(|e| Error::Encode(e.to_string()))?;
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sixel_string_of_the_right_size() {
        let mut out = Vec::new();
        let picture = DynamicImage::new_rgb8(8, 8);
        write(&mut out, &picture, Cells { columns: 4, rows: 2 }, (10, 20)).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("\x1bP") && text.trim_end().ends_with("\x1b\\"),
            "{text:?}"
        );
        assert!(text.contains("40;40"), "{text:?}");
    }
}
