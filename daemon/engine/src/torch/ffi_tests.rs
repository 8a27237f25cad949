//! Whether Rust and C++ declare the same functions and numbers. Each compiler sees one side only: these tests read both as texts.
//!
//! What a declaration may look like is what the two files have; anything else fails here rather than being taken for equal.

use std::collections::BTreeMap;
use std::ffi::c_int;

use rstest::rstest;

use super::ffi;

const RUST: &str = include_str!("ffi.rs");
const HEADER: &str = include_str!("../../shim/shim.h");

/// Rust's types that are no pointers, and C++'s that have the same bytes.
const TYPES: [(&str, &str); 12] = [
    ("()", "void"),
    ("c_void", "void"),
    ("c_char", "char"),
    ("c_int", "int"),
    ("i64", "int64_t"),
    ("u64", "uint64_t"),
    ("usize", "size_t"),
    ("f64", "double"),
    ("C_tensor", "Tensor"),
    ("CGenerator", "at::Generator"),
    ("CInferenceMode", "c10::InferenceMode"),
    ("extern \"C\" fn(*mut c_void)", "Release"),
];

/// What a function is declared as, in C++'s types.
#[derive(Debug, PartialEq)]
struct Signature {
    /// Each parameter as `name: type`.
    parameters: Vec<String>,
    result: String,
}

/// By name.
type Functions = BTreeMap<String, Signature>;

/// A text without its `//` comments, a blank for each run of white space.
fn plain(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// The declarations between the braces behind `head`.
fn declarations(text: &str, head: &str) -> Vec<String> {
    let text = plain(text);
    let (_, block) = text.split_once(head).expect("the block of declarations");
    let (block, _) = block.split_once('}').expect("its end");
    let statements = block.split(';').map(str::trim);
    statements.filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// What stands before a function's parameters, and these.
fn parts(declaration: &str) -> (&str, Vec<&str>) {
    let (before, rest) = declaration.split_once('(').expect("a function's parameters");
    let (inside, after) = rest.rsplit_once(')').expect("their end");
    assert_eq!(after.trim(), "", "{declaration}");
    let parameters = inside.split(',').map(str::trim).filter(|it| !it.is_empty());
    (before.trim(), parameters.collect())
}

/// A C++ type as it is written here: no blanks around stars.
fn tight(name: &str) -> String {
    name.replace(" *", "*").replace("* ", "*")
}

/// The C++ type that has the bytes of a type of Rust.
fn c_type(rust: &str) -> String {
    if let Some(inner) = rust.strip_prefix("*mut ") {
        return c_type(inner) + "*";
    }
    if let Some(inner) = rust.strip_prefix("*const ") {
        assert!(!inner.starts_with('*'), "{rust}: say here how C++ writes it");
        return format!("const {}*", c_type(inner));
    }
    let known = TYPES.iter().find(|(name, _)| *name == rust);
    known
        .unwrap_or_else(|| panic!("{rust}: say here what it is in C++"))
        .1
        .to_owned()
}

fn of_rust(text: &str) -> Functions {
    let read = |declaration: String| {
        let bare = declaration.trim_start_matches("pub(super) ").trim_start_matches("fn ");
        // A function without a result ends with its parameters, whose types may be functions.
        let (bare, result) = bare.rsplit_once(" -> ").unwrap_or((bare, "()"));
        let (name, parameters) = parts(bare);
        let parameter = |text: &str| {
            let (name, kind) = text.split_once(':').expect("a parameter's type");
            format!("{}: {}", name.trim(), c_type(kind.trim()))
        };
        (
            name.to_owned(),
            Signature {
                parameters: parameters.into_iter().map(parameter).collect(),
                result: c_type(result),
            },
        )
    };
    declarations(text, "unsafe extern \"C\" {")
        .into_iter()
        .map(read)
        .collect()
}

fn of_header(text: &str) -> Functions {
    /// What stands before a name at the end, and the name.
    fn named(text: &str) -> (String, &str) {
        let name = text
            .rfind(|c: char| !c.is_alphanumeric() && c != '_')
            .map_or(0, |at| at + 1);
        assert!(name > 0 && name < text.len(), "{text}: a type and a name");
        (tight(text[..name].trim()), &text[name..])
    }
    let read = |declaration: String| {
        let (before, parameters) = parts(&declaration);
        let parameter = |text: &str| {
            // An array is a pointer to its first.
            let (text, array) = text.split_once('[').map_or((text, ""), |(text, _)| (text, "*"));
            let (kind, name) = named(text);
            format!("{name}: {kind}{array}")
        };
        let parameters = parameters.into_iter().map(parameter).collect();
        let (result, name) = named(before);
        (name.to_owned(), Signature { parameters, result })
    };
    declarations(text, "extern \"C\" {").into_iter().map(read).collect()
}

/// What is not the same on both sides.
fn differences(rust: &Functions, header: &Functions) -> Vec<String> {
    let mut names: Vec<_> = rust.keys().chain(header.keys()).collect();
    names.sort();
    names.dedup();
    let differ = |name: &&String| rust.get(*name) != header.get(*name);
    let say = |name: &String| format!("{name}: {:?} and {:?}", rust.get(name), header.get(name));
    names.into_iter().filter(differ).map(say).collect()
}

/// The names and numbers of an enumeration, in capitals.
fn enumerators(text: &str, head: &str) -> Vec<(String, c_int)> {
    let text = plain(text);
    let (_, rest) = text.split_once(head).expect("the enumeration");
    let (_, rest) = rest.split_once('{').expect("its beginning");
    let (block, _) = rest.split_once('}').expect("its end");
    let read = |line: &str| {
        let (name, number) = line.split_once('=').expect("a number for each name");
        (name.trim().to_uppercase(), number.trim().parse().unwrap())
    };
    block.split(',').filter(|it| !it.trim().is_empty()).map(read).collect()
}

#[test]
fn both_sides_declare_the_same() {
    let (rust, header) = (of_rust(RUST), of_header(HEADER));
    assert!(rust.len() > 40 && header.contains_key("dk_attention"), "they are read");
    assert_eq!(differences(&rust, &header), [] as [String; 0]);
    assert!(plain(HEADER).contains("using Release = void (*)(void *);"));
}

#[test]
fn numbers_that_are_written_twice_are_the_same() {
    let products = enumerators(include_str!("wide.rs"), "pub enum Products ");
    assert_eq!(
        products,
        enumerators(include_str!("../../shim/products.h"), "enum Products ")
    );
    assert_eq!(products.len(), 3);
    let codes = enumerators(include_str!("../../shim/guard.h"), "enum Code ");
    let expected = [("OK", ffi::OK), ("OUT_OF_MEMORY", ffi::OUT_OF_MEMORY), ("FAILED", 2)];
    assert_eq!(codes, expected.map(|(name, code)| (name.to_owned(), code)));
}

const ONE: &str = "unsafe extern \"C\" {\n    // said\n    pub(super) fn dk_one(x: *const C_tensor, size: *const i64, \
                   release: extern \"C\" fn(*mut c_void), out: *mut *const c_char) -> c_int;\n    fn dk_two();\n}\nfn dk_not() {}";

#[rstest]
#[case::same(
    "int dk_one(const Tensor *x, const int64_t size[4], Release release,\n const char **out); // said\nvoid dk_two();",
    ""
)]
#[case::order(
    "void dk_two(); int dk_one(const Tensor* x, const int64_t * size, Release release, const char** out);",
    ""
)]
#[case::more(
    "int dk_one(const Tensor *x, const int64_t *size, Release release, const char **out, int n); void dk_two();",
    "dk_one"
)]
#[case::fewer(
    "int dk_one(const Tensor *x, const int64_t *size, Release release); void dk_two();",
    "dk_one"
)]
#[case::kind(
    "int dk_one(const Tensor *x, const int32_t *size, Release release, const char **out); void dk_two();",
    "dk_one"
)]
#[case::constant(
    "int dk_one(Tensor *x, const int64_t *size, Release release, const char **out); void dk_two();",
    "dk_one"
)]
#[case::pointer(
    "int dk_one(const Tensor *x, const int64_t *size, Release release, const char *out); void dk_two();",
    "dk_one"
)]
#[case::name(
    "int dk_one(const Tensor *x, const int64_t *sizes, Release release, const char **out); void dk_two();",
    "dk_one"
)]
#[case::swapped(
    "int dk_one(const int64_t *size, const Tensor *x, Release release, const char **out); void dk_two();",
    "dk_one"
)]
#[case::result(
    "int dk_one(const Tensor *x, const int64_t *size, Release release, const char **out); int dk_two();",
    "dk_two"
)]
#[case::missing(
    "int dk_one(const Tensor *x, const int64_t *size, Release release, const char **out);",
    "dk_two"
)]
#[case::added(
    "int dk_one(const Tensor *x, const int64_t *size, Release release, const char **out); void dk_two(); int dk_three();",
    "dk_three"
)]
fn what_differs_is_named(#[case] declared: &str, #[case] expected: &str) {
    let header = format!("using Release = void (*)(void *);\nextern \"C\" {{\n{declared}\n}}\n");
    let found = differences(&of_rust(ONE), &of_header(&header));
    let names: Vec<_> = found.iter().map(|it| it.split(':').next().unwrap()).collect();
    assert_eq!(names.join(" "), expected, "{found:?}");
}

#[test]
fn a_number_that_differs_is_seen() {
    let rust = "pub enum Way {\n    /// By 1 = one.\n    Left = 0,\n    Right = 1,\n}";
    assert_eq!(
        enumerators(rust, "pub enum Way "),
        enumerators("enum Way : int { LEFT = 0, // said\nRIGHT = 1 };", "enum Way ")
    );
    for other in [
        "LEFT = 1, RIGHT = 0",
        "LEFT = 0",
        "LEFT = 0, RIGHT = 1, MORE = 2",
        "LEFT = 0, WRONG = 1",
    ] {
        let other = enumerators(&format!("enum Way : int {{ {other} }};"), "enum Way ");
        assert_ne!(enumerators(rust, "pub enum Way "), other);
    }
}
