//! The networks against spandrel's on random weights, in every spelling, whole and in tiles; the real one against torch's numbers.

use rstest::rstest;
use tch::{Kind, Tensor};

use super::detect::{Architecture, Found, Shapes, detect};
use super::network::Network;
use crate::families::fixture::{Fixture, asked, assert_close, renamed};
use crate::torch::{Device, Generator};
use crate::weights::Weights;
use crate::{Cancel, Error};

/// Names and shapes of the files that `tests/oracle/upscale.py` describes, a line each: `file key dim,dim`.
fn shapes(file: &str) -> Shapes {
    let all = include_str!("../../tests/fixtures/upscale/keys.txt");
    let line = |line: &str| {
        let mut words = line.split(' ');
        (words.next()? == file).then_some(())?;
        let key = words.next()?.to_owned();
        Some((key, words.next()?.split(',').map(|dim| dim.parse().unwrap()).collect()))
    };
    all.lines().filter_map(line).collect()
}

/// Random weights by the names of the layers, whatever a file calls them.
fn network(file: &str) -> (Network, Found) {
    let found = detect(&shapes(file)).unwrap();
    let network = Network::new(&Weights::random("upscaler"), &found, Device::Cpu).unwrap();
    (network, found)
}

fn enlarged(network: &Network, picture: &Tensor, tile: u32) -> Tensor {
    network.enlarge(picture, tile, &Cancel::new(), &mut |_, _| {}).unwrap()
}

const FILES: [&str; 8] = ["old4", "plus4", "bsr2", "new4", "new2", "new1", "compact4", "compact2"];

#[rstest]
fn each_network_is_spandrels(#[values(0, 1, 2, 3, 4, 5, 6, 7)] file: usize) {
    let fixture = Fixture::open("upscale");
    let (network, _) = network(FILES[file]);
    let found = network.forward(&fixture.expected("small"), &Cancel::new()).unwrap();
    assert_close(&found, &fixture.expected(FILES[file]), 1e-4);
}

#[rstest]
#[case("old4", 4)]
#[case("plus4", 4)]
#[case("bsr2", 2)]
#[case("new4", 4)]
#[case("new2", 2)]
#[case("new1", 1)]
#[case("compact4", 4)]
#[case("compact2", 2)]
fn every_tensor_of_a_file_is_used(#[case] file: &str, #[case] scale: u32) {
    let (network, found) = network(file);
    assert_eq!(network.scale(), scale);
    let mut named: Vec<String> = shapes(file)
        .iter()
        .map(|(key, shape)| {
            let shape: Vec<String> = shape.iter().map(i64::to_string).collect();
            format!("{} {}\n", found.spell(key).unwrap(), shape.join(","))
        })
        .collect();
    named.sort();
    assert_eq!(
        asked("upscaler", |weights| Network::new(weights, &found, Device::Cpu)),
        named.concat()
    );
}

/// Tiles see as much of their neighbours as these networks look at, but for the picture's own edges.
#[rstest]
#[case("compact4", 64)]
#[case("new2", 72)]
fn tiles_are_the_whole(#[case] file: &str, #[case] tile: u32) {
    let (network, _) = network(file);
    let picture = Generator::seeded(5).unwrap().randn(&[1, 3, 90, 141]).unwrap() * 0.2 + 0.5;
    let picture = picture.clamp(0.0, 1.0);
    let (whole, tiles) = (enlarged(&network, &picture, 4096), enlarged(&network, &picture, tile));
    assert_close(&tiles, &whole, 1.0 / 255.0);
}

#[test]
fn a_wrapped_file_is_the_same() {
    let plain = detect(&shapes("new4")).unwrap();
    for wrapping in ["params_ema.", "module.", "params."] {
        let wrapped: Shapes = shapes("new4")
            .into_iter()
            .map(|(key, shape)| (format!("{wrapping}{key}"), shape))
            .collect();
        let found = detect(&wrapped).unwrap();
        assert_eq!(found.architecture, plain.architecture);
        assert_eq!(
            found.spell(&format!("{wrapping}conv_first.bias")).unwrap(),
            "conv_first.bias"
        );
    }
}

#[rstest]
#[case("nothing", |shapes: &mut Shapes| shapes.clear(), "no ESRGAN")]
#[case("grey", |shapes: &mut Shapes| { shapes.insert("conv_first.weight".into(), vec![8, 1, 3, 3]); }, "3 channels of 1")]
#[case("flat", |shapes: &mut Shapes| { shapes.insert("conv_first.weight".into(), vec![8]); }, "no convolution conv_first.weight")]
#[case("large", |shapes: &mut Shapes| { shapes.insert("conv_first.weight".into(), vec![1 << 40, 3, 3, 3]); }, "none that is built")]
#[case("deep", |shapes: &mut Shapes| { shapes.insert("body.60000.rdb1.conv1.weight".into(), vec![8]); }, "60001 blocks")]
fn what_is_none_is_told(#[case] _name: &str, #[case] change: fn(&mut Shapes), #[case] told: &str) {
    let mut shapes = shapes("new4");
    change(&mut shapes);
    let found = detect(&shapes).unwrap_err();
    assert!(found.contains(told), "{found}");
}

#[test]
fn a_place_beyond_all_numbers_is_no_panic() {
    let mut odd = shapes("old4");
    for key in [
        "model.65535.weight",
        "model.99999999999999999999.weight",
        "model.1.sub.x.weight",
        "model",
        ".",
    ] {
        odd.insert(key.to_owned(), vec![1]);
    }
    let _ = detect(&odd);
    let mut odd = shapes("compact4");
    odd.insert("body.7.weight".to_owned(), vec![]);
    let _ = detect(&odd);
}

#[test]
fn a_file_is_read_under_its_own_names() {
    let (_, found) = network("old4");
    let old = shapes("old4");
    let build = |weights: &Weights| Network::new(weights, &found, Device::Cpu);
    let rename = |name: &str| {
        old.keys()
            .find(|key| found.spell(key).as_deref() == Some(name))
            .unwrap()
            .clone()
    };
    let (folder, _) = renamed("upscaler", build, rename);
    let path = folder.path().join("model.safetensors");
    let network = Network::open(path.to_str().unwrap(), Device::Cpu, &Cancel::new()).unwrap();
    let fixture = Fixture::open("upscale");
    let found = network.forward(&fixture.expected("small"), &Cancel::new()).unwrap();
    assert_close(&found, &fixture.expected("old4"), 1e-4);
    assert!(matches!(&detect(&old).unwrap().architecture, Architecture::Rrdb(shape) if shape.scale() == 4));
}

#[test]
fn a_name_that_is_none_is_told() {
    let told = |name: &str| {
        Network::open(name, Device::Cpu, &Cancel::new())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        told("esrgan\x1b"),
        "There is no upscaler esrgan\\u{1b}: name a filter, realesr-animevideov3, or a file."
    );
    assert!(
        told("/nowhere/x.safetensors").contains("/nowhere"),
        "{}",
        told("/nowhere/x.safetensors")
    );
}

#[test]
fn a_cancel_ends_it() {
    let (network, _) = network("new4");
    let cancel = Cancel::new();
    cancel.raise();
    let picture = Tensor::zeros([1, 3, 8, 8], (Kind::Float, tch::Device::Cpu));
    let ended = network.enlarge(&picture, 64, &cancel, &mut |_, _| {});
    assert!(matches!(ended, Err(Error::Cancelled)));
}

#[cfg(feature = "embedded-model")]
#[test]
fn the_one_inside_the_program_is_the_published_one() {
    let fixture = Fixture::open("upscale");
    let network = Network::open(darkroom_protocol::upscaler::EMBEDDED, Device::Cpu, &Cancel::new()).unwrap();
    assert_eq!(network.scale(), 4);
    let found = network.forward(&fixture.expected("small"), &Cancel::new()).unwrap();
    assert_close(&found, &fixture.expected("animevideov3"), 1e-4);
}
