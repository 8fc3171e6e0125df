//! Paths of a round file: those that must stay inside its folder, and how a
//! path is written relative to it.

use std::path::{Component, Path, PathBuf};

use aidlink_faults::configuration::{Document, Located};
use aidlink_faults::fault::FaultCollector;
use aidlink_faults::text::Text;
use aidlink_files::partial::parent_of;

/// A path below a folder as it is written with `/`; `None` where it lies elsewhere.
pub fn relative_to(folder: &Path, path: &Path) -> Option<String> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let inside = match path.strip_prefix(folder) {
        Ok(inside) => inside.to_path_buf(),
        Err(_) => real(path)?.strip_prefix(real(folder)?).ok()?.to_path_buf(),
    };
    let mut parts = Vec::new();
    for part in inside.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?.to_owned()),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(parts.join("/"))
}

/// The full path of a relative path that must stay inside the folder of a round file.
///
/// `None` with a fault where it does not.
pub fn inside(
    document: &Document,
    path: &Located<String>,
    faults: &mut FaultCollector,
) -> Option<PathBuf> {
    let relative = Path::new(&path.value);
    let plain = relative
        .components()
        .all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    let folder = parent_of(document.path());
    let full = folder.join(relative);
    // A link may point out of the folder; the part of the path that exists is
    // checked where it truly is.
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
                "路径越出了轮次文件所在的文件夹",
                "the path leaves the round's folder",
            ),
            Text::new(
                "请把文件放进轮次文件夹，用相对路径",
                "put the file into the round's folder and name it by a relative path",
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

    /// A folder that holds `round/sub/export.csv`, `elsewhere/export.csv`, and
    /// in the round's folder one link to each of the two places.
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

    fn look(root: &Path, path: &str) -> Result<PathBuf, String> {
        let source = format!("# a comment\noutput = \"{path}\"\n");
        let document = Document::parse(&root.join("round/round.toml"), source);
        let mut faults = FaultCollector::new();
        let written = document.root().string("output", &mut faults);
        let written = written.expect("the text has it");
        match inside(&document, &written, &mut faults) {
            Some(full) => {
                assert!(faults.is_empty(), "{path}");
                Ok(full)
            }
            None => {
                let fault = faults.into_iter().next().expect("a reason");
                Err(fault.render(Language::English))
            }
        }
    }

    #[test]
    fn a_path_below_the_round_file_is_inside_whether_it_is_there_or_not() {
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
            assert_eq!(look(folder.path(), path), Ok(round.join(path)), "{path}");
        }
    }

    #[test]
    fn a_path_that_leads_out_is_refused_at_its_place() {
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
            let refused = look(folder.path(), path).expect_err(path);
            let told = "round.toml:2:10: the path leaves the round's folder";
            assert!(refused.contains(told), "{path}: {refused}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_out_is_refused_and_one_that_stays_is_not() {
        let folder = folder();
        let root = folder.path();
        for path in ["out", "out/export.csv", "out/not/yet/there.csv"] {
            look(root, path).expect_err(path);
        }
        for path in ["in", "in/export.csv", "in/not/yet/there.csv"] {
            assert_eq!(look(root, path), Ok(root.join("round").join(path)));
        }
    }

    #[test]
    fn a_path_is_written_with_slashes_from_the_rounds_folder() {
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
    fn a_folder_that_is_named_by_a_link_is_the_same_folder() {
        let folder = folder();
        let root = folder.path();
        let (link, place) = (root.join("round/in"), root.join("round/sub"));
        let export = place.join("export.csv");
        assert_eq!(relative_to(&link, &export).as_deref(), Some("export.csv"));
    }
}
