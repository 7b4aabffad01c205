//! Mistakes in scripts are reported once: by rustc alone, or by the script alone where it says more. The files in `mistakes/` are
//! built, not checked, as users build: what is evaluated after the types are checked is seen, too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library as it was built for this test.
fn library(folder: &Path) -> PathBuf {
    let built = std::fs::read_dir(folder).expect("the folder of this test").flatten().map(|e| e.path());
    let name = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let libraries = built.filter(|p| name(p).starts_with("libjit_runtime-") && name(p).ends_with(".rlib"));
    let modified = |p: &PathBuf| std::fs::metadata(p).and_then(|m| m.modified()).ok();
    libraries.max_by_key(modified).expect("the library is built before its tests")
}

/// The errors of a file: line and code.
fn errors(file: &Path) -> Vec<(usize, String)> {
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test.parent().expect("a folder");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let built = Command::new(rustc)
        .args(["--edition=2024", "--crate-type=lib", "--emit=obj", "--error-format=json", "-Cdebuginfo=0"])
        .arg("--out-dir")
        .arg(out)
        .arg("-L")
        .arg(format!("dependency={}", folder.display()))
        .arg("--extern")
        .arg(format!("jit_runtime={}", library(folder).display()))
        .arg(file)
        .output()
        .expect("rustc runs");
    let text = String::from_utf8_lossy(&built.stderr);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let errors = messages.filter(|m| m["level"] == "error");
    let found = errors.filter_map(|message| {
        let span = message["spans"].as_array()?.iter().find(|s| s["is_primary"] == true)?.clone();
        let text = message["message"].as_str().unwrap_or_default();
        let own = text.split_once("[J").and_then(|(_, rest)| rest.split_once(']'));
        let code = own.map(|(number, _)| format!("J{number}"));
        let code = code.or(message["code"]["code"].as_str().map(String::from));
        Some((span["line_start"].as_u64()? as usize, code.unwrap_or_else(|| text.to_string())))
    });
    found.collect()
}

fn check(name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("mistakes").join(name);
    let source = std::fs::read_to_string(&file).expect("the file is there");
    let marked = source.lines().enumerate().filter_map(|(i, line)| {
        let (_, code) = line.split_once("//~ ")?;
        Some((i + 1, code.trim().to_string()))
    });
    let expected: BTreeSet<(usize, String)> = marked.collect();
    let found = errors(&file);
    let line = |n: usize| source.lines().nth(n - 1).unwrap_or_default();
    let mut wrong: Vec<String> = Vec::new();
    for (n, code) in &expected {
        let here: Vec<&String> = found.iter().filter(|(line, _)| line == n).map(|(_, code)| code).collect();
        if here != [code] {
            wrong.push(format!("{name}:{n} expected {code}, found {here:?}\n    {}", line(*n)));
        }
    }
    let elsewhere = found.iter().filter(|(n, _)| !expected.iter().any(|(line, _)| line == n));
    wrong.extend(elsewhere.map(|(n, code)| format!("{name}:{n} unexpected {code}\n    {}", line(*n))));
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), expected.len(), wrong.join("\n"));
}

#[test]
fn types() {
    check("types.rs");
}

#[test]
fn calls() {
    check("calls.rs");
}

#[test]
fn moves() {
    check("moves.rs");
}
