//! The digest of a policy. It is taken over what the policy says and not over its bytes, so
//! that comments, the order of keys and how the policy is divided into layers do not count.

use aidlink_faults::configuration::{Entry, Node};
use serde_json::{Map, Value, json};

/// The name of the digested format. It makes the digest different from digests of
/// other formats.
const FORMAT: &str = "aidlink-policy";
/// The version of the format, to be increased if the meaning of a key changes.
const VERSION: u32 = 1;

/// Returns the BLAKE3 digest of a policy, hexadecimal: of its JSON with keys in the order of
/// their bytes and without white space. The order of rules, aids and the like counts, because
/// lists and token files follow it.
pub(super) fn digest(policy: &[Entry]) -> String {
    let value = json!({ "format": FORMAT, "policy": table(policy), "version": VERSION });
    let mut digest = blake3::Hasher::new();
    // Cannot fail: all values can be serialised, and a hasher accepts every byte.
    let _ = serde_json::to_writer(&mut digest, &value);
    digest.finalize().to_hex().to_string()
}

fn table(entries: &[Entry]) -> Value {
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by(|(one, _), (other, _)| one.value.cmp(&other.value));
    let entries = entries.into_iter();
    let entries = entries.map(|(key, value)| (key.value.clone(), json_of(&value.value)));
    Value::Object(entries.collect::<Map<_, _>>())
}

fn json_of(node: &Node) -> Value {
    match node {
        Node::String(text) => json!(text),
        Node::Integer(number) => json!(number),
        Node::Float(number) => json!(number),
        Node::Boolean(truth) => json!(truth),
        Node::Date(date) => json!(date.to_string()),
        // No valid policy has one.
        Node::OtherDatetime => Value::Null,
        Node::Array(items) => items.iter().map(|item| json_of(&item.value)).collect(),
        Node::Table(entries) => table(entries),
    }
}
