//! The command aidlink-screen by itself; whole split rounds are tested beside
//! the other commands.

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
    let (code, said, _) = screen(&["identity", "new", named, "--lang", "en"]);
    assert_eq!(code, 0);
    let recipient = said.split_whitespace().last().expect("a recipient");
    assert!(recipient.starts_with("age1"), "{said}");
    let text = std::fs::read_to_string(&file).expect("the identity");
    assert!(text.contains(recipient) && text.contains("AGE-SECRET-KEY-1"));
    assert!(!said.contains("AGE-SECRET-KEY"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file)
            .expect("the file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let (code, _, told) = screen(&["identity", "new", named, "--lang", "en"]);
    assert_eq!(code, 1);
    assert!(
        told.contains("the file exists and is not overwritten"),
        "{told}"
    );
    std::fs::remove_dir_all(&folder).expect("own folder");
}

#[test]
fn a_round_file_that_is_not_there_is_told() {
    let (code, _, told) = screen(&["run", "nowhere.toml", "--tokens", "x", "--lang", "en"]);
    assert_eq!(code, 2);
    assert!(told.contains("nowhere.toml"), "{told}");
}
