//! LoRAs through the doors, on the embedded model: a file and a tag, weights of 0, what is taken off again, what is said of a picture,
//! what is refused, and a cancel.

use std::path::PathBuf;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::Value;

use crate::support::{Home, difference};

/// A LoRA of the model's first layer called `name`, in the home's own folder of LoRAs.
fn lora(home: &Home, name: &str, value: f32) -> PathBuf {
    let numbers = |count: usize| {
        vec![value; count]
            .into_iter()
            .flat_map(f32::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let (down, up) = (numbers(4 * 9), numbers(64));
    let tensors = [
        (
            "lora_unet_conv_in.lora_down.weight",
            TensorView::new(Dtype::F32, vec![1, 4, 3, 3], &down).unwrap(),
        ),
        (
            "lora_unet_conv_in.lora_up.weight",
            TensorView::new(Dtype::F32, vec![64, 1, 1, 1], &up).unwrap(),
        ),
    ];
    let path = home.at("data/loras").join(format!("{name}.safetensors"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
    path
}

fn make(home: &Home, name: &str, args: &[&str]) {
    let file = format!("{name}.png");
    let usual = ["--seed", "3", "--steps", "2", "--dtype", "f32", "-o", &file];
    home.run_args(["generate"].iter().chain(args).chain(&usual)).ok();
}

fn task(home: &Home, name: &str) -> Value {
    let texts = darkroom_formats::png::read_text(&home.at(format!("{name}.png"))).unwrap();
    let record = &texts.into_iter().find(|(key, _)| key == "darkroom").unwrap().1;
    serde_json::from_str::<Value>(record).unwrap()["task"]["image"].clone()
}

#[test]
fn a_lora_changes_the_picture_and_leaves_no_trace() {
    let home = Home::new();
    let path = lora(&home, "Bright", 0.2);
    let far = |a: &str, b: &str| difference(&home.at(format!("{a}.png")), &home.at(format!("{b}.png")));
    make(&home, "plain", &["red apple"]);
    make(&home, "named", &["red apple", "--lora", "bright"]);
    assert!(far("plain", "named") > 20, "{}", far("plain", "named"));
    make(&home, "zero", &["red apple", "--lora", "bright:0"]);
    assert_eq!(far("plain", "zero"), 0);
    make(&home, "again", &["red apple"]);
    assert_eq!(far("plain", "again"), 0, "nothing stays of it");
    // A path, and a tag, which is no word of the prompt.
    make(&home, "path", &["red apple", "--lora", path.to_str().unwrap()]);
    make(&home, "tag", &["red apple<lora:bright>"]);
    assert_eq!((far("named", "path"), far("named", "tag")), (0, 0));
    make(&home, "weak", &["red apple<lora:bright:0.5>", "--lora", "bright"]);
    assert!(
        far("weak", "named") > 0 && far("weak", "plain") > 0,
        "the tag's weight counts, and once"
    );

    let lora = &task(&home, "weak")["what"]["loras"];
    assert_eq!(
        (&lora[0]["name"], &lora[0]["unet"], lora[1].is_null()),
        (&"Bright".into(), &0.5.into(), true)
    );
    assert_eq!(task(&home, "weak")["what"]["prompt"], "red apple<lora:bright:0.5>");
    let texts = darkroom_formats::png::read_text(&home.at("weak.png")).unwrap();
    let parameters = &texts.iter().find(|(key, _)| key == "parameters").unwrap().1;
    let hash = &lora[0]["sha256"].as_str().unwrap()[..10];
    assert!(
        parameters.contains(&format!("Lora hashes: Bright: {hash}"))
            || parameters.contains(&format!("Lora hashes: \"Bright: {hash}\"")),
        "{parameters}"
    );
    home.run("generate --like weak.png -o same.png").ok();
    assert_eq!(far("weak", "same"), 0);
    home.run("generate --like named.png -o same.png --force").ok();
    assert_eq!(far("named", "same"), 0);

    // One model and one copy of it, whatever was made with it.
    let models = home.status().unwrap()["workers"][0]["resident"]["models"].clone();
    assert_eq!(models.as_array().unwrap().len(), 1, "{models}");

    std::fs::write(
        &path,
        std::fs::read(&path).unwrap().iter().rev().copied().collect::<Vec<u8>>(),
    )
    .unwrap();
    let spoilt = home.run("generate --like weak.png -o no.png");
    spoilt.refused(1, &["Bright.safetensors"]);
    std::fs::remove_file(&path).unwrap();
    home.run("generate --like weak.png -o no.png")
        .refused(4, &["There is no LoRA", "Bright.safetensors"]);
}

#[test]
fn what_cannot_be_done_is_told_by_name() {
    let home = Home::new();
    lora(&home, "bright", 0.2);
    let told = |args: &[&str], code: i32, words: &[&str]| {
        home.run_args(["generate"].iter().chain(args)).refused(code, words);
    };
    told(
        &["x", "--lora", "brigt"],
        4,
        &["There is no LoRA brigt", "did you mean bright?"],
    );
    told(
        &["x <lora:brigt:1>"],
        4,
        &["There is no LoRA brigt", "did you mean bright?"],
    );
    told(
        &["x <lora:bright:much>"],
        2,
        &["<lora:bright:much>", "much is no weight"],
    );
    told(&["x", "-n", "<lora:bright>"], 2, &["negative prompt"]);
    told(&["x", "--lora", "bright:1000"], 2, &["--lora", "bright:1000"]);
    std::fs::write(home.at("data/loras/text.safetensors"), "no").unwrap();
    told(&["x", "--lora", "text"], 1, &["text.safetensors"]);
}
