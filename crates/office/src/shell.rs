//! Texts as they are typed on a command line.

/// Returns a text as one word of a shell.
pub fn in_shell(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-:\\~=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    match text.contains('\'') {
        false => format!("'{text}'"),
        true => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::in_shell;

    #[test]
    fn a_shell_reads_the_text_as_one_word() {
        for text in [
            "plain",
            "张三",
            "two words",
            "it's",
            "$HOME `x` \"y\"",
            "",
            "a;b",
            "remark=某 某",
        ] {
            let command = format!("printf %s {}", in_shell(text));
            let output = std::process::Command::new("sh")
                .args(["-c", &command])
                .output();
            let output = output.expect("there is a shell");
            assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{command}");
        }
    }
}
