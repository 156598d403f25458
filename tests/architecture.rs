//! The rules of `src/README.md`, checked on the sources themselves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules in the order of the architecture page: each may use those before it.
const ORDER: [&str; 24] = [
    "kernels",
    "wire",
    "canvas",
    "stats",
    "tensor",
    "features",
    "bundle",
    "guard",
    "profile",
    "telemetry",
    "predict",
    "plan",
    "explain",
    "monitor",
    "alerts",
    "rollout",
    "onnx",
    "sources",
    "train",
    "evaluate",
    "adopt",
    "collect",
    "cli",
    "wasm",
];

/// The core: everything up to this module.
const CORE_ENDS_WITH: &str = "rollout";

/// The one file of the core that does I/O.
const REGISTRY: &str = "rollout/registry.rs";

/// The modules that exist on native targets only, with the command line.
const NATIVE: [&str; 6] = ["sources", "train", "evaluate", "adopt", "collect", "cli"];

const NATIVE_GATE: &str = "all(feature = \"cli\", not(target_arch = \"wasm32\"))";

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The part of a file before what is compiled for its tests only, without comments. A module for tests that is a file of
/// its own ends nothing here.
fn code(path: &Path) -> String {
    const GATE: &str = "#[cfg(test)]";
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let ends = |at: &usize| lines[*at] == GATE && lines.get(at + 1).is_some_and(|next| next.ends_with('{'));
    let end = (0..lines.len()).find(ends).unwrap_or(lines.len());
    let lines = lines[..end].iter().filter(|line| !line.trim_start().starts_with("//"));
    lines.copied().collect::<Vec<_>>().join("\n")
}

/// Whether a file holds nothing but tests.
fn is_test(path: &Path) -> bool {
    let named = path.file_stem().is_some_and(|name| name.to_string_lossy().ends_with("tests"));
    named || path.parent().is_some_and(|folder| folder.ends_with("tests"))
}

/// The modules of the crate that a text uses: the first names behind `crate::`, and those in `crate::{…}`.
fn used(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    for rest in text.split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let mut depth = 1;
        let end = list.find(|c| {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            depth == 0
        });
        let mut depth = 0;
        let parts = list[..end.unwrap_or(0)].split(|c| {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            depth == 0 && c == ','
        });
        names.extend(parts.map(|part| word(part.trim())));
    }
    names
}

#[test]
fn every_folder_is_on_the_architecture_page_and_the_other_way_round() {
    let folders: BTreeSet<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let named: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("/`"))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(folders, named);
    assert_eq!(folders, ORDER.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn a_module_uses_only_modules_before_it() {
    let mut wrong = Vec::new();
    for (place, module) in ORDER.iter().enumerate() {
        for file in sources(&root().join(module)).into_iter().filter(|file| !is_test(file)) {
            let used = used(&code(&file));
            for later in ORDER[place + 1..].iter().filter(|later| used.contains(**later)) {
                wrong.push(format!("{} uses {later}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_order_on_the_page_is_the_order_that_is_checked() {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let named = page.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once("/`")?.0));
    assert_eq!(named.collect::<Vec<_>>(), ORDER);
}

#[test]
fn what_a_file_uses_is_found_however_it_is_written() {
    let text = "use crate::a::X;\nuse crate::b;\nuse crate::{c, d::{e, f}, error::Error};\nlet x = crate::g::h();\npub(crate) use i;";
    assert_eq!(used(text), ["a", "b", "c", "d", "error", "g"].map(String::from).into());
}

#[test]
fn tract_is_named_under_onnx_only() {
    let named: Vec<PathBuf> = sources(&root())
        .into_iter()
        .filter(|file| !file.starts_with(root().join("onnx")))
        .filter(|file| code(file).contains("tract_onnx"))
        .collect();
    assert!(named.is_empty(), "{named:?}");
}

#[test]
fn the_core_has_no_clock_and_does_no_io() {
    let end = ORDER.iter().position(|module| *module == CORE_ENDS_WITH).unwrap();
    let registry = root().join(REGISTRY);
    assert!(registry.is_file());
    for module in &ORDER[..=end] {
        for file in sources(&root().join(module)).into_iter().filter(|file| *file != registry && !is_test(file)) {
            let text = code(&file);
            for forbidden in [
                "std::fs",
                "std::net",
                "std::env",
                "std::process",
                "std::io",
                "std::thread",
                "SystemTime",
                "Instant",
                "rand::",
                "println!",
                "eprintln!",
                "print!(",
            ] {
                assert!(!text.contains(forbidden), "{} has {forbidden}", file.display());
            }
        }
    }
}

/// `println!` panics when whoever reads has gone; `output` does not.
#[test]
fn the_command_line_prints_through_output_alone() {
    for file in sources(&root().join("cli")) {
        let text = code(&file);
        for forbidden in ["println!", "print!(", "eprint!("] {
            assert!(!text.contains(forbidden), "{} has {forbidden}", file.display());
        }
    }
}

/// What stands in the parentheses of every `cfg` of a text.
fn gates(text: &str) -> Vec<String> {
    let openings = ["#[cfg(", "#![cfg(", "cfg!("];
    let starts = openings.iter().flat_map(|opening| text.match_indices(opening).map(|(at, _)| at + opening.len()));
    let inside = |start: usize| {
        let mut depth = 1;
        let end = text[start..].find(|c| {
            depth += match c {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            depth == 0
        });
        text[start..start + end.unwrap()].to_owned()
    };
    starts.map(inside).collect()
}

#[test]
fn code_is_gated_in_the_ways_that_the_page_names_and_no_other() {
    let everywhere = [
        "test",
        NATIVE_GATE,
        "not(target_arch = \"wasm32\")",
        "target_arch = \"wasm32\"",
        "feature = \"tract\"",
        "not(feature = \"tract\")",
        "feature = \"canvas\"",
        "not(feature = \"canvas\")",
        "any(feature = \"canvas\", feature = \"tract\")",
        "target_feature = \"relaxed-simd\"",
        "not(target_feature = \"relaxed-simd\")",
    ];
    let native: Vec<PathBuf> = NATIVE.iter().map(|module| root().join(module)).collect();
    for file in sources(&root()).into_iter().filter(|file| *file != root().join("build.rs")) {
        let is_native = native.iter().any(|folder| file.starts_with(folder));
        for gate in gates(&code(&file)) {
            let known =
                everywhere.contains(&gate.as_str()) || is_native && ["unix", "not(unix)"].contains(&gate.as_str());
            assert!(known, "{} is gated by {gate}", file.display());
        }
    }
}

#[test]
fn native_modules_are_gated_as_a_whole() {
    let lib = fs::read_to_string(root().join("lib.rs")).unwrap();
    for module in NATIVE.iter().filter(|module| **module != "cli") {
        assert!(lib.contains(&format!("#[cfg({NATIVE_GATE})]\npub mod {module};")), "{module}");
    }
    assert!(lib.contains("#[cfg(target_arch = \"wasm32\")]\nmod wasm;"));
    assert!(lib.contains("#[cfg(feature = \"tract\")]\npub mod onnx;"));
    // The command line is a program of its own, which needs the feature.
    let manifest = fs::read_to_string(root().join("../Cargo.toml")).unwrap();
    assert!(manifest.contains("path = \"src/cli/main.rs\"\nrequired-features = [\"cli\"]"));
}

#[test]
fn every_module_opens_with_what_it_takes_gives_and_never_does() {
    for module in ORDER.iter().filter(|module| **module != "cli") {
        let text = fs::read_to_string(root().join(module).join("mod.rs")).unwrap();
        let opening: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        for word in ["Takes", "gives", "Next:", "never"] {
            assert!(opening.contains(word), "src/{module}/mod.rs does not open with \"{word}\"");
        }
    }
}

/// What the small runtime is made of, asked of Cargo itself.
#[test]
fn nothing_of_tract_is_in_the_small_runtime() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--package",
            "nearside",
            "--no-default-features",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args(["--target", "wasm32-unknown-unknown", "--format", "{lib}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let names: BTreeSet<&str> = tree.lines().filter(|line| !line.is_empty()).collect();
    for wanted in ["nearside", "nearside_kernels", "wasm_bindgen"] {
        assert!(names.contains(wanted), "{names:?}");
    }
    for name in names {
        assert!(!name.contains("tract") && !["prost", "ndarray", "serde_json", "tokio"].contains(&name), "{name}");
    }
}
