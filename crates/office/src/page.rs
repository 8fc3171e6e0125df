//! Printable pages: HTML in a single file, without scripts, images or links to elsewhere, so
//! that a page can be filed, and opened on a machine without a network.

use aidlink_faults::text::Language;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What all pages look like. Fonts are named and not embedded.
const STYLE: &str = "\
body { font: 10pt/1.35 'Noto Sans CJK SC', 'Source Han Sans SC', 'Microsoft YaHei', 'PingFang SC', sans-serif; color: #111; margin: 1.5em auto; padding: 0 1em; }
h1 { font-size: 16pt; margin: 0 0 .3em; } h2 { font-size: 12pt; margin: 1.6em 0 .2em; break-after: avoid; }
p { margin: .2em 0; } dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em 1em; margin: .5em 0 1em; }
dt { color: #555; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; } thead { display: table-header-group; } tr { break-inside: avoid; }
th, td { border: 1px solid #999; padding: .2em .4em; text-align: left; vertical-align: top; overflow-wrap: anywhere; } th { background: #eee; }
@media print { body { margin: 0; padding: 0; max-width: none; } }
";

/// Returns a page. `style` is its own CSS, after that of all pages. Text in `body` is escaped
/// by `maud`; control characters in it become spaces.
pub fn page(language: Language, title: &str, style: &str, body: &Markup) -> Vec<u8> {
    let code = match language {
        Language::Chinese => "zh-CN",
        Language::English => "en",
    };
    let page = html! {
        (DOCTYPE)
        html lang=(code) {
            head {
                meta charset="utf-8";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(style)) }
            }
            body { (body) }
        }
    };
    let shown = |character: char| match character {
        '\n' => '\n',
        control if control.is_control() => ' ',
        other => other,
    };
    page.into_string()
        .chars()
        .map(shown)
        .collect::<String>()
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup_and_control_characters_become_spaces() {
        let hostile = "<script>alert('1')</script>\u{1b}[31m&\"";
        let body = html! { p title=(hostile) { (hostile) } };
        let page = page(Language::English, hostile, "", &body);
        let page = String::from_utf8(page).expect("text");
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains('\u{1b}'), "{page}");
        let escaped = "&lt;script&gt;alert('1')&lt;/script&gt; [31m&amp;&quot;";
        assert_eq!(page.matches(escaped).count(), 3, "{page}");
    }
}
