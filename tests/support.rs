//! Sets up rounds in temporary folders and runs the command on them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Returns the project's folder. It is looked up at run time, because two checkouts
/// may share a target folder and so the test binary.
pub fn project() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .expect("cargo sets CARGO_MANIFEST_DIR")
        .into()
}

/// A copy of a round in a temporary folder, with the policies, schemas and calendars
/// at the paths that its round file names.
pub struct Round {
    folder: tempfile::TempDir,
    inner: String,
}

impl Round {
    pub fn sample() -> Self {
        Round::copy("sample_data/2026Q3")
    }

    pub fn minimal_sample() -> Self {
        Round::copy("sample_data/minimal")
    }

    pub fn hand_made() -> Self {
        Round::copy("tests/rounds/hand-made")
    }

    /// Returns the round `sample_data/NAME` in the same temporary folder.
    pub fn sibling(self, name: &str) -> Self {
        Round {
            inner: format!("sample_data/{name}"),
            ..self
        }
    }

    /// Returns the round in another folder of the same temporary folder.
    pub fn at(self, inner: &str) -> Self {
        Round {
            inner: inner.to_owned(),
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
        // The copies extend each other and not what comes with the program, so that a test
        // can change any layer.
        for name in ["shaoguan.toml", "ordos.toml", "chencang.toml"] {
            let layer = round.root().join("policies").join(name);
            let text = fs::read_to_string(&layer).unwrap();
            let own = text.replacen("extends = \"national\"", "extends = \"national.toml\"", 1);
            assert_ne!(own, text, "{name}");
            fs::write(layer, own).unwrap();
        }
        // A fixed key, so that lead numbers are the same in every test.
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

    /// The temporary folder, laid out like the project.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(&self.inner).join(file)
    }

    /// Reads a file as text. A few rows of the sample are in an encoding other than
    /// their file's; they are decoded lossily, and no planted person is among them.
    pub fn read(&self, file: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(file)).unwrap()).into_owned()
    }

    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(file), content).unwrap();
    }

    /// Replaces the first occurrence of `from`, which must exist. All other bytes are
    /// kept, also of rows in another encoding.
    pub fn replace(&self, file: &str, from: &str, to: &str) {
        let before = fs::read(self.path(file)).unwrap();
        let mut windows = before.windows(from.len());
        let at = windows.position(|window| window == from.as_bytes());
        let at = at.unwrap_or_else(|| panic!("{file} does not contain {from}"));
        let (start, end) = (&before[..at], &before[at + from.len()..]);
        self.write(file, [start, to.as_bytes(), end].concat());
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

    /// Returns the content of every file below an output folder, by relative path.
    pub fn output(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        files_below(&self.path(folder))
    }

    /// Returns the match lists of an output folder, which must have some.
    pub fn lists(&self, output: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.output(output);
        files.retain(|name, _| name.starts_with("lists/"));
        assert!(!files.is_empty(), "{output} has no match lists");
        files
    }

    /// Returns the match lists of an output folder, without the persons who could not be
    /// judged.
    pub fn match_lists(&self, output: &str) -> BTreeMap<String, Vec<u8>> {
        let mut lists = self.lists(output);
        lists.retain(|name, _| name.starts_with("lists/for-review/"));
        lists
    }

    /// Returns what the manifest of the round's output says about an export.
    pub fn export_in_manifest(&self, export: &str) -> Value {
        let manifest = fs::read(self.path("output/manifest.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let mut exports = manifest["exports"].as_array().unwrap().iter();
        let found = exports.find(|entry| entry["export"] == export);
        found.unwrap().clone()
    }

    /// Runs `schema check` on a file in the round's folder.
    pub fn check(&self, file: &str, more: &[&str]) -> CommandResult {
        let export = self.path(file);
        let schemas = self.root().join("schemas");
        let mut arguments = vec!["schema", "check", export.to_str().unwrap()];
        arguments.extend(["--schemas", schemas.to_str().unwrap(), "--lang", "en"]);
        arguments.extend(["--as-of", "2026-09-30"]);
        arguments.extend(more);
        aidlink(&arguments)
    }

    /// Lists the names in the round's folder, including hidden ones.
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
        let is_input = !name.to_str().unwrap().starts_with("output")
            && entry
                .path()
                .extension()
                .is_none_or(|extension| extension != "key" && extension != "pub");
        if entry.file_type().unwrap().is_dir() && is_input {
            copy_files(&entry.path(), &to.join(&name));
        } else if is_input {
            fs::copy(entry.path(), to.join(&name)).unwrap();
        }
    }
}

/// Returns the content of every file below a folder, by relative path.
pub fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    collect(folder, "", &mut files);
    files
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            // Of a link to nowhere, where it points.
            let nowhere = |_| {
                let target = fs::read_link(entry.path()).unwrap();
                target.into_os_string().into_string().unwrap().into_bytes()
            };
            files.insert(name, fs::read(entry.path()).unwrap_or_else(nowhere));
        }
    }
}

pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The exit code and output of a command.
pub struct CommandResult {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl CommandResult {
    /// Asserts that the command failed with this code and printed these words.
    pub fn assert_error(&self, code: i32, words: &str) {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        assert!(
            self.stderr.contains(words),
            "\"{words}\" is not in: {}",
            self.stderr
        );
    }
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

/// Returns the rows of a CSV file without its header.
pub fn csv_rows(bytes: &[u8]) -> Vec<Vec<String>> {
    csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(bytes)
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

/// Returns the rows of a CSV file, each by the headers of its columns.
pub fn csv_records(bytes: &[u8]) -> Vec<BTreeMap<String, String>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().unwrap().clone();
    let names: BTreeSet<&str> = header.iter().collect();
    assert_eq!(names.len(), header.len(), "a header appears twice");
    let cells = |record: csv::StringRecord| {
        let cells = header.iter().zip(record.iter());
        let cells = cells.map(|(name, cell)| (name.to_owned(), cell.to_owned()));
        cells.collect()
    };
    reader
        .records()
        .map(|record| cells(record.unwrap()))
        .collect()
}

/// Returns the ID number with these first 17 digits.
pub fn id_number(body: &str) -> String {
    // GB 11643-1999. Not the program's own function, which these tests check.
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    assert_eq!(body.len(), WEIGHTS.len());
    let sum: u32 = body
        .bytes()
        .zip(WEIGHTS)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    format!("{body}{}", b"10X98765432"[(sum % 11) as usize] as char)
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}
