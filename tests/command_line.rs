//! The words of the command line: a small file for each behaviour in `tests/cli`.

#[test]
fn commands_say_what_their_files_show() {
    trycmd::TestCases::new()
        .case("tests/cli/*.trycmd")
        .env("LANG", "C.UTF-8");
}
