//! Relative paths as manifests, records and round files write them.

use std::path::{Component, Path};

/// Whether a relative path in a manifest stays inside its folder.
pub(crate) fn stays_inside(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

/// Returns a path of a manifest in the form in which paths are compared: without `.` and without
/// empty parts. One that does not stay inside its folder is returned as it is.
pub(crate) fn plain(path: &str) -> String {
    let parts = path.split('/');
    let parts: Vec<&str> = parts.filter(|part| !matches!(*part, "" | ".")).collect();
    let plain = parts.join("/");
    match !path.starts_with('/') && stays_inside(&plain) {
        true => plain,
        false => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_manifest_must_stay_inside_its_folder() {
        for path in ["a", "lists/for-review/a.csv", "名单.csv"] {
            assert!(stays_inside(path), "{path}");
        }
        for path in ["", ".", "..", "/etc/passwd", "../a", "lists/../../a", "./a"] {
            assert!(!stays_inside(path), "{path}");
        }
    }

    #[test]
    fn a_path_has_one_form_however_it_is_written() {
        for path in ["a/b", "./a/b", "a//b", "a/./b", "././a/b/", ".//a/.//b/."] {
            assert_eq!(plain(path), "a/b", "{path}");
        }
        // `..` may follow a link, and is not worked out.
        for path in ["", ".", "..", "/a/b", "//a", "a/../b", "../a", "./../a"] {
            assert_eq!(plain(path), path);
        }
    }
}
