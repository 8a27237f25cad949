//! Tests of `painter.rs`: sizes, pace, what is said and how often, with a decoder of random weights and without one. The numbers
//! of the matrices are tested in `pixels.rs`, those of the decoder in `families/taesd/tests.rs`.

use std::time::Duration;

use darkroom_formats::card::{LATENT_FORMATS, Latents};
use tch::Kind;

use super::*;
use crate::families::fixture::renamed;

const WISH: Wish = Wish {
    max_fps: 1000,
    max_px: 0,
};

fn latents() -> Tensor {
    Tensor::ones([1, 4, 2, 3], (Kind::Float, tch::Device::Cpu))
}

fn paint(painter: &mut Painter, kind: Latents, wish: Wish) -> Painted {
    let latents = latents();
    let cancel = Cancel::new();
    painter.pace = Pace::default();
    painter.paint(
        &Estimate {
            latents: &latents,
            kind,
            image: 3,
            step: 9,
            cancel: &cancel,
        },
        wish,
    )
}

fn sd1() -> Latents {
    LATENT_FORMATS[0].latents
}

fn size(painted: &Painted) -> Option<(u32, u32)> {
    painted.preview.as_ref().map(|p| (p.width, p.height))
}

#[test]
fn a_cell_is_a_pixel_and_never_more() {
    let mut painter = Painter::default();
    let painted = paint(&mut painter, sd1(), Wish { max_px: 900, ..WISH });
    assert_eq!((size(&painted), painted.notices.len()), (Some((3, 2)), 0));
    assert!(painted.preview.is_some_and(|p| (p.image, p.step) == (3, 9)));
    assert_eq!(
        size(&paint(&mut painter, sd1(), Wish { max_px: 2, ..WISH })),
        Some((2, 1))
    );
    assert_eq!(paint(&mut painter, sd1(), Wish::default()), Painted::default());
}

#[test]
fn they_come_no_faster_than_wanted() {
    let mut painter = Painter::default();
    let wish = Wish { max_fps: 1, ..WISH };
    assert!(paint(&mut painter, sd1(), wish).preview.is_some());
    let begun = Instant::now();
    painter.pace.made(begun, Duration::ZERO, 1);
    let kept = painter.pace;
    assert!(!kept.is_due(begun, 1));
    let (latents, cancel) = (latents(), Cancel::new());
    let estimate = Estimate {
        latents: &latents,
        kind: sd1(),
        image: 0,
        step: 1,
        cancel: &cancel,
    };
    assert_eq!(painter.paint(&estimate, wish), Painted::default());
}

#[test]
fn unknown_latents_are_not_shown_and_that_is_said_once() {
    let mut painter = Painter::default();
    let unknown = Latents { scale: 0.25, ..sd1() };
    let first = paint(&mut painter, unknown, WISH);
    assert_eq!(first.preview, None);
    assert!(
        first.notices[0].contains("no previews of this model"),
        "{:?}",
        first.notices
    );
    assert_eq!(paint(&mut painter, unknown, WISH), Painted::default());
}

/// A models folder with a decoder of random weights.
fn models() -> tempfile::TempDir {
    let (folder, _) = renamed("taesd", |weights| Decoder::new(weights, 4), str::to_owned);
    let approx = folder.path().join("vae_approx");
    std::fs::create_dir(&approx).unwrap();
    let model = folder.path().join("model.safetensors");
    std::fs::rename(model, approx.join("taesd_decoder.safetensors")).unwrap();
    folder
}

#[test]
fn the_small_decoder_is_used_where_it_is() {
    let models = models();
    let mut painter = Painter::new(vec!["/nowhere".into(), models.path().to_owned()]);
    let fine = paint(&mut painter, sd1(), WISH);
    assert_eq!((size(&fine), fine.notices.len()), (Some((24, 16)), 0));
    let small = paint(&mut painter, sd1(), Wish { max_px: 12, ..WISH });
    assert_eq!(size(&small), Some((12, 8)));
    assert_eq!(
        size(&paint(&mut painter, LATENT_FORMATS[2].latents, WISH)),
        Some((3, 2))
    );
}

#[test]
fn without_it_they_are_coarse_and_that_is_said_once() {
    let home = tempfile::tempdir().unwrap();
    let mut painter = Painter::new(vec![home.path().to_owned()]);
    let coarse = paint(&mut painter, sd1(), WISH);
    assert_eq!(size(&coarse), Some((3, 2)));
    assert!(
        coarse.notices[0].contains("taesd_decoder.safetensors"),
        "{:?}",
        coarse.notices
    );
    painter.begin();
    assert_eq!(paint(&mut painter, sd1(), WISH).notices.len(), 0);
    std::fs::rename(models().path().join("vae_approx"), home.path().join("vae_approx")).unwrap();
    painter.begin();
    assert_eq!(size(&paint(&mut painter, sd1(), WISH)), Some((24, 16)));
}

#[test]
fn a_damaged_one_is_named_and_not_used() {
    let models = models();
    let file = models.path().join("vae_approx/taesd_decoder.safetensors");
    std::fs::write(&file, b"{}").unwrap();
    let mut painter = Painter::new(vec![models.path().to_owned()]);
    let coarse = paint(&mut painter, sd1(), WISH);
    assert_eq!(size(&coarse), Some((3, 2)));
    assert!(coarse.notices[0].contains("cannot be used"), "{:?}", coarse.notices);
}

#[test]
fn a_cancelled_job_waits_for_no_preview() {
    let models = models();
    let mut painter = Painter::new(vec![models.path().to_owned()]);
    let (latents, cancel) = (latents(), Cancel::new());
    cancel.raise();
    let estimate = Estimate {
        latents: &latents,
        kind: sd1(),
        image: 0,
        step: 1,
        cancel: &cancel,
    };
    assert_eq!(painter.paint(&estimate, WISH), Painted::default());
}
