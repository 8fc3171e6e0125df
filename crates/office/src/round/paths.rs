//! Paths in a round file, relative to its folder.

use std::path::{Component, Path, PathBuf};

use aidlink_faults::configuration::{Document, Located};
use aidlink_faults::fault::FaultCollector;
use aidlink_faults::text::Text;

/// Returns the rest of a path that is below the folder, as it is written or behind links; `None`
/// if it is elsewhere.
pub(super) fn below(folder: &Path, path: &Path) -> Option<PathBuf> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    match path.strip_prefix(folder) {
        Ok(inside) => Some(inside.to_path_buf()),
        Err(_) => Some(real(path)?.strip_prefix(real(folder)?).ok()?.to_path_buf()),
    }
}

/// Returns the path relative to a folder, with `/` as separator; `None` if it is
/// not below the folder, or not UTF-8.
pub fn relative_to(folder: &Path, path: &Path) -> Option<String> {
    let inside = place_in(folder, path)?;
    let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

/// Returns the path relative to a folder, whatever its parts are called; `None` if it is not below
/// the folder.
pub(crate) fn place_in(folder: &Path, path: &Path) -> Option<PathBuf> {
    let mut place = PathBuf::new();
    for part in below(folder, path)?.components() {
        match part {
            Component::Normal(part) => place.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(place)
}

/// Returns the full path of a path that a document gives relative to the folder of the
/// round file. Pushes a fault and returns `None` if the path leaves the folder.
pub fn inside(
    folder: &Path,
    document: &Document,
    path: &Located<String>,
    faults: &mut FaultCollector,
) -> Option<PathBuf> {
    let relative = Path::new(&path.value);
    let plain = relative
        .components()
        .all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    let full = folder.join(relative);
    // A link may lead out of the folder, so the existing part of the path is
    // resolved.
    let real = |path: &Path| {
        path.ancestors()
            .find_map(|ancestor| std::fs::canonicalize(ancestor).ok())
    };
    let escapes = match (real(&full), std::fs::canonicalize(folder).ok()) {
        (Some(full), Some(folder)) => !full.starts_with(folder),
        _ => false,
    };
    if !plain || escapes {
        faults.push(document.fault(
            path.at.clone(),
            Text::new(
                "路径指向轮次文件所在文件夹以外",
                "the path leads outside the folder of the round file",
            ),
            Text::new(
                "请把文件放入轮次文件所在的文件夹，并写相对路径",
                "put the file into the folder of the round file and give a relative path",
            ),
        ));
        return None;
    }
    Some(full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aidlink_faults::text::Language;
    use std::fs;

    /// Creates a folder with `round/sub/export.csv` and `elsewhere/export.csv`, and
    /// the links `round/in` and `round/out` to the two subfolders.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        for place in ["round/sub", "elsewhere"] {
            fs::create_dir_all(root.join(place)).expect("a fresh folder");
            fs::write(root.join(place).join("export.csv"), "").expect("a fresh file");
        }
        #[cfg(unix)]
        for (target, link) in [("elsewhere", "out"), ("round/sub", "in")] {
            let link = root.join("round").join(link);
            std::os::unix::fs::symlink(root.join(target), link).expect("a fresh link");
        }
        folder
    }

    fn resolve(root: &Path, path: &str) -> Result<PathBuf, String> {
        let source = format!("# a comment\noutput = \"{path}\"\n");
        let document = Document::parse(&root.join("round/round.toml"), source);
        let mut faults = FaultCollector::new();
        let written = document.root().string("output", &mut faults);
        let written = written.expect("a string");
        match inside(&root.join("round"), &document, &written, &mut faults) {
            Some(full) => {
                assert!(faults.is_empty(), "{path}");
                Ok(full)
            }
            None => {
                let fault = faults.into_iter().next().expect("a fault");
                Err(fault.render(Language::English))
            }
        }
    }

    #[test]
    fn a_path_below_the_round_file_is_accepted_even_if_it_does_not_exist() {
        let folder = folder();
        let round = folder.path().join("round");
        for path in [
            "sub/export.csv",
            "./sub/./export.csv",
            "sub/",
            "later",
            "not/yet/there.csv",
            "名单.csv",
            ".hidden",
            "..two-dots",
        ] {
            assert_eq!(resolve(folder.path(), path), Ok(round.join(path)), "{path}");
        }
    }

    #[test]
    fn a_path_that_leads_outside_is_refused() {
        let folder = folder();
        let absolute = folder.path().join("round/sub/export.csv");
        for path in [
            "..",
            "../elsewhere/export.csv",
            "../not-there",
            "sub/../../elsewhere/export.csv",
            "sub/../sub/export.csv",
            "/",
            "/etc/passwd",
            absolute.to_str().expect("a plain name"),
        ] {
            let refused = resolve(folder.path(), path).expect_err(path);
            let expected = "round.toml:2:10: the path leads outside the folder of the round file";
            assert!(refused.contains(expected), "{path}: {refused}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_outside_is_refused_and_one_inside_is_accepted() {
        let folder = folder();
        let root = folder.path();
        for path in ["out", "out/export.csv", "out/not/yet/there.csv"] {
            resolve(root, path).expect_err(path);
        }
        for path in ["in", "in/export.csv", "in/not/yet/there.csv"] {
            assert_eq!(resolve(root, path), Ok(root.join("round").join(path)));
        }
    }

    #[test]
    fn a_path_is_written_relative_to_the_folder_with_slashes() {
        let folder = folder();
        let round = folder.path().join("round");
        let relative = |path: &str| relative_to(&round, &round.join(path));
        assert_eq!(
            relative("sub/export.csv").as_deref(),
            Some("sub/export.csv")
        );
        assert_eq!(
            relative("./sub/./export.csv").as_deref(),
            Some("sub/export.csv")
        );
        assert_eq!(relative("not/there").as_deref(), Some("not/there"));
        assert_eq!(relative("").as_deref(), Some(""));
        assert_eq!(relative("sub/../export.csv"), None, "`..` is not followed");
        let elsewhere = folder.path().join("elsewhere");
        assert_eq!(relative_to(&round, &elsewhere.join("export.csv")), None);
        assert_eq!(relative_to(&round, &elsewhere.join("not-there")), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_named_by_a_link_is_resolved() {
        let folder = folder();
        let root = folder.path();
        let (link, place) = (root.join("round/in"), root.join("round/sub"));
        let export = place.join("export.csv");
        assert_eq!(relative_to(&link, &export).as_deref(), Some("export.csv"));
    }
}
