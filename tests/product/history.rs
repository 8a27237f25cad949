//! History through the product's doors: what was made is found, made again and varied, marked, thrown away and brought back; folders of
//! other programs are taken in; files that move are found; and nothing is forgotten because a job is.

use std::io::Cursor;

use serde_json::{Value, json};

use crate::support::{Home, Ran, wait_until};

fn objects(ran: Ran) -> Vec<Value> {
    ran.ok().json()
}

fn ids(home: &Home, line: &str) -> Vec<u64> {
    let found = objects(home.run(&format!("history {line} --json")));
    found.iter().map(|picture| picture["id"].as_u64().unwrap()).collect()
}

fn bytes(home: &Home, name: &str) -> Vec<u8> {
    std::fs::read(home.at(name)).unwrap()
}

/// A PNG of other pixels than others, with the text that A1111's web UI writes.
fn a1111(n: u8, text: &str) -> Vec<u8> {
    chunked(n, |writer| {
        let chunk = png::text_metadata::ITXtChunk::new("parameters", text);
        writer.write_text_chunk(&chunk).unwrap();
    })
}

/// A PNG of these pixels with what `put` writes before them.
fn chunked(n: u8, put: impl FnOnce(&mut png::Writer<&mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 24, 16);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    put(&mut writer);
    writer.write_image_data(&[n; 24 * 16 * 3]).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn what_was_made_is_found_and_made_again() {
    let home = Home::new();
    home.generate("apple -n blurry --seed 7 --tag sea --tag still,life -o a.png")
        .ok();
    home.generate("rocket --seed 9 --cfg 3 -b 2 -o r.png").ok();
    assert_eq!(ids(&home, "list"), [3, 2, 1]);
    assert_eq!(ids(&home, "search apple"), [1]);
    assert_eq!(ids(&home, "search blurry -rocket tag:sea"), [1]);
    assert_eq!(ids(&home, "search -apple seed:10"), [3]);
    assert_eq!(ids(&home, "search job:@last after:today"), [3, 2]);
    let table = home.run("history").ok().stdout;
    assert!(
        table.lines().count() == 3 && table.contains("#1") && table.contains("#sea"),
        "{table}"
    );

    // The same bytes, from its number, its job, and its file.
    home.run("history reuse 1 -o again.png").ok();
    assert_eq!(bytes(&home, "again.png"), bytes(&home, "a.png"));
    home.run("history reuse @2/1 -o second.png").ok();
    assert_eq!(bytes(&home, "second.png"), bytes(&home, "r-1.png"));
    home.run("generate --like a.png -o like.png").ok();
    assert_eq!(bytes(&home, "like.png"), bytes(&home, "a.png"));
    // What is given counts instead.
    let varied = &objects(home.run("history vary 1 rocket --cfg 2 --json"))[0];
    assert_eq!(
        (varied["seed"].as_u64(), varied["cfg_scale"].as_f64()),
        (Some(7), Some(2.0))
    );
    assert_eq!(
        (varied["prompt"].as_str(), varied["negative_prompt"].as_str()),
        (Some("rocket"), Some("blurry"))
    );
    let other = &objects(home.run("history vary 1 --json"))[0];
    assert_ne!(other["seed"], 7, "another seed where nothing is said");
    assert_eq!(other["prompt"], "apple");
    let like = &objects(home.run("generate --like 2 apple --json"))[0];
    assert_eq!(
        (like["prompt"].as_str(), like["seed"].as_u64()),
        (Some("apple"), Some(9))
    );
}

#[test]
fn wrong_words_are_told_with_what_to_do() {
    let home = Home::new();
    home.generate("apple").ok();
    home.run("history search modle:x")
        .told(2, &["modle:x\n^", "did you mean model"]);
    home.run("history search fox after:someday").told(2, &["^", "someday"]);
    home.run("history show 77")
        .refused(2, &["no picture 77", "darkroom history"]);
    home.run("history rm 1 77").refused(2, &["no picture 77"]);
    home.run("history tag a\"b 1").refused(2, &["is no tag"]);
    home.run("generate --like none.png")
        .refused(2, &["--like none.png", "no such file"]);
    home.run("generate").refused(2, &["required"]);
    home.run("history import none").refused(2, &["none", "cannot be read"]);
    let mut rpc = home.rpc();
    let error = rpc.call("history", &json!({ "query": "fox modle:x", "limit": 5 }));
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("at character 5") && message.contains("model"),
        "{error}"
    );
    assert_eq!(ids(&home, "list"), [1], "nothing was thrown away");
}

#[test]
fn marks_tags_and_the_trash() {
    let home = Home::new();
    home.generate("apple -b 3").ok();
    home.run("history star 1 #3").ok();
    assert_eq!(ids(&home, "search is:starred"), [3, 1]);
    home.run("history unstar 3").ok();
    home.run_args(["history", "tag", "Night Sky,b", "1", "2"]).ok();
    assert_eq!(
        objects(home.run("history tags --json")),
        [
            json!({ "tag": "b", "pictures": 2 }),
            json!({ "tag": "night sky", "pictures": 2 })
        ]
    );
    home.run("history untag b 2").ok();
    assert_eq!(ids(&home, "search tag:b"), [1]);
    let path = objects(home.run("history show 2 --json"))[0]["entry"]["path"]
        .as_str()
        .unwrap()
        .to_owned();
    home.run("history rm 2").ok();
    assert_eq!(ids(&home, "list"), [3, 1]);
    home.run("history restore 2").ok();
    home.run("history rm 2").ok();
    // A daemon that comes later knows it too, and one that is not there answers the same.
    home.run("daemon stop").ok();
    assert_eq!(ids(&home, "search is:trashed"), [2]);
    assert!(
        std::path::Path::new(&path).exists(),
        "it is there until the trash is emptied"
    );
    assert_eq!(
        objects(home.run("history empty-trash --json")),
        [json!({ "pictures": 1 })]
    );
    assert!(!std::path::Path::new(&path).exists());
    assert_eq!(ids(&home, "search is:trashed"), [0; 0]);
    assert_eq!(ids(&home, "list"), [3, 1]);
    home.generate("rocket").ok();
    assert_eq!(ids(&home, "list"), [4, 3, 1], "no number is given twice");
}

#[test]
fn folders_of_others_are_taken_in_where_they_lie() {
    let home = Home::new();
    std::fs::create_dir_all(home.at("old/deep")).unwrap();
    let text = "a castle, (storm:1.2)\nNegative prompt: lowres\nSteps: 20, Sampler: Euler a, CFG scale: 5.5, Seed: 7, Size: 24x16, \
                Model: juggernaut, Lora hashes: \"x: 12\"";
    std::fs::write(home.at("old/castle.png"), a1111(1, text)).unwrap();
    std::fs::write(home.at("old/deep/silent.png"), a1111(2, "")).unwrap();
    std::fs::write(home.at("old/copy.png"), a1111(1, text)).unwrap();
    std::fs::write(home.at("old/broken.png"), b"\x89PNG\r\n\x1a\nno").unwrap();
    std::fs::write(home.at("old/notes.txt"), "x").unwrap();
    let found = &objects(home.run("history import old --json"))[0];
    assert_eq!(
        (
            found["added"].as_u64(),
            found["kept"].as_u64(),
            found["unreadable_all"].as_u64()
        ),
        (Some(2), Some(1), Some(1))
    );
    let castle = ids(&home, "search castle model:jugger sampler:euler_a is:imported")[0];
    let detail = &objects(home.run(&format!("history show {castle} --json")))[0];
    assert_eq!(detail["entry"]["writer"], "A1111");
    assert_eq!(detail["request"]["cfg_scale"], 5.5);
    assert!(detail["others"].to_string().contains("Lora hashes"), "{detail}");
    // It comes once.
    let again = &objects(home.run("history import old --json"))[0];
    assert_eq!(again["added"], 0);
    // Moved within the folder, it is the same picture.
    std::fs::rename(home.at("old/castle.png"), home.at("old/deep/moved.png")).unwrap();
    std::fs::remove_file(home.at("old/copy.png")).unwrap();
    let scanned = &objects(home.run("history scan --json"))[0];
    assert_eq!(
        (scanned["missing"].as_u64(), scanned["found"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(ids(&home, "search castle"), [castle]);
    // Removed, it is missing; its row is not.
    std::fs::remove_file(home.at("old/deep/moved.png")).unwrap();
    home.run("history scan").ok();
    assert_eq!(ids(&home, "search is:missing"), [castle]);
    home.run(&format!("history show {castle}")).ok();
    // Throwing an imported one away removes its row alone.
    let silent = ids(&home, "search -castle is:imported")[0];
    home.run(&format!("history rm {silent}")).ok();
    home.run("history empty-trash").ok();
    assert!(home.at("old/deep/silent.png").exists());
    assert_eq!(ids(&home, "list"), [castle]);
}

#[test]
fn what_a_walk_meets_in_the_gallery_is_not_taken_for_a_strangers() {
    let home = Home::new();
    home.generate("apple").ok();
    let entry = objects(home.run("history show 1 --json"))[0]["entry"].clone();
    home.run("queue clear --yes").ok();
    // The database is lost: what is in the gallery comes back, with all that the files say.
    home.run("daemon stop").ok();
    for file in ["darkroom.db", "darkroom.db-wal", "darkroom.db-shm"] {
        let _ = std::fs::remove_file(home.at("data").join(file));
    }
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let path = entry["path"].as_str().unwrap();
    std::fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(old)
        .unwrap();
    let scanned = &objects(home.run("history scan --json"))[0];
    assert_eq!(scanned["added"], 1);
    let back = &objects(home.run("history show 1 --json"))[0];
    assert_eq!(
        (back["entry"]["writer"].as_str(), back["request"]["prompt"].as_str()),
        (Some("Darkroom"), Some("apple"))
    );
    home.run("history reuse 1 -o again.png").ok();
    assert_eq!(bytes(&home, "again.png"), std::fs::read(path).unwrap());
}

#[test]
fn hostile_files_are_told_and_harm_nothing() {
    let home = Home::new();
    std::fs::create_dir_all(home.at("old")).unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(home.at("old").join(name), bytes).unwrap();
    // A header of 60,000 × 60,000 pixels, a text of a gigabyte of zeros, a graph of a million nodes, a name that drives terminals.
    let mut vast = a1111(1, "");
    vast[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    put("vast.png", &vast);
    put(
        "bomb.png",
        &chunked(2, |writer| {
            let text = "x".repeat(64 << 20);
            let chunk = png::text_metadata::ZTXtChunk::new("parameters", text);
            writer.write_text_chunk(&chunk).unwrap();
        }),
    );
    put(
        "graph.png",
        &chunked(3, |writer| {
            let graph = format!(
                "{{{}\"x\":0}}",
                (0..300_000).map(|n| format!("\"{n}\":{{}},")).collect::<String>()
            );
            let chunk = png::text_metadata::ZTXtChunk::new("prompt", graph);
            writer.write_text_chunk(&chunk).unwrap();
        }),
    );
    put(
        "\u{1b}[2J\u{202e}gnp.png",
        &a1111(4, "a fox\u{1b}]0;x\u{7}\nSteps: 1, Seed: 2, Size: 1x1"),
    );
    put("fine.png", &a1111(5, "a hen\nSteps: 1, Seed: 2, Size: 1x1"));
    std::os::unix::fs::symlink("/dev/zero", home.at("old/zero.png")).unwrap();
    let ran = home.run("history import old").ok();
    ran.printable();
    assert!(ran.stderr.contains("unreadable"), "{ran:#?}");
    home.run("history").ok().printable();
    home.run("history show @1").refused(2, &["no picture @1"]);
    for id in ids(&home, "list") {
        home.run(&format!("history show {id}")).ok().printable();
    }
    assert_eq!(ids(&home, "search hen").len(), 1);
    assert_eq!(ids(&home, "search fox").len(), 1);
    assert!(home.status().is_none(), "all of it needed no daemon");
    home.run("daemon start").ok();
    home.run("history import old").ok();
    assert!(home.status().is_some(), "and a daemon bears it too");
}

#[test]
fn a_watched_folder_is_looked_at_when_a_daemon_begins() {
    let home = Home::new();
    std::fs::create_dir_all(home.at("old")).unwrap();
    home.run("history import old --watch").ok();
    std::fs::write(
        home.at("old/new.png"),
        a1111(1, "a late hen\nSteps: 1, Seed: 2, Size: 1x1"),
    )
    .unwrap();
    assert_eq!(ids(&home, "search hen"), [0; 0]);
    home.run("daemon start").ok();
    wait_until("the new picture", || !ids(&home, "search hen").is_empty());
}

#[test]
fn small_pictures_and_whole_ones_are_had_by_hash() {
    let home = Home::new();
    home.generate("apple -W 48 -H 32 -o a.png").ok();
    let mut rpc = home.rpc();
    let sha256 = rpc.call("picture", &json!({ "picture": "@last" }))["result"]["entry"]["sha256"].clone();
    let answer = rpc.call("thumbnail", &json!({ "sha256": sha256, "side": 64 }));
    let small = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        answer["result"]["bytes"].as_str().unwrap(),
    );
    let small = image::ImageReader::new(Cursor::new(small.unwrap()))
        .with_guessed_format()
        .unwrap();
    assert_eq!(small.into_dimensions().unwrap(), (48, 32));
    let piece = rpc.call("download", &json!({ "sha256": sha256, "offset": 0 }));
    let whole = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        piece["result"]["bytes"].as_str().unwrap(),
    );
    assert_eq!(whole.unwrap(), bytes(&home, "a.png"));
    // A file that was taken away is said to be missing from then on.
    let path = rpc.call("picture", &json!({ "picture": "1" }))["result"]["entry"]["path"].clone();
    std::fs::remove_file(path.as_str().unwrap()).unwrap();
    let _ = std::fs::remove_dir_all(home.at("data/thumbnails"));
    let answer = rpc.call("thumbnail", &json!({ "sha256": sha256, "side": 64 }));
    assert!(
        answer["error"]["message"].as_str().unwrap().contains("missing"),
        "{answer}"
    );
    assert_eq!(ids(&home, "search is:missing"), [1]);
}

#[test]
fn everybody_hears_what_changes() {
    let home = Home::new();
    home.generate("apple").ok();
    let mut watcher = home.rpc();
    watcher.call("subscribe", &json!({ "kinds": ["history"] }));
    home.run("history star 1").ok();
    home.run("history rm 1").ok();
    home.run("history empty-trash").ok();
    let heard: Vec<Value> = (0..3)
        .map(|_| watcher.json()["params"]["kind"]["history"].clone())
        .collect();
    assert_eq!(
        heard,
        [
            json!({ "what": "changed", "pictures": [1] }),
            json!({ "what": "changed", "pictures": [1] }),
            json!({ "what": "removed", "pictures": [1] }),
        ]
    );
}

#[test]
fn pages_follow_each_other() {
    let home = Home::new();
    home.generate("apple -b 5").ok();
    let mut rpc = home.rpc();
    let (mut seen, mut before) = (Vec::new(), Value::Null);
    loop {
        let page = rpc.call("history", &json!({ "limit": 2, "before": before, "count": true }))["result"].clone();
        assert_eq!(page["total"], 5);
        seen.extend(
            page["pictures"]
                .as_array()
                .unwrap()
                .iter()
                .map(|picture| picture["id"].as_u64().unwrap()),
        );
        before = page["next"].clone();
        if before.is_null() {
            break;
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    assert_eq!(ids(&home, "--limit 2"), [5, 4]);
}

#[test]
fn an_export_has_the_files_and_all_that_is_kept() {
    let home = Home::new();
    home.generate("apple --seed 1").ok();
    home.generate("rocket --seed 2 --tag x").ok();
    let told = objects(home.run("history export tag:x -o out --json"));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["id"], 2);
    let lines = std::fs::read_to_string(home.at("out/pictures.jsonl")).unwrap();
    let line: Value = serde_json::from_str(lines.trim()).unwrap();
    assert_eq!(line["request"]["prompt"], "rocket");
    let file = home.at("out").join(line["file"].as_str().unwrap());
    assert_eq!(
        std::fs::read(file).unwrap(),
        std::fs::read(told[0]["path"].as_str().unwrap()).unwrap()
    );
    // Once more changes nothing; without a search it is everything.
    home.run("history export -o out").ok();
    assert_eq!(std::fs::read_dir(home.at("out")).unwrap().count(), 3);
}
