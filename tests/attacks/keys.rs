//! Attacks on the files of keys: first runs at once, commands that fail beside others, and files
//! that state a value twice.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::register::Kept;
use crate::support::{CommandResult, Round, aidlink, command_result};

fn start(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_aidlink"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn run(round: &Round, output: &str) -> Child {
    let (file, output) = (round.path("round.toml"), round.path(output));
    start(&[
        "run",
        file.to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
        "--lang",
        "en",
    ])
}

fn ended(child: Child) -> CommandResult {
    command_result(child.wait_with_output().unwrap())
}

/// Whoever makes the keys of a round, they stay as long as an output was made with them, and no
/// run fails because another one has made them.
#[test]
fn first_runs_at_once_keep_the_keys() {
    for attempt in 0..12 {
        let round = Round::hand_made();
        let outputs = ["one", "two", "three"];
        let children = outputs.map(|output| {
            let child = run(&round, output);
            std::thread::sleep(std::time::Duration::from_millis(attempt * 3));
            child
        });
        for child in children {
            let result = ended(child);
            assert!(matches!(result.code, 0 | 3), "{}", result.stderr);
        }
        let mut ids = std::collections::BTreeSet::new();
        for output in outputs {
            let manifest: serde_json::Value =
                serde_json::from_str(&round.read(&format!("{output}/manifest.json"))).unwrap();
            ids.insert(manifest["key"]["id"].to_string());
            let folder = round.path(output);
            let public = round.path("signing.pub");
            let verified = aidlink(&[
                "audit",
                "verify",
                folder.to_str().unwrap(),
                "--public-key",
                public.to_str().unwrap(),
            ]);
            assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
        }
        assert_eq!(ids.len(), 1, "{ids:?}");
        let id = aidlink(&["key", "id", round.path("round.toml").to_str().unwrap()]);
        assert!(
            ids.first().unwrap().contains(id.stdout.trim()),
            "{}",
            id.stdout
        );
        assert!(round.path("signing.key").exists());
    }
}

/// Two new keys under one name: what the register uses afterwards is there.
#[test]
fn a_new_key_that_another_command_made_is_not_removed() {
    let kept = Kept::new();
    super::registers::with_people(&kept);
    let (export, wrong) = (
        super::registers::export(&kept, "people.csv"),
        kept.path("wrong.csv"),
    );
    fs::write(&wrong, "姓名\n某人\n").unwrap();
    let (file, key) = (kept.file(""), kept.path("new.key"));
    let rekey = |export: &str| {
        start(&[
            "register",
            "rekey",
            "--register",
            file.to_str().unwrap(),
            "--export",
            export,
            "--operator",
            "张三",
            "--because",
            "换密钥",
            "--new-key",
            key.to_str().unwrap(),
            "--lang",
            "en",
        ])
    };
    // An export that cannot be read makes no key, and one that is there stays.
    assert_eq!(ended(rekey(wrong.to_str().unwrap())).code, 1);
    assert!(!key.exists());
    for delay in 0..6 {
        let right = rekey(&export);
        std::thread::sleep(std::time::Duration::from_millis(delay * 15));
        let other = rekey(wrong.to_str().unwrap());
        let (right, other) = (ended(right), ended(other));
        assert_ne!(other.code, 0);
        assert_eq!(right.code, 0, "{}{}", right.stdout, right.stderr);
        let id = kept.json("verify", &[])["head"]["key_id"].clone();
        assert!(
            right.stdout.contains(id.as_str().unwrap()),
            "{}",
            right.stdout
        );
        assert!(
            fs::read_to_string(&key)
                .unwrap()
                .contains("aidlink-register-key-v1:")
        );
        // The next one begins with this key.
        fs::rename(
            &key,
            Path::new(&kept.file("")).with_file_name("register.key"),
        )
        .unwrap();
    }
}
