//! Rounds in temporary folders, and the command run on them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The project's folder.
/// By the variable at run time: binaries of two checkouts may share a target folder.
pub fn project() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .expect("cargo sets it")
        .into()
}

/// A round copied into a temporary folder, with policies, schemas and calendars
/// where its round file looks for them.
pub struct Round {
    folder: tempfile::TempDir,
    inner: String,
}

impl Round {
    pub fn sample() -> Self {
        Round::copy("sample_data/2026Q3")
    }

    pub fn hand_made() -> Self {
        Round::copy("tests/rounds/hand-made")
    }

    /// Another round of the same folder, beside this one.
    pub fn at(self, name: &str) -> Self {
        Round {
            inner: format!("sample_data/{name}"),
            ..self
        }
    }

    fn copy(inner: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for part in ["policies", "schemas", "calendars", inner] {
            copy_files(&project().join(part), &folder.path().join(part));
        }
        let round = Round {
            folder,
            inner: inner.to_owned(),
        };
        // The same key each time, so that lead numbers are the same each time.
        let key = format!(
            "round = '{}'\npurpose = 'joint-screening'\nkey = 'aidlink-round-key-v2:{}'\n",
            round
                .read("round.toml")
                .lines()
                .find_map(|line| line.strip_prefix("round = "))
                .unwrap()
                .trim_matches('"'),
            "0123456789abcdef".repeat(4)
        );
        round.write("round.key", key);
        set_mode(&round.path("round.key"), 0o600);
        round
    }

    /// The folder that stands for the project.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(&self.inner).join(file)
    }

    /// The text of a file. The sample has a few rows in another encoding than
    /// their file's; none is a planted person's, and their text may be lost.
    pub fn read(&self, file: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(file)).unwrap()).into_owned()
    }

    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(file), content).unwrap();
    }

    /// Replaces a text that must be there.
    pub fn replace(&self, file: &str, from: &str, to: &str) {
        let before = self.read(file);
        assert!(before.contains(from), "{file} does not hold {from}");
        self.write(file, before.replacen(from, to, 1));
    }

    pub fn run(&self) -> CommandResult {
        self.run_with(&[])
    }

    pub fn run_with(&self, arguments: &[&str]) -> CommandResult {
        let round = self.path("round.toml");
        let mut all = vec!["run", round.to_str().unwrap(), "--lang", "en"];
        all.extend(arguments);
        aidlink(&all)
    }

    /// Every file below the output folder, by its path there.
    pub fn output(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path(folder), "", &mut files);
        files
    }

    /// The files of the round's folder, hidden ones too.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let wanted = !name.to_str().unwrap().starts_with("output")
            && entry
                .path()
                .extension()
                .is_none_or(|extension| extension != "key" && extension != "pub");
        if entry.file_type().unwrap().is_dir() && wanted {
            copy_files(&entry.path(), &to.join(&name));
        } else if wanted {
            fs::copy(entry.path(), to.join(&name)).unwrap();
        }
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// How a command result.
pub struct CommandResult {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

pub fn command_result(output: Output) -> CommandResult {
    CommandResult {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub fn aidlink(arguments: &[&str]) -> CommandResult {
    command_result(
        Command::new(env!("CARGO_BIN_EXE_aidlink"))
            .args(arguments)
            .output()
            .unwrap(),
    )
}

/// The rows of a CSV file below its header.
pub fn csv_rows(bytes: &[u8]) -> Vec<Vec<String>> {
    csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(bytes)
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect()
}
