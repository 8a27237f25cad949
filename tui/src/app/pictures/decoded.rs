//! Pictures that were decoded last, so that one that is looked at closely is not fetched and decoded for each part of it. Only `effects.rs`
//! asks here; pictures that are ready to be drawn are `pictures.rs`'s.

use std::collections::VecDeque;
use std::sync::Arc;

use image::DynamicImage;

/// Bytes of pixels that are kept.
const MOST: usize = 64 << 20;
/// The picture that is looked at now is kept alone up to this size, however large it is.
const MOST_ALONE: usize = 256 << 20;

/// The pictures, the newest last.
#[derive(Debug, Default)]
pub struct Decoded {
    kept: VecDeque<(String, Arc<DynamicImage>)>,
}

impl Decoded {
    /// The picture of that name, where it is kept.
    pub fn get(&mut self, sha256: &str) -> Option<Arc<DynamicImage>> {
        let at = self.kept.iter().position(|(name, _)| name == sha256)?;
        let found = self.kept.remove(at)?;
        let picture = found.1.clone();
        self.kept.push_back(found);
        Some(picture)
    }

    /// Keeps a picture; those that were asked for longest ago go.
    pub fn put(&mut self, sha256: String, picture: Arc<DynamicImage>) {
        self.kept.retain(|(name, _)| *name != sha256);
        if bytes(&picture) > MOST_ALONE {
            return;
        }
        self.kept.push_back((sha256, picture));
        let all =
            |kept: &VecDeque<(String, Arc<DynamicImage>)>| kept.iter().map(|(_, kept)| bytes(kept)).sum::<usize>();
        while self.kept.len() > 1 && all(&self.kept) > MOST {
            self.kept.pop_front();
        }
    }
}

fn bytes(picture: &DynamicImage) -> usize {
    picture.as_bytes().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_kept_and_the_one_that_is_looked_at_always() {
        let mut decoded = Decoded::default();
        let picture = |side: u32| Arc::new(DynamicImage::new_luma8(side, side));
        (0..5).for_each(|n| decoded.put(n.to_string(), picture(4096)));
        assert!(
            decoded.get("0").is_none() && decoded.get("1").is_some(),
            "four of 16 MB"
        );
        decoded.put("5".to_owned(), picture(4096));
        assert!(
            decoded.get("2").is_none() && decoded.get("1").is_some(),
            "1 was asked for later"
        );
        decoded.put("large".to_owned(), picture(12_000));
        assert!(decoded.get("1").is_none() && decoded.get("large").is_some());
        decoded.put("larger".to_owned(), picture(16_384 + 1));
        assert!(decoded.get("larger").is_none() && decoded.get("large").is_some());
    }
}
