//! The faults for files that are refused as a whole, whatever their format.

use std::path::Path;

use aidlink_faults::fault::Fault;
use aidlink_faults::text::Text;

/// Returns the fault for a file that is damaged or exceeds the
/// [`limits`](super::limits). `zh` and `en` say what is wrong with it.
pub(super) fn damaged(path: &Path, zh: &str, en: &str) -> Fault {
    Fault::of_file(
        path,
        Text::new(zh, en),
        Text::new(
            "请用原系统重新导出，或另存为“CSV UTF-8”",
            "export it again from the source system, or save it as \"CSV UTF-8\"",
        ),
    )
}

/// Returns the fault for a zip archive or workbook that cannot be unpacked or has an
/// invalid structure.
pub(super) fn damaged_archive(path: &Path) -> Fault {
    damaged(
        path,
        "压缩文件或工作簿已损坏或不完整",
        "the archive or workbook is damaged or cut short",
    )
}

/// Returns the fault for a file that needs a password.
pub(super) fn encrypted(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "文件有密码保护，无法读取",
            "the file is protected by a password",
        ),
        Text::new(
            "请去掉密码后重新提供",
            "remove the password and provide it again",
        ),
    )
}
