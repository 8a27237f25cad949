//! Headers that are good, damaged or hostile, and lengths that lie; what is accepted is compared with the `safetensors` crate.
//! Properties hold for any bytes: no panic, and every range within the file. Shard indexes and element types are tested in
//! `index.rs` and `dtype.rs`.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

/// A file whose header is `json`, followed by `data` zero bytes.
fn file(json: &str, data: usize) -> Vec<u8> {
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn parse(bytes: &[u8]) -> Result<Header, HeaderProblem> {
    Header::parse(bytes, bytes.len() as u64)
}

#[test]
fn a_good_file_reads_as_the_safetensors_crate_reads_it() {
    let json = json!({
        "__metadata__": {"format": "pt"},
        "b": {"dtype": "F16", "shape": [2, 3], "data_offsets": [4, 16]},
        "a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
        "none": {"dtype": "U8", "shape": [0, 7], "data_offsets": [4, 4]},
    })
    .to_string();
    let bytes = file(&(json + "   "), 12 + 4);
    let header = parse(&bytes).unwrap();
    let theirs = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(header.metadata["format"], "pt");
    assert_eq!(header.tensors.len(), theirs.len());
    for (name, entry) in &header.tensors {
        let view = theirs.tensor(name).unwrap();
        assert_eq!(entry.dtype.name(), view.dtype().to_string());
        assert_eq!(entry.shape, view.shape().iter().map(|n| *n as u64).collect::<Vec<_>>());
        let range = entry.range.start as usize..entry.range.end as usize;
        assert_eq!(bytes[range].as_ptr(), view.data().as_ptr(), "{name}");
        assert_eq!(entry.elements(), entry.bytes() * 8 / u64::from(entry.dtype.size_bits()));
    }
    assert_eq!(header.bytes(), 16);
}

#[test]
fn an_empty_model_is_a_model() {
    assert_eq!(parse(&file("{}", 0)), Ok(Header::default()));
    assert_eq!(parse(&file(r#"{"__metadata__":null}"#, 0)), Ok(Header::default()));
}

/// Headers as an attacker, a broken download or a broken writer makes them: JSON, bytes of data, what the message holds.
#[rstest]
#[case::not_json("{nonsense", 0, "key must be a string")]
#[case::array("[]", 0, "does not start with '{'")]
#[case::space_first(" {}", 0, "does not start with '{'")]
#[case::two_objects("{}{}", 0, "trailing characters")]
#[case::scalar_tensor(r#"{"a":1}"#, 0, "invalid type")]
#[case::tensor_as_array(r#"{"a":["U8",[],[0,1]]}"#, 1, "expected an object")]
#[case::missing_shape(r#"{"a":{"dtype":"U8","data_offsets":[0,1]}}"#, 1, "missing field `shape`")]
#[case::field_twice(
    r#"{"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}"#,
    1,
    "duplicate field"
)]
#[case::name_twice(
    r#"{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[],"data_offsets":[1,2]}}"#,
    2,
    "'a' is in the header twice"
)]
#[case::metadata_twice(r#"{"__metadata__":{},"__metadata__":{}}"#, 0, "twice")]
#[case::metadata_key_twice(r#"{"__metadata__":{"k":"1","k":"2"}}"#, 0, "'k' is in the header twice")]
#[case::metadata_number(r#"{"__metadata__":{"k":1}}"#, 0, "expected a string")]
#[case::dtype(r#"{"a":{"dtype":"F7","shape":[],"data_offsets":[0,1]}}"#, 1, "element type 'F7'")]
#[case::negative(
    r#"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}"#,
    1,
    "invalid value: integer `-1`"
)]
#[case::fraction(r#"{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}"#, 1, "floating point")]
#[case::beyond_u64(
    r#"{"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1]}}"#,
    1,
    "floating point"
)]
#[case::product_overflows(
    r#"{"a":{"dtype":"U8","shape":[4294967296,4294967296,16],"data_offsets":[0,1]}}"#,
    1,
    "a shape whose size cannot be"
)]
#[case::bits_overflow(
    r#"{"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,1]}}"#,
    1,
    "cannot be"
)]
#[case::half_a_byte(r#"{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}"#, 2, "cannot be")]
#[case::size_lies(
    r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#,
    4,
    "needs 8 bytes for [2] of F32, the header gives it 4"
)]
#[case::backwards(
    r#"{"a":{"dtype":"U8","shape":[],"data_offsets":[1,0]}}"#,
    1,
    "runs from byte 1 to 0"
)]
#[case::three_offsets(
    r#"{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1,2]}}"#,
    1,
    "trailing characters"
)]
#[case::overlap(
    r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#,
    6,
    "'b' starts at byte 2, inside the one before"
)]
#[case::same_bytes(
    r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#,
    4,
    "inside the one before"
)]
#[case::hole(r#"{"a":{"dtype":"U8","shape":[],"data_offsets":[1,2]}}"#, 2, "no hole")]
#[case::past_the_end(
    r#"{"a":{"dtype":"U8","shape":[1000],"data_offsets":[0,1000]}}"#,
    10,
    "The download is incomplete"
)]
#[case::far_past_the_end(
    r#"{"a":{"dtype":"U8","shape":[18446744073709551],"data_offsets":[0,18446744073709551]}}"#,
    10,
    "The download is incomplete"
)]
#[case::bytes_left_over(r#"{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#, 3, "its tensors end at")]
#[case::data_without_tensors("{}", 1, "its tensors end at 10")]
#[case::terminal_codes(
    "{\"\\u001b[2J\":{\"dtype\":\"F7\",\"shape\":[],\"data_offsets\":[0,1]}}",
    1,
    "'\\u{1b}[2J'"
)]
fn hostile_headers_are_refused(#[case] json: &str, #[case] data: usize, #[case] message: &str) {
    let problem = parse(&file(json, data)).unwrap_err();
    let text = problem.to_string();
    assert!(text.contains(message), "{text}");
    assert!(!text.contains(|c: char| c.is_control()), "{text}");
}

#[rstest]
#[case::empty(vec![], HeaderProblem::TooShort { len: 0 })]
#[case::seven_bytes(vec![0; 7], HeaderProblem::TooShort { len: 7 })]
#[case::git_lfs(b"version https://git-lfs.github.com/spec/v1".to_vec(), HeaderProblem::LfsPointer)]
#[case::huge_length(u64::MAX.to_le_bytes().to_vec(), HeaderProblem::OverLimit { claimed: u64::MAX })]
#[case::over_our_limit((MAX_HEADER + 1).to_le_bytes().to_vec(), HeaderProblem::OverLimit { claimed: MAX_HEADER + 1 })]
#[case::lying_length(MAX_HEADER.to_le_bytes().to_vec(), HeaderProblem::OverFile { claimed: MAX_HEADER, len: 8 })]
fn lengths_that_lie_are_refused_before_anything_is_read(#[case] bytes: Vec<u8>, #[case] problem: HeaderProblem) {
    assert_eq!(parse(&bytes), Err(problem));
}

#[rstest]
#[case::where_fields_are_skipped(r#"{"a":{"x":"#)]
#[case::where_a_number_should_be(r#"{"a":{"shape":"#)]
#[case::where_text_should_be(r#"{"__metadata__":{"k":"#)]
#[case::where_a_tensor_should_be(r#"{"a":"#)]
fn deep_json_is_refused_without_a_deep_stack(#[case] start: &str) {
    for bracket in ["[", r#"{"a":"#] {
        let deep = format!("{start}{}", bracket.repeat(1_000_000));
        assert!(matches!(parse(&file(&deep, 0)), Err(HeaderProblem::Json(_))));
    }
}

#[test]
fn limits_hold_at_their_edges() {
    let named = |len| json!({"n".repeat(len): {"dtype": "U8", "shape": [], "data_offsets": [0, 1]}}).to_string();
    assert!(parse(&file(&named(MAX_NAME), 1)).is_ok());
    assert_eq!(
        parse(&file(&named(MAX_NAME + 1), 1)),
        Err(HeaderProblem::LongName { len: MAX_NAME + 1 })
    );
    let ranked = |rank| json!({"a": {"dtype": "U8", "shape": vec![1; rank], "data_offsets": [0, 1]}}).to_string();
    assert!(parse(&file(&ranked(MAX_RANK), 1)).is_ok());
    assert!(matches!(
        parse(&file(&ranked(MAX_RANK + 1), 1)),
        Err(HeaderProblem::Rank { .. })
    ));
}

#[test]
fn one_tensor_too_many_is_refused() {
    let entry = |i: usize| format!(r#""{i:x}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#);
    let json = (0..=MAX_TENSORS).map(entry).collect::<Vec<_>>().join(",");
    assert_eq!(
        parse(&file(&format!("{{{json}}}"), 0)),
        Err(HeaderProblem::TooManyTensors)
    );
}

/// What fills eight megabytes with as little as can be: each is refused before it costs more than a model.
#[test]
fn headers_of_very_many_small_things_are_refused() {
    let size = MAX_HEADER as usize - 200;
    let fill = |begin: &str, unit: &str, end: &str| format!("{begin}{}{end}", unit.repeat(size / unit.len()));
    let metadata: String = (0..size / 12).map(|n| format!(r#""{n:06}":"","#)).collect();
    let metadata = format!(r#"{{"__metadata__":{{{metadata}"x":""}}}}"#);
    assert_eq!(parse(&file(&metadata, 0)), Err(HeaderProblem::TooMuchMetadata));
    let shape = fill(r#"{"a":{"dtype":"U8","shape":["#, "1,", r#"1],"data_offsets":[0,1]}}"#);
    assert_eq!(
        parse(&file(&shape, 1)),
        Err(HeaderProblem::Rank {
            name: "a".to_owned(),
            rank: size / 2 + 1
        })
    );
    let entry = r#""":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"#;
    let nameless = fill("{", entry, r#""b":{}}"#);
    assert_eq!(
        parse(&file(&nameless, 0)),
        Err(HeaderProblem::Duplicate { name: String::new() })
    );
    let keys = fill(r#"{"__metadata__":{"#, r#""k":"","#, r#""x":""}}"#);
    assert_eq!(
        parse(&file(&keys, 0)),
        Err(HeaderProblem::Duplicate { name: "k".to_owned() })
    );
    let field = fill(
        r#"{"a":{"#,
        r#""x":{},"#,
        r#""dtype":"U8","shape":[],"data_offsets":[0,1]}}"#,
    );
    assert_eq!(
        parse(&file(&field, 1)).unwrap().tensors.len(),
        1,
        "unknown fields are passed over"
    );
    let dtype = fill(r#"{"a":{"dtype":""#, "F", r#"","shape":[],"data_offsets":[0,1]}}"#);
    assert!(parse(&file(&dtype, 1)).unwrap_err().to_string().len() < 500);
    let number = fill(r#"{"a":{"dtype":"U8","shape":["#, "9", r#"],"data_offsets":[0,1]}}"#);
    assert!(parse(&file(&number, 1)).unwrap_err().to_string().len() < 500);
}

#[test]
fn a_prefix_is_enough_and_a_shorter_one_says_what_is_missing() {
    let bytes = file(r#"{"a":{"dtype":"U8","shape":[100],"data_offsets":[0,100]}}"#, 100);
    let needed = Header::prefix_len(&bytes[..8], bytes.len() as u64).unwrap();
    assert_eq!(
        Header::parse(&bytes[..needed as usize], bytes.len() as u64),
        parse(&bytes)
    );
    let short = Header::parse(&bytes[..20], bytes.len() as u64);
    assert_eq!(short, Err(HeaderProblem::ShortPrefix { needed, given: 20 }));
}

#[test]
fn files_are_named_in_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let missing = Header::read(&path).unwrap_err().to_string();
    assert!(
        missing.starts_with("Cannot read ") && missing.contains("model.safetensors"),
        "{missing}"
    );
    std::fs::write(
        &path,
        file(r#"{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#, 1),
    )
    .unwrap();
    assert_eq!(Header::read(&path).unwrap().tensors["a"].dtype, Dtype::U8);
    std::fs::write(&path, b"<html>not a model</html>").unwrap();
    let error = Header::read(&path).unwrap_err().to_string();
    assert!(error.contains("model.safetensors: the header claims "), "{error}");
    assert!(
        Header::read(folder.path())
            .unwrap_err()
            .to_string()
            .contains("not a regular file")
    );
}

/// Entries that are mostly plausible, so that every check is reached.
fn entry() -> impl Strategy<Value = serde_json::Value> {
    let number = prop_oneof![4 => 0u64..9, 1 => any::<u64>()];
    let dtype = prop_oneof![4 => (0..Dtype::ALL.len()).prop_map(|i| Dtype::ALL[i].1.to_owned()), 1 => ".{0,4}"];
    (
        dtype,
        prop::collection::vec(number.clone(), 0..4),
        number.clone(),
        number,
    )
        .prop_map(|(dtype, shape, begin, end)| json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}))
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), len in any::<u64>()) {
        let _ = Header::parse(&bytes, len);
    }

    #[test]
    fn what_is_accepted_is_in_the_file_and_the_safetensors_crate_accepts_it_too(
        tensors in prop::collection::btree_map("[a-c]{1,2}", entry(), 0..4),
        data in 0usize..40,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = file(&serde_json::to_string(&tensors).unwrap(), data);
        if let Ok(header) = parse(&bytes) {
            prop_assert!(::safetensors::SafeTensors::deserialize(&bytes).is_ok());
            for entry in header.tensors.values() {
                prop_assert!(entry.range.start <= entry.range.end && entry.range.end <= bytes.len() as u64);
            }
            bytes.truncate(cut.index(bytes.len()));
            prop_assert!(parse(&bytes).is_err());
        }
    }

    #[test]
    fn what_the_safetensors_crate_writes_is_read(
        shapes in prop::collection::btree_map("[a-z.0-9]{1,12}", (0..Dtype::ALL.len(), prop::collection::vec(0usize..4, 0..4)), 0..6),
    ) {
        let zeros = vec![0u8; 8 * 64];
        let views: Vec<_> = shapes
            .iter()
            .filter_map(|(name, (dtype, shape))| {
                let (ours, dtype_name, _) = Dtype::ALL[*dtype];
                let theirs: ::safetensors::Dtype = serde_json::from_value(dtype_name.into()).unwrap();
                let bytes = ours.bytes(shape.iter().product::<usize>() as u64)? as usize;
                Some((name, ::safetensors::tensor::TensorView::new(theirs, shape.clone(), &zeros[..bytes]).unwrap()))
            })
            .collect();
        let count = views.len();
        let bytes = ::safetensors::serialize(views, None).unwrap();
        prop_assert_eq!(parse(&bytes).unwrap().tensors.len(), count);
    }
}
