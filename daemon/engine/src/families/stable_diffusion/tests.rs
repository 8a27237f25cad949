//! UNet and VAE of random weights, whole and in blocks, beside what the scripts `tests/oracle/sd15*.py` had diffusers compute;
//! the names of all tensors, what is refused, and cancels. Tiled decoding is tested in `vae_tiling.rs`, the text encoder in
//! `text/clip/tests.rs`, real weights in `emoji_tests.rs`.

use rstest::rstest;
use tch::{Kind, Tensor};

use super::blocks::{Prompt, Sight, Transformer2DModel};
use super::*;
use crate::families::autoencoder_kl::UNetMidBlock2D;
use crate::families::fixture::{Fixture, asked, assert_close, renamed};
use crate::families::resnet::ResnetBlock2D;
use crate::model::{Cond, Extras, Residuals};
use crate::text::clip::{ClipTextConfig, ClipTextModel};
use crate::weights::Weights;
use crate::{Cancel, Error};

fn unet(fixture: &Fixture) -> UNet2DConditionModel {
    UNet2DConditionModel::new(
        &Weights::random("unet"),
        &UNetConfig::from_json(&fixture.json("unet")).unwrap(),
    )
    .unwrap()
}

fn vae(fixture: &Fixture) -> AutoencoderKl {
    AutoencoderKl::new(
        &Weights::random("vae"),
        &VaeConfig::from_json(&fixture.json("vae")).unwrap(),
    )
    .unwrap()
}

#[rstest]
fn unet_equals_diffusers(
    #[values("sd15", "sd15-mixed")] folder: &str,
    #[values(("8x8", 500.0), ("13x9", 981.5))] (size, timestep): (&str, f64),
) {
    let fixture = Fixture::open(folder);
    let latents = fixture.expected(&format!("latents.{size}"));
    let model = unet(&fixture);
    let output = model
        .forward(
            &latents,
            timestep,
            &Cond::of(fixture.expected("prompt")),
            &Extras::default(),
            &Cancel::new(),
        )
        .unwrap();
    assert_close(&output, &fixture.expected(&format!("unet.{size}")), 1e-4);

    let one = |t: &Tensor| t.narrow(0, 1, 1);
    let alone = model
        .forward(
            &one(&latents),
            timestep,
            &Cond::of(one(&fixture.expected("prompt"))),
            &Extras::default(),
            &Cancel::new(),
        )
        .unwrap();
    assert_close(&alone, &one(&output), 1e-5);
}

/// Where edges meet there is no place that is special: noise that is moved around gives the picture moved around.
#[rstest]
#[case((true, true), &[8, 24], &[2, 3])]
#[case((true, false), &[8], &[3])]
#[case((false, true), &[16], &[2])]
fn moved_noise_gives_a_moved_picture(#[case] axes: (bool, bool), #[case] by: &[i64], #[case] along: &[i64]) {
    let fixture = Fixture::open("sd15");
    let (unet, vae) = (unet(&fixture), vae(&fixture));
    let prompt = fixture.expected("prompt").narrow(0, 0, 1);
    let run = |latents: &Tensor| {
        let said = unet.forward(
            latents,
            500.0,
            &Cond::of(prompt.shallow_clone()),
            &Extras::default(),
            &Cancel::new(),
        );
        (said.unwrap(), vae.decode(latents, &Cancel::new()).unwrap())
    };
    let latents = crate::torch::Generator::seeded(3)
        .unwrap()
        .randn(&[1, 4, 32, 32])
        .unwrap();
    let moved = latents.roll(by, along);
    let pixels: Vec<i64> = by.iter().map(|by| by * 8).collect();
    let (plain, edged) = (run(&latents), run(&moved));
    let apart = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]);
    assert!(apart(&plain.0.roll(by, along), &edged.0) > 1e-2, "edges are special");
    let _seamless = crate::nn::Seamless::along(axes);
    let ((said, shown), (moved_said, moved_shown)) = (run(&latents), run(&moved));
    let found = apart(&said.roll(by, along), &moved_said);
    assert!(found < 1e-4, "UNet: {found}");
    let found = apart(&shown.roll(pixels, along), &moved_shown);
    assert!(found < 1e-4, "VAE: {found}");
}

#[rstest]
fn configs_as_others_write_them_build_what_diffusers_builds(#[values("sd15-nulls", "sd15-short")] folder: &str) {
    let fixture = Fixture::open(folder);
    let (latents, prompt) = (fixture.expected("latents"), Cond::of(fixture.expected("prompt")));
    let output = unet(&fixture)
        .forward(&latents, 981.5, &prompt, &Extras::default(), &Cancel::new())
        .unwrap();
    assert_close(&output, &fixture.expected("unet"), 1e-4);
    let model = vae(&fixture);
    let decoded = model.decode(&fixture.expected("z"), &Cancel::new()).unwrap();
    assert_close(&decoded, &fixture.expected("decoded"), 1e-4);
    let (mean, _) = model.encode(&fixture.expected("picture"), &Cancel::new()).unwrap();
    assert_close(&mean, &fixture.expected("mean"), 1e-4);
}

#[rstest]
fn unet_blocks_equal_diffusers(#[values("sd15", "sd15-mixed")] folder: &str) {
    let fixture = Fixture::open(folder);
    let config = UNetConfig::from_json(&fixture.json("unet")).unwrap();
    let level = config.levels.last().unwrap();
    let middle = Weights::random("unet").pp("mid_block");
    let input = fixture.expected("block");

    let resnet = ResnetBlock2D::new(&middle.pp("resnets.0"), level.resnet, level.channels, level.channels).unwrap();
    let output = resnet.forward(&input, Some(&fixture.expected("temb")));
    assert_close(&output, &fixture.expected("resnet"), 1e-5);

    let attention = Transformer2DModel::new(&middle.pp("attentions.0"), &level.transformer).unwrap();
    let tokens = fixture.expected("prompt");
    let prompt = Prompt {
        tokens: &tokens,
        bias: None,
    };
    let output = attention.forward(&input, prompt, Sight::All, &Cancel::new()).unwrap();
    assert_close(&output, &fixture.expected("attention"), 1e-5);
}

#[rstest]
fn vae_middle_equals_diffusers(#[values("sd15", "sd15-mixed")] folder: &str) {
    let fixture = Fixture::open(folder);
    let config = VaeConfig::from_json(&fixture.json("vae")).unwrap();
    let middle = UNetMidBlock2D::new(&Weights::random("vae").pp("decoder.mid_block"), &config).unwrap();
    let output = middle.forward(&fixture.expected("vae_block"), &Cancel::new()).unwrap();
    assert_close(&output, &fixture.expected("vae_middle"), 1e-5);
}

#[rstest]
fn vae_equals_diffusers(#[values("sd15", "sd15-mixed")] folder: &str) {
    let fixture = Fixture::open(folder);
    let model = vae(&fixture);
    let decoded = model.decode(&fixture.expected("z"), &Cancel::new()).unwrap();
    assert_close(&decoded, &fixture.expected("decoded"), 1e-4);
    let (mean, logvar) = model.encode(&fixture.expected("picture"), &Cancel::new()).unwrap();
    assert_close(&mean, &fixture.expected("mean"), 1e-4);
    assert_close(&logvar, &fixture.expected("logvar"), 1e-4);
}

#[test]
fn vae_attention_may_have_its_names_of_2022() {
    let fixture = Fixture::open("sd15");
    let config = VaeConfig::from_json(&fixture.json("vae")).unwrap();
    let build = |weights: &Weights| AutoencoderKl::new(weights, &config);
    let old = [
        (".to_q.", ".query."),
        (".to_k.", ".key."),
        (".to_v.", ".value."),
        (".to_out.0.", ".proj_attn."),
    ];
    let rename = |key: &str| old.iter().fold(key.to_owned(), |key, (new, old)| key.replace(new, old));
    let (_folder, weights) = renamed("vae", build, rename);
    let decoded = build(&weights)
        .unwrap()
        .decode(&fixture.expected("z"), &Cancel::new())
        .unwrap();
    assert_close(&decoded, &fixture.expected("decoded"), 1e-4);
}

#[test]
fn scale_and_unscale_are_those_of_diffusers_pipeline() {
    let config = VaeConfig::from_json(&Fixture::open("sd15-mixed").json("vae")).unwrap();
    let z = Tensor::from_slice(&[1.25f32, -0.75]);
    // Its shift_factor of 0.25 is not applied in these pipelines, and in FLUX's it is.
    for (config, scaled) in [(config.without_shift(), [0.625f32, -0.375]), (config, [0.5, -0.5])] {
        let model = AutoencoderKl::new(&Weights::random("vae"), &config).unwrap();
        assert_close(&model.scale(&z), &Tensor::from_slice(&scaled), 1e-6);
        assert_close(&model.unscale(&model.scale(&z)), &z, 1e-6);
    }
}

#[rstest]
#[case::sd15("sd15", 8, Some([8, 8]))]
#[case::mixed("sd15-mixed", 4, Some([8, 12]))]
#[case::published("sd15-keys", 8, Some([64, 64]))]
fn sizes_come_from_the_configs(#[case] folder: &str, #[case] factor: i64, #[case] latents: Option<[i64; 2]>) {
    let fixture = Fixture::open(folder);
    assert_eq!(VaeConfig::from_json(&fixture.json("vae")).unwrap().factor(), factor);
    assert_eq!(
        UNetConfig::from_json(&fixture.json("unet")).unwrap().sample_size,
        latents
    );
}

#[test]
fn stable_diffusion_1_5_asks_for_the_published_keys() {
    let published = Fixture::open("sd15-keys");
    let unet = UNetConfig::from_json(&published.json("unet")).unwrap();
    let vae = VaeConfig::from_json(&published.json("vae")).unwrap();
    let clip = ClipTextConfig::from_json(&published.json("text_encoder")).unwrap();
    let found = [
        ("unet", asked("unet", |w| UNet2DConditionModel::new(w, &unet))),
        ("vae", asked("vae", |w| AutoencoderKl::new(w, &vae))),
        ("text_encoder", asked("text_encoder", |w| ClipTextModel::new(w, &clip))),
    ];
    for (component, found) in found {
        let expected = published.key_list(component);
        for (found, expected) in found.lines().zip(expected.lines()) {
            assert_eq!(found, expected);
        }
        assert_eq!(found.len(), expected.len(), "{component}");
    }
}

#[test]
fn inputs_of_another_model_are_refused() {
    let model = unet(&Fixture::open("sd15"));
    let zeros = |size: &[i64]| Tensor::zeros(size, (Kind::Float, tch::Device::Cpu));
    let run = |latents: &[i64], prompt: &[i64]| {
        model
            .forward(
                &zeros(latents),
                1.0,
                &Cond::of(zeros(prompt)),
                &Extras::default(),
                &Cancel::new(),
            )
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        run(&[1, 9, 8, 8], &[1, 7, 12]),
        "unet: config in_channels: is 4, the latents are [1, 9, 8, 8]: another kind of model."
    );
    assert_eq!(
        run(&[1, 4, 8, 8], &[1, 7, 768]),
        "unet: config cross_attention_dim: is 12, the prompt's encoding is [1, 7, 768]: UNet and text encoder are not of one model."
    );
}

#[test]
fn a_cancel_ends_each_pass() {
    let fixture = Fixture::open("sd15");
    let cancel = Cancel::new();
    cancel.raise();
    let cancelled = |result: crate::Result<Tensor>| assert!(matches!(result, Err(Error::Cancelled)));
    cancelled(unet(&fixture).forward(
        &fixture.expected("latents.8x8"),
        1.0,
        &Cond::of(fixture.expected("prompt")),
        &Extras::default(),
        &cancel,
    ));
    let vae = vae(&fixture);
    cancelled(vae.decode(&fixture.expected("z"), &cancel));
    cancelled(vae.encode(&fixture.expected("picture"), &cancel).map(|(mean, _)| mean));
}

/// The state of a prompt that is masked counts as if its hidden tokens were not there, and equals diffusers'.
#[test]
fn a_mask_and_residuals_are_those_of_diffusers() {
    let (fixture, extras) = (Fixture::open("sd15"), Fixture::open("sd15-extras"));
    let model = unet(&fixture);
    let run = |cond: &Cond, more: &Extras| {
        let latents = extras.expected("latents");
        model.forward(&latents, 500.0, cond, more, &Cancel::new()).unwrap()
    };
    let plain = Cond::of(extras.expected("prompt"));
    assert_close(&run(&plain, &Extras::default()), &extras.expected("plain"), 1e-4);

    let masked = Cond {
        mask: Some(extras.expected("mask").to_kind(Kind::Bool)),
        ..Cond::of(extras.expected("prompt"))
    };
    let found = run(&masked, &Extras::default());
    assert_close(&found, &extras.expected("masked"), 1e-4);
    assert!((found - extras.expected("plain")).abs().max().double_value(&[]) > 1e-2);

    let down = (0..12).map(|n| extras.expected(&format!("residual.{n}"))).collect();
    let controlled = Extras {
        residuals: Some(Residuals {
            down,
            mid: extras.expected("residual.12"),
        }),
        ..Extras::default()
    };
    assert_close(&run(&plain, &controlled), &extras.expected("controlled"), 1e-4);
}

/// Guidance joins prompts of unequal lengths in one pass: each must count as it does alone.
#[test]
fn unequal_prompts_in_one_pass_are_what_they_are_alone() {
    let fixture = Fixture::open("sd15");
    let model = unet(&fixture);
    let one = |row: i64| fixture.expected("latents.8x8").narrow(0, row, 1);
    let tokens = fixture.expected("prompt");
    let (short, long) = (
        Cond::of(tokens.narrow(0, 0, 1).narrow(1, 0, 3)),
        Cond::of(tokens.narrow(0, 1, 1)),
    );
    let run = |x: &Tensor, cond: &Cond| {
        model
            .forward(x, 500.0, cond, &Extras::default(), &Cancel::new())
            .unwrap()
    };
    let both = run(&fixture.expected("latents.8x8"), &Cond::cat(&[&short, &long]).unwrap());
    assert_close(&both.narrow(0, 0, 1), &run(&one(0), &short), 1e-5);
    assert_close(&both.narrow(0, 1, 1), &run(&one(1), &long), 1e-5);
}

#[test]
fn more_channels_are_part_of_the_input_and_what_does_not_fit_is_refused() {
    let fixture = Fixture::open("sd15-mixed");
    let model = unet(&fixture);
    let (whole, cond) = (fixture.expected("latents.8x8"), Cond::of(fixture.expected("prompt")));
    let run = |x: &Tensor, extras: &Extras| model.forward(x, 500.0, &cond, extras, &Cancel::new());
    let split = Extras {
        channels: Some(whole.narrow(1, 3, 2)),
        ..Extras::default()
    };
    assert!(
        run(&whole.narrow(1, 0, 3), &split)
            .unwrap()
            .equal(&run(&whole, &Extras::default()).unwrap())
    );
    let zero = || Tensor::zeros([1], (Kind::Float, tch::Device::Cpu));
    let wrong = Extras {
        residuals: Some(Residuals {
            down: vec![zero()],
            mid: zero(),
        }),
        ..Extras::default()
    };
    assert!(run(&whole, &wrong).unwrap_err().to_string().contains("has 1 states"));
    let reference = Extras {
        references: vec![zero()],
        ..Extras::default()
    };
    assert!(
        run(&whole, &reference)
            .unwrap_err()
            .to_string()
            .contains("no reference pictures")
    );
}
