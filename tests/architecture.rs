//! The rules of `src/README.md`, checked on the sources themselves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules in the order of the architecture page: each may use those before it.
const ORDER: [&str; 20] = [
    "canvas",
    "tensor",
    "stats",
    "features",
    "guard",
    "profile",
    "telemetry",
    "bundle",
    "predict",
    "explain",
    "monitor",
    "alerts",
    "rollout",
    "onnx",
    "sources",
    "train",
    "evaluate",
    "collect",
    "cli",
    "wasm",
];

/// Neighbours that share types by design: the manifest names the layout of counters and the policy, and they read it.
const MUTUAL: [(&str, &str); 3] = [("guard", "bundle"), ("profile", "bundle"), ("telemetry", "bundle")];

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

/// The part of a file before its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
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
        for file in sources(&root().join(module)) {
            let text = code(&file);
            for later in &ORDER[place + 1..] {
                let allowed = MUTUAL.contains(&(*module, *later));
                if !allowed && text.contains(&format!("crate::{later}::")) {
                    wrong.push(format!("{} uses {later}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
    let native = ["folder.rs", "registry.rs", "read.rs", "tree.rs", "de.rs"];
    for module in &ORDER[..13] {
        for file in sources(&root().join(module)) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            if native.contains(&name.as_str()) {
                continue;
            }
            let text = code(&file);
            for forbidden in ["std::fs", "std::net", "SystemTime", "Instant::now", "println!", "eprintln!"] {
                assert!(!text.contains(forbidden), "{} has {forbidden}", file.display());
            }
        }
    }
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
