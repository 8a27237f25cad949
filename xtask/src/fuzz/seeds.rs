//! Where the fuzzers begin: golden bytes of the wire, the embedded model's own files, and lines as people send them.

use std::fs;
use std::path::Path;

use crate::failure::{Failure, Result};
use crate::repo;

/// Lines of the JSON-RPC door.
const LINES: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
    r#"{"jsonrpc":"2.0","id":"a","method":"status","params":{}}"#,
    r#"{"jsonrpc":"2.0","id":2,"method":"submit","params":{"request_id":"01990000-0000-7000-8000-000000000000","request":{"prompt":"a fox","steps":4},"watch":true}}"#,
    r#"{"jsonrpc":"2.0","id":3,"method":"queue","params":{"states":["queued","done"],"limit":5}}"#,
    r#"{"jsonrpc":"2.0","method":"cancel","params":{"job":"0199"}}"#,
    r#"{"jsonrpc":"2.0","id":4,"method":"subscribe","params":{"from":7,"max_fps":2,"max_px":64}}"#,
    r#"{"jsonrpc":"2.0","id":5,"method":"upload","params":{"sha256":"ab","size":3,"offset":0,"bytes":"YWJj"}}"#,
    r#"{"jsonrpc":"2.0","id":6,"method":"download","params":{"sha256":"0199","offset":0}}"#,
    r#"{"jsonrpc":"2.0","id":7,"method":"history","params":{"query":"fox","limit":3,"before":"77"}}"#,
    r#"{"jsonrpc":"2.0","id":8,"method":"tag","params":{"pictures":["17"],"add":["sea"]}}"#,
    r#"{"jsonrpc":"2.0","id":9,"method":"log","params":{"of":{"job":"@last"},"after":"1a-2b-3c","filter":"fox level:warn"}}"#,
];
const PARAMETERS: &[&str] = &[
    r#"{"prompt":"a fox","negative_prompt":"","width":512,"height":64,"steps":20,"cfg_scale":7.5,"seed":-1,"batch":2}"#,
    r#"{"sampler":"Euler a","scheduler":"karras","dtype":"bf16","quant":"int8","threads":1,"format":"jpeg","device":"cuda:0"}"#,
    "width=64\nsampler_name=DPM++ 2M\nCFG=1e1\nn=3",
];
const INFOTEXTS: &[&str] = &[
    "a fox\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x48, Model: emoji",
    "Steps: 4, Note: \"a, \\\"b\\\": c\"",
];
const SEARCHES: &[&str] = &[
    r#"fox -"too dark" model:"dream \"shaper\"" !is:starred seed:42 size:64x48 sampler:euler_a job:@last"#,
    "after:2026-11 before:3d on:monday on:2026-11-01T14:30..today tag:a prompt:b negative:c width:1 height:2",
    "modle:x http://x (storm:1.2)",
];
/// Behind the number of a keyword: texts of other programs.
const FOREIGN: &[&str] = &[
    "0a fox\nSteps: 20, Sampler: euler_a karras, Size: 64x48, Version: stable-diffusion.cpp",
    r#"0{"prompt":"a fox","full_prompt":["a fox"],"resolution":"(64, 48)","loras":[["x",0.5,"ab"]],"sampler":"dpmpp_2m_sde_gpu"}"#,
    r#"1{"1":{"class_type":"KSampler","inputs":{"seed":7,"steps":20,"positive":["2",0],"latent_image":["3",0],"model":["4",0]}},"2":{"class_type":"CLIPTextEncode","inputs":{"text":"a fox"}},"3":{"class_type":"EmptyLatentImage","inputs":{"width":64}},"4":{"class_type":"LoraLoader","inputs":{"lora_name":"x","model":["4",0]}}}"#,
    r#"2{"nodes":[{"id":1,"type":"KSampler","inputs":[{"name":"positive","link":5}],"widgets_values":[7,"fixed",20]},{"id":2,"type":"CLIPTextEncode","widgets_values":["a fox"]}],"links":[[5,2,0,1,1,"CONDITIONING"]]}"#,
    r#"3{"positive_prompt":"a fox","scheduler":"euler_k","model":{"name":"x"},"loras":[{"model":{"name":"y"},"weight":1}]}"#,
    r#"4{"model_weights":"x","image":{"prompt":[{"prompt":"a fox [wet]","weight":1}],"steps":3}}"#,
    "5\"a fox [wet]\" -s 50 -S7 --width 64 -cf 0.5 -A k_lms",
    r#"6{"uc":"wet","scale":5,"v4_prompt":{"caption":{"base_caption":"a fox","char_captions":[{"char_caption":"red"}]}}}"#,
    r#"7{"prompt":{"1":{"class_type":"KSampler","inputs":{"steps":1,"seed":2}}}}"#,
];
const PREFACES: &[&[u8]] = &[
    b"\0DKR\0\x02\0\0\0\x41{\"build\":\"0.1.0\",\"pid\":7,\"role\":\"client\",\"capabilities\":[]}",
    b"\0DKR\0\x63\0\0\0\x0e{\"build\":\"9\"}",
    b"GET / HTTP/1.1",
];
const HEADERS: &[&str] = &[
    r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},"b":{"dtype":"BF16","shape":[],"data_offsets":[12,14]}}"#,
    r#"{"metadata":{"total_size":8},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"#,
];
/// Checkpoints as torch writes them.
const PICKLES: [&str; 4] = ["trained.ckpt", "trained-legacy.ckpt", "tied.pt", "float8.pt"];
/// 1×1, grey, with one tEXt chunk "parameters".
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\x19tEXtparameters\0a fox\nSteps: 4\x1a\x90\x16\xc1\
    \0\0\0\x0aIDATx\x9cc`\0\0\0\x02\0\x01H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82";
/// A list with where the second one is, and in that the comment: in either order of bytes.
const EXIFS: [&[u8]; 2] = [
    b"MM\0\x2a\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0\
    \0\x01\x92\x86\0\x07\0\0\0\x1a\0\0\0\x2c\0\0\0\0UNICODE\0\0f\0o\0x\0\n\0S\0t\0e\0p\0s",
    b"Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x1a\0\0\0\0\0\0\0\
    \x01\0\x86\x92\x07\0\x1d\0\0\0\x2c\0\0\0\0\0\0\0ASCII\0\0\0fox\nSteps: 7, Seed: 3",
];
/// The files of a folder in the order in which the target takes them.
const FOLDER: [&str; 6] = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "unet/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "tokenizer/tokenizer_config.json",
];
/// Golden bytes by the number with which the target tells whose they are.
const GOLDEN: [&str; 4] = ["client_messages", "server_messages", "orders", "reports"];

/// Writes the seeds of a target.
///
/// # Errors
/// When one cannot be read or written.
pub fn write(target: &str, corpus: &Path) -> Result<()> {
    for (n, seed) in of(target)?.iter().enumerate() {
        let path = corpus.join(format!("seed-{n}"));
        fs::write(&path, seed).map_err(|e| Failure::file("write", &path, &e))?;
    }
    Ok(())
}

fn of(target: &str) -> Result<Vec<Vec<u8>>> {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    Ok(match target {
        "frames" => golden()?,
        "lines" => texts(LINES),
        "preface" => PREFACES.iter().map(|bytes| bytes.to_vec()).collect(),
        "parameters" => texts(PARAMETERS),
        "safetensors" => texts(HEADERS),
        "pickle" => PICKLES
            .iter()
            .map(|file| read(&format!("protocol/formats/tests/fixtures/pickle/{file}")))
            .collect::<Result<_>>()?,
        "infotext" => texts(INFOTEXTS),
        "png" => vec![PNG.to_vec()],
        "exif" => EXIFS.iter().map(|bytes| bytes.to_vec()).collect(),
        "foreign" => texts(FOREIGN),
        "folder" => vec![folder()?],
        "history" => texts(SEARCHES),
        _ => Vec::new(),
    })
}

/// The messages that the golden-byte tests pin, each behind the number of its kind.
fn golden() -> Result<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    for (whose, name) in (0_u8..).zip(GOLDEN) {
        let text = read(&format!("protocol/tests/wire/snapshots/wire__{name}.snap"))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        seeds.extend(
            text.lines()
                .filter_map(hex)
                .map(|body| [&[whose], body.as_slice()].concat()),
        );
    }
    Ok(seeds)
}

fn folder() -> Result<Vec<u8>> {
    let files = FOLDER
        .iter()
        .map(|file| read(&format!("daemon/engine/assets/emoji/{file}")));
    Ok(files.collect::<Result<Vec<_>>>()?.join(&0))
}

fn read(path: &str) -> Result<Vec<u8>> {
    let path = repo::root().join(path);
    fs::read(&path).map_err(|e| Failure::file("read", &path, &e))
}

/// The bytes of a line that is nothing but hexadecimal digits.
fn hex(line: &str) -> Option<Vec<u8>> {
    let pairs = line.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.map(byte).collect();
    bytes.filter(|bytes| !bytes.is_empty() && line.len().is_multiple_of(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds() {
        for target in super::super::TARGETS {
            assert!(!of(target).unwrap().is_empty(), "{target}");
        }
        assert!(golden().unwrap().len() > 25, "the golden bytes are read");
    }

    #[test]
    fn hexadecimal_lines_are_bytes() {
        assert_eq!(hex("00ff"), Some(vec![0, 255]));
        assert_eq!((hex("---"), hex("0"), hex("")), (None, None, None));
    }
}
