//! What a picture says of its making: Darkroom's exact record, and A1111's text, which counts where there is no record.

use darkroom_formats::record::KEYWORD;
use darkroom_formats::{Infotext, Record, exif, png};
use image::{ImageDecoder as _, ImageReader};

use super::source::Shown;

/// What a picture says.
#[derive(Debug, Default)]
pub(super) struct About {
    /// The exact record.
    pub record: Option<Record>,
    /// A1111's text.
    pub parameters: Option<String>,
}

impl About {
    /// Empty where it says nothing, or nothing that can be read.
    pub fn read(shown: &Shown) -> Self {
        let texts = shown
            .open()
            .and_then(|input| png::texts(input).ok())
            .unwrap_or_default();
        let text = |keyword: &str| {
            texts
                .iter()
                .find(|(key, _)| key == keyword)
                .map(|(_, text)| text.as_str())
        };
        let block = exif_block(shown).unwrap_or_default();
        Self {
            record: text(KEYWORD).or_else(|| exif::record(&block)).and_then(Record::parse),
            parameters: text("parameters")
                .map(str::to_owned)
                .or_else(|| exif::user_comment(&block)),
        }
    }

    /// Prompts and settings, exact where there is a record.
    pub fn infotext(&self) -> Option<Infotext> {
        let exact = self.record.as_ref().and_then(Record::infotext);
        exact.or_else(|| self.parameters.as_deref().map(Infotext::parse))
    }
}

/// EXIF, as JPEG and WebP carry it.
fn exif_block(shown: &Shown) -> Option<Vec<u8>> {
    let reader = ImageReader::new(shown.open()?).with_guessed_format().ok()?;
    reader.into_decoder().ok()?.exif_metadata().ok()?
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;
    use image::codecs::{jpeg::JpegEncoder, webp::WebPEncoder};
    use image::{ExtendedColorType, ImageEncoder as _};
    use std::path::Path;

    fn about(path: &Path) -> About {
        About::read(&source::find(path.to_str().unwrap()).unwrap()[0])
    }

    #[test]
    fn pictures_of_other_kinds_say_it_in_exif() {
        let dir = tempfile::tempdir().unwrap();
        let (jpeg, webp) = (dir.path().join("a.jpg"), dir.path().join("a.webp"));
        // One list of one field that leads to another, whose only field is the comment.
        let block = b"MM\0\x2a\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0\0\x01\x92\x86\0\x07\0\0\0\x0d\0\0\0\x2c\0\0\0\0ASCII\0\0\0a fox";
        let (file, color) = (
            |path: &Path| std::fs::File::create(path).unwrap(),
            ExtendedColorType::Rgb8,
        );
        let mut encoder = JpegEncoder::new(file(&jpeg));
        encoder.set_exif_metadata(block.to_vec()).unwrap();
        encoder.write_image(&[0; 12], 2, 2, color).unwrap();
        let mut encoder = WebPEncoder::new_lossless(file(&webp));
        encoder.set_exif_metadata(block.to_vec()).unwrap();
        encoder.write_image(&[0; 12], 2, 2, color).unwrap();
        for path in [&jpeg, &webp] {
            assert_eq!(about(path).infotext().unwrap().prompt, "a fox");
        }
        let silent = dir.path().join("b.png");
        image::RgbImage::new(2, 2).save(&silent).unwrap();
        assert!(about(&silent).infotext().is_none());
    }
}
