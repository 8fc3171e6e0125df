//! Files that are refused whole, whatever their format: the sentences that say
//! so, and what the office can do.

use std::path::Path;

use aidlink_faults::fault::Fault;
use aidlink_faults::text::Text;

/// A file that is damaged, or larger than [`limits`](super::limits) allow. The
/// two sentences say what is wrong with it, in Chinese and in English.
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

/// A zip archive or workbook that cannot be unpacked or has no sound structure.
pub(super) fn damaged_archive(path: &Path) -> Fault {
    damaged(
        path,
        "压缩文件或工作簿已损坏或不完整",
        "the archive or workbook is damaged or cut short",
    )
}

/// A file that only opens with a password.
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
