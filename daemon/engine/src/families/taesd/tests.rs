use rstest::rstest;

use super::Decoder;
use crate::families::fixture::{Fixture, asked, assert_close};
use crate::weights::Weights;
use crate::{Cancel, Error};

#[rstest]
#[case("4x4")]
#[case("5x3")]
fn the_decoder_equals_diffusers(#[case] size: &str) {
    let fixture = Fixture::open("taesd");
    let decoder = Decoder::new(&Weights::random("taesd"), 4).unwrap();
    let picture = decoder
        .forward(&fixture.expected(&format!("latents.{size}")), &Cancel::new())
        .unwrap();
    assert_close(&picture, &fixture.expected(&format!("picture.{size}")), 1e-4);
}

#[test]
fn its_names_are_those_of_the_published_files() {
    let keys = include_str!("../../../tests/fixtures/taesd/keys.txt");
    assert_eq!(asked("taesd", |weights| Decoder::new(weights, 4)), keys);
}

#[test]
fn it_ends_when_told() {
    let decoder = Decoder::new(&Weights::random("taesd"), 4).unwrap();
    let cancel = Cancel::new();
    cancel.raise();
    let latents = Fixture::open("taesd").expected("latents.4x4");
    assert!(matches!(decoder.forward(&latents, &cancel), Err(Error::Cancelled)));
}
