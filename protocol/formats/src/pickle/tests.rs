//! Checkpoints that torch wrote (`tests/oracle/pickles.py`) against their tensors, and hostile ones, written here byte by byte.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::safetensors::Dtype;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pickle")).join(name)
}

/// Every tensor of a file: format, shape and bytes.
fn contents(name: &str) -> BTreeMap<String, (Dtype, Vec<u64>, Vec<u8>)> {
    let bytes = std::fs::read(fixture(name)).unwrap();
    let header = Header::read(&fixture(name)).unwrap();
    if is_pickle(&bytes) {
        assert_eq!(index(&&bytes[..]).unwrap(), header, "mapped and read alike");
    }
    let one = |(name, entry): (String, crate::safetensors::Entry)| {
        let range = entry.range.start as usize..entry.range.end as usize;
        (name, (entry.dtype, entry.shape, bytes[range].to_vec()))
    };
    header.tensors.into_iter().map(one).collect()
}

#[rstest]
#[case("plain.ckpt")]
#[case("legacy.ckpt")]
#[case("trained.ckpt")]
#[case("trained-legacy.ckpt")]
fn tensors_are_those_that_torch_saved(#[case] file: &str) {
    assert_eq!(contents(file), contents("plain.safetensors"));
}

#[test]
fn parameters_in_a_dictionary_are_named_after_it() {
    let (wrapped, plain) = (contents("wrapped.pth"), contents("plain.safetensors"));
    assert_eq!(wrapped.len(), 2);
    for (name, content) in wrapped {
        assert_eq!(Some(&content), plain.get(name.strip_prefix("params_ema.").unwrap()));
    }
}

#[test]
fn views_of_one_storage_share_its_bytes() {
    let tied = contents("tied.pt");
    assert_eq!(tied["whole"], tied["again"]);
    assert_eq!(tied["part"].2, tied["whole"].2[16..32]);
    let float8 = contents("float8.pt");
    assert_eq!((float8["float8"].0, float8["float8"].2.len()), (Dtype::F8_E4M3, 8));
}

#[test]
fn a_tensor_in_pieces_is_refused_by_its_name() {
    let told = Header::read(&fixture("strided.pt")).unwrap_err().to_string();
    assert!(told.contains("tensor 'turned' does not lie in one piece"), "{told}");
}

// From here on, files that torch never wrote.

/// A storage of four f32 and the tensor that the words say: the whole of a small checkpoint's pickle.
fn pickle_of(tensor: &[u8]) -> Vec<u8> {
    [b"\x80\x02}X\x01\0\0\0t".as_slice(), &tensor_of(tensor), b"s."].concat()
}

/// `_rebuild_tensor_v2(storage, …)` in protocol 2; `rest` are the arguments after the storage, as instructions.
fn tensor_of(rest: &[u8]) -> Vec<u8> {
    let storage = b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ";
    [storage.as_slice(), rest, b"\x89}tR"].concat()
}

/// An archive of one folder with these entries, stored.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let name = format!("archive/{name}");
        let (at, len, named) = (file.len() as u32, bytes.len() as u32, name.len() as u16);
        let sizes = [[0; 4], len.to_le_bytes(), len.to_le_bytes()].concat();
        file.extend(
            [
                b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0".as_slice(),
                &sizes,
                &named.to_le_bytes(),
                &[0, 0],
                name.as_bytes(),
                bytes,
            ]
            .concat(),
        );
        directory.extend(
            [
                b"PK\x01\x02\0\0\0\0\0\0\0\0\0\0\0\0".as_slice(),
                &sizes,
                &named.to_le_bytes(),
                &[0; 12],
                &at.to_le_bytes(),
                name.as_bytes(),
            ]
            .concat(),
        );
    }
    let (at, len, count) = (file.len() as u32, directory.len() as u32, entries.len() as u16);
    file.extend(directory);
    let counts = [count.to_le_bytes(), count.to_le_bytes()].concat();
    file.extend(
        [
            b"PK\x05\x06\0\0\0\0".as_slice(),
            &counts,
            &len.to_le_bytes(),
            &at.to_le_bytes(),
            &[0, 0],
        ]
        .concat(),
    );
    file
}

fn checkpoint(pickle: &[u8]) -> Vec<u8> {
    archive(&[("data.pkl", pickle), ("byteorder", b"little"), ("data/0", &[7; 16])])
}

fn told(file: &[u8]) -> String {
    index(&file).unwrap_err().to_string()
}

const WHOLE: &[u8] = b"K\x00K\x04\x85K\x01\x85";

#[test]
fn the_writer_of_these_tests_writes_what_is_read() {
    let file = checkpoint(&pickle_of(WHOLE));
    let entry = &index(&&file[..]).unwrap().tensors["t"];
    assert_eq!((entry.dtype, entry.shape.as_slice()), (Dtype::F32, &[4][..]));
    assert_eq!(file[entry.range.start as usize..entry.range.end as usize], [7; 16]);
}

#[rstest]
#[case::system(b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.", "it calls os.system,")]
#[case::stack(b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", "it calls os.system,")]
#[case::eval(b"\x80\x02cbuiltins\neval\n(X\x01\0\0\x001tR.", "it calls builtins.eval,")]
#[case::python2(b"\x80\x02c__builtin__\nexec\n(X\x01\0\0\x001tR.", "it calls __builtin__.exec,")]
#[case::inst(b"(S'true'\nios\nsystem\n.", "it calls os.system,")]
#[case::obj(b"(cos\nsystem\nS'true'\no.", "it calls os.system,")]
#[case::newobj(
    b"\x80\x02csubprocess\nPopen\nX\x04\0\0\0true\x85\x81.",
    "it calls subprocess.Popen,"
)]
#[case::newobj_ex(b"\x80\x04csubprocess\nPopen\n)}\x92.", "it calls subprocess.Popen,")]
#[case::build(b"\x80\x02cos\nenviron\n}b.", "it calls os.environ,")]
#[case::nested(
    b"\x80\x02ccollections\nOrderedDict\n]cbuiltins\ngetattr\nX\x01\0\0\0a\x85Ra\x85R.",
    "it calls builtins.getattr,"
)]
#[case::in_arguments(
    b"\x80\x02ctorch._utils\n_rebuild_parameter\n(cos\nsystem\nN\x85RtR.",
    "it calls os.system,"
)]
#[case::torchs_own(b"\x80\x02ctorch\nload\nN\x85R.", "it calls torch.load,")]
#[case::a_format(b"\x80\x02ctorch\nFloatStorage\nN\x85R.", "it calls torch.FloatStorage,")]
#[case::escapes(b"\x80\x02c\x1b[31m\nx\nN\x85R.", "it calls \\u{1b}[31m.x,")]
#[case::by_number(b"\x80\x02\x82\x01.", "instruction (0x82)")]
#[case::a_buffer(b"\x80\x05\x97.", "instruction (0x97)")]
fn what_calls_is_refused_by_the_name_it_calls(#[case] pickle: &[u8], #[case] expected: &str) {
    if pickle.starts_with(&[0x80]) {
        let plain = told(pickle);
        assert!(plain.contains("a plain pickle"), "{plain}");
    }
    let told = told(&checkpoint(pickle));
    assert!(told.contains(expected) && !told.contains('\x1b'), "{told}");
}

#[rstest]
#[case::beyond(b"K\x01K\x04\x85K\x01\x85", "larger than the bytes")]
#[case::far(b"J\x7f\x7f\x7f\x7fK\x04\x85K\x01\x85", "larger than the bytes")]
#[case::negative(b"J\xff\xff\xff\xffK\x01\x85K\x01\x85", "cannot be")]
#[case::strided(b"K\x00K\x02\x85K\x02\x85", "not lie in one piece")]
#[case::spread(b"K\x00K\x04\x85K\x00\x85", "not lie in one piece")]
#[case::ranks(b"K\x00K\x01K\x01\x86K\x01\x85", "shape or place that cannot be")]
fn a_tensor_that_lies_is_refused_by_its_name(#[case] rest: &[u8], #[case] expected: &str) {
    let told = told(&checkpoint(&pickle_of(rest)));
    assert!(told.contains("tensor 't'") && told.contains(expected), "{told}");
}

#[test]
fn an_overflowing_shape_is_refused() {
    let huge = [
        b"K\x00(".as_slice(),
        &b"J\x7f\x7f\x7f\x7f".repeat(4),
        b"t(",
        &b"K\x01".repeat(4),
        b"t",
    ]
    .concat();
    let told = told(&checkpoint(&pickle_of(&huge)));
    assert!(told.contains("cannot be"), "{told}");
}

#[rstest]
#[case::short(archive(&[("data.pkl", &pickle_of(WHOLE)), ("data/0", &[7; 15])]), "says 16 bytes and has 15")]
#[case::missing(archive(&[("data.pkl", &pickle_of(WHOLE))]), "no entry archive/data/0")]
#[case::big(archive(&[("data.pkl", &pickle_of(WHOLE)), ("byteorder", b"big"), ("data/0", &[7; 16])]), "big-endian")]
#[case::twice(archive(&[("data.pkl", &pickle_of(WHOLE)), ("data/0", &[7; 16]), ("data/0", &[7; 16])]), "twice")]
#[case::other(archive(&[("word/document.xml", b"x")]), "without one data.pkl")]
#[case::nothing(checkpoint(b"\x80\x02}."), "holds no tensors")]
#[case::no_end(checkpoint(b"\x80\x02}"), "cut off")]
#[case::long_text(checkpoint(b"\x80\x02X\xff\xff\xff\xffx."), "cut off")]
#[case::empty_stack(checkpoint(b"\x80\x02s."), "instruction (0x73)")]
#[case::end(b"PK\x03\x04".to_vec(), "cut off")]
fn what_is_damaged_is_told(#[case] file: Vec<u8>, #[case] expected: &str) {
    let told = told(&file);
    assert!(told.contains(expected), "{told}");
}

#[test]
fn packed_entries_are_refused() {
    let mut file = checkpoint(&pickle_of(WHOLE));
    let at = file.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    file[at + 10] = 8;
    assert!(told(&file).contains("packed"), "{}", told(&file));
}

#[test]
fn entries_inside_each_other_are_refused() {
    let inner = archive(&[("data/1", &[1; 4])]);
    let header = &inner[..30 + "archive/data/1".len() + 4];
    let mut file = archive(&[
        ("data.pkl", &pickle_of(WHOLE)),
        ("data/0", &[7; 16]),
        ("data/x", header),
        ("data/1", &[1; 4]),
    ]);
    assert!(index(&&file[..]).is_ok());
    // The last entry now begins where the bytes of the one before have a header too.
    let inside = file.windows(14).position(|w| w == b"archive/data/1").unwrap() - 30;
    let directory = file.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    file[directory + 42..directory + 46].copy_from_slice(&(inside as u32).to_le_bytes());
    assert!(told(&file).contains("inside another"), "{}", told(&file));
}

#[test]
fn bombs_cost_no_more_than_their_bytes() {
    // Lists in lists, a memo of everything, a dictionary that holds itself, copies of a long list.
    let nested = [
        b"\x80\x02".as_slice(),
        &b"]".repeat(900_000),
        &b"a".repeat(899_999),
        b".",
    ]
    .concat();
    assert!(told(&checkpoint(&nested)).contains("no tensors"));
    let marks = [b"\x80\x02".as_slice(), &b"(".repeat(2 << 20), b"."].concat();
    assert!(told(&checkpoint(&marks)).contains("million objects"));
    let objects = [b"\x80\x02".as_slice(), &b"}".repeat(2 << 20), b"."].concat();
    assert!(told(&checkpoint(&objects)).contains("million objects"));
    let circle = b"\x80\x02}q\x00X\x01\0\0\0ah\x00s.";
    assert!(told(&checkpoint(circle)).contains("no tensors"));
    let list = [
        b"\x80\x02ctorch\nSize\nq\x01](".as_slice(),
        &b"K\x01".repeat(100_000),
        b"e\x85q\x00",
    ]
    .concat();
    let copies = [list.as_slice(), &b"h\x01h\x00R".repeat(100_000), b"."].concat();
    assert!(told(&checkpoint(&copies)).contains("million objects"));
    // Each dictionary holds the one before under two names.
    let mut wide = b"\x80\x02}q\x00".to_vec();
    for at in 0..40u8 {
        wide.extend([b"}X\x01\0\0\0ah", &[at][..], b"sX\x01\0\0\0bh", &[at], b"sq", &[at + 1]].concat());
    }
    wide.push(b'.');
    assert!(told(&checkpoint(&wide)).contains("no tensors"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = index(&&bytes[..]);
        let _ = index(&&checkpoint(&bytes)[..]);
        let legacy = [b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.".as_slice(), &bytes].concat();
        let _ = index(&&legacy[..]);
    }

    #[test]
    fn a_changed_checkpoint_is_refused_or_holds_what_it_says(
        file in prop::sample::select(vec!["plain.ckpt", "legacy.ckpt", "trained.ckpt", "tied.pt"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = std::fs::read(fixture(file)).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(header) = index(&&bytes[..]) {
            for entry in header.tensors.values() {
                prop_assert!(entry.range.start <= entry.range.end && entry.range.end <= bytes.len() as u64);
                prop_assert_eq!(entry.dtype.bytes(entry.elements()), Some(entry.bytes()));
            }
        }
    }
}
