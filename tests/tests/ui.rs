//! Compile-time messages: a golden for each code, or a line in `mistakes/` for those that are given once rustc found nothing wrong.
//! `TRYBUILD=overwrite` renews the goldens.

#[test]
fn messages() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}

#[test]
fn no_code_lacks_a_golden() {
    let source = include_str!("../../jit-macros/src/diag.rs");
    let codes = source.split('"').filter(|s| s.len() == 4 && s.starts_with('J'));
    // No program is known that is given these.
    for code in codes.filter(|c| !["J025", "J099"].contains(c)) {
        let found = std::fs::read_dir("ui").unwrap().any(|entry| {
            let path = entry.unwrap().path();
            path.extension().is_some_and(|e| e == "stderr")
                && std::fs::read_to_string(&path).unwrap().contains(&format!("[{code}]"))
        });
        let built = include_str!("../mistakes/calls.rs").contains(&format!("//~ {code}"));
        assert!(found || built, "{code} has no golden in tests/ui and no line in tests/mistakes/calls.rs");
    }
}

#[test]
fn every_code_is_documented() {
    let source = include_str!("../../jit-macros/src/diag.rs");
    let page = include_str!("../../jit-runtime/docs/messages.md");
    for code in source.split('"').filter(|s| s.len() == 4 && s.starts_with('J')) {
        assert!(page.contains(&format!("| `{code}` |")), "{code} is missing in docs/messages.md");
    }
}
