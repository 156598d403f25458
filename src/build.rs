//! Writes a table of the files that the binary carries: dashboard, SDK and examples. A folder that was not built yet
//! gives an empty table and a sentence that `nearside serve` repeats, so that a bare `cargo check` always works.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Where the files come from, and the constant that lists them.
const FOLDERS: [(&str, &str, &str); 3] =
    [("DASHBOARD", "www/dashboard", "dist"), ("SDK", "www/sdk", "dist"), ("EXAMPLES", "www/examples", "")];

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=src/build.rs");
    let native = env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("wasm32");
    if !native || env::var_os("CARGO_FEATURE_CLI").is_none() {
        return Ok(());
    }
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut table = String::new();
    let mut missing = Vec::new();
    for (constant, parent, folder) in FOLDERS {
        let path = root.join(parent).join(folder);
        watch(&root, parent, folder);
        let mut files = Vec::new();
        if path.is_dir() {
            collect(&path, &path, &mut files)?;
        }
        if files.is_empty() {
            missing.push(parent.trim_start_matches("www/"));
        }
        files.sort();
        write_table(&mut table, constant, &path, &files)?;
    }
    let note = match missing.is_empty() {
        true => "None".to_owned(),
        false => format!(
            "Some(\"this binary was built without the {}: run `make www`, then build it again\")",
            missing.join(", ")
        ),
    };
    let _ = writeln!(
        table,
        "/// What is not in this binary, and how to get it there.\npub const MISSING: Option<&str> = {note};"
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("assets.rs"), table)
}

/// Watches the nearest folder that exists: cargo takes a missing path for one that always changes.
fn watch(root: &Path, parent: &str, folder: &str) {
    let built = format!("{parent}/{folder}");
    for path in [built.trim_end_matches('/'), parent, "www"] {
        if root.join(path).is_dir() {
            println!("cargo:rerun-if-changed={path}");
            return;
        }
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "node_modules" {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if mime(&name).is_some() && !name.ends_with(".d.ts") {
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.push(relative);
        }
    }
    Ok(())
}

fn write_table(table: &mut String, constant: &str, folder: &Path, files: &[String]) -> io::Result<()> {
    let _ = writeln!(table, "/// The files of {}.\npub static {constant}: &[Embedded] = &[", constant.to_lowercase());
    for file in files {
        let path = folder.join(file);
        let compressed = folder.join(format!("{file}.br"));
        let brotli = match compressed.is_file() {
            true => format!("Some(include_bytes!({compressed:?}))"),
            false => "None".to_owned(),
        };
        let (mime, tag) = (mime(file).unwrap_or_default(), fnv1a(&fs::read(&path)?));
        let _ = writeln!(
            table,
            "    Embedded {{ path: {file:?}, mime: {mime:?}, etag: \"\\\"{tag:016x}\\\"\", bytes: include_bytes!({path:?}), brotli: {brotli} }},"
        );
    }
    table.push_str("];\n");
    Ok(())
}

fn mime(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "onnx" => "application/octet-stream",
        _ => return None,
    })
}

/// FNV-1a (Fowler, Noll and Vo) with 64 bits: tells two versions of one file apart.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
