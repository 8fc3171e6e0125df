//! Tests the command aidlink-screen on its own; tests/split_round.rs covers
//! whole split rounds.

use std::process::Command;

fn screen(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_aidlink-screen"))
        .args(arguments)
        .output()
        .expect("the command starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn an_identity_is_made_owner_only_and_once() {
    let folder = std::env::temp_dir().join(format!("aidlink-screen-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let file = folder.join("centre.identity");
    let named = file.to_str().expect("UTF-8");
    let (code, output, _) = screen(&["identity", "new", named, "--lang", "en"]);
    assert_eq!(code, 0);
    let recipient = output.split_whitespace().last().expect("a recipient");
    assert!(recipient.starts_with("age1"), "{output}");
    let text = std::fs::read_to_string(&file).expect("the identity");
    assert!(text.contains(recipient) && text.contains("AGE-SECRET-KEY-1"));
    assert!(!output.contains("AGE-SECRET-KEY"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file)
            .expect("the file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let (code, _, error) = screen(&["identity", "new", named, "--lang", "en"]);
    assert_eq!(code, 1);
    assert!(
        error.contains("the file exists and is not overwritten"),
        "{error}"
    );
    std::fs::remove_dir_all(&folder).expect("the test's own folder");
}

#[test]
fn a_missing_round_file_is_reported() {
    let (code, _, error) = screen(&["run", "nowhere.toml", "--tokens", "x", "--lang", "en"]);
    assert_eq!(code, 2);
    assert!(error.contains("nowhere.toml"), "{error}");
}
