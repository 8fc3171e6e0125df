//! Rows that are alike are evaluated once. Here every register is tokenised so and row by row,
//! and both must say the same of it.

use std::collections::BTreeMap;

use aidlink_contract::token_file::{TokenFileHead, TokenFileWriter};
use aidlink_contract::token_table::Origin;
use aidlink_policy::schema::{Field, Role};
use aidlink_policy::value::FieldType;
use encoding_rs::GB18030;

use super::super::alike::Way;
use super::super::preview::preview_by;
use super::super::whole::tokenise;
use super::*;

/// Numbers that are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ bits >> 31) % end as u64) as usize
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Cells of a field as agencies write them, also those that nobody can read.
fn cells(field: &Field, random: &mut Random) -> String {
    let labels: Vec<&String> = field.raw_codes.keys().collect();
    let codes: Vec<&str> = field.known_codes().into_iter().collect();
    match random.below(14) {
        0 => return String::new(),
        1 => return "-".to_owned(),
        2 if random.below(6) == 0 => return "某某".to_owned(),
        3 if labels.len() > 1 => {
            return format!("\"{},{}\"", random.of(&labels), random.of(&labels));
        }
        4 | 5 if !labels.is_empty() => return (*random.of(&labels)).clone(),
        6..=8 if !codes.is_empty() => return (*random.of(&codes)).to_owned(),
        9 if random.below(6) == 0 => return "46295".to_owned(),
        _ => {}
    }
    match field.field_type {
        FieldType::Date => {
            // Around the as-of date, and around those months and years before and after it.
            let (year, month) = (2016 + random.below(13), 1 + random.below(12));
            let day = *random.of(&[1, 28, 29, 30]);
            match random.below(3) {
                0 => format!("{year}-{month:02}-{day:02}"),
                1 => format!("{year}/{month}/{day}"),
                _ => format!("{year}年{month}月{day}日"),
            }
        }
        FieldType::Number | FieldType::Integer => match random.below(3) {
            0 => random.below(12).to_string(),
            1 => format!("{}.50", random.below(40) * 250),
            _ => (random.below(9) * 1000).to_string(),
        },
        FieldType::Boolean => (*random.of(&["是", "否", "true", "0", "1"])).to_owned(),
        // Elsewhere a row would seldom have a kind.
        FieldType::String if !codes.is_empty() => (*random.of(&codes)).to_owned(),
        FieldType::String => format!("某处{}", random.below(5)),
    }
}

/// Numbers of persons of every age, some with the tail of a certificate.
fn person(random: &mut Random) -> String {
    let born = 1936 + random.below(91);
    let body = format!(
        "449901{born}{:02}{:02}{:03}",
        1 + random.below(12),
        1 + random.below(28),
        1 + random.below(40)
    );
    let id = format!("{body}{}", check_digit(body.as_bytes()) as char);
    match random.below(8) {
        0 => format!("{id}{}{}", 1 + random.below(8), 1 + random.below(5)),
        1 => format!("\"{id}\""),
        2 => id.to_lowercase(),
        _ => id,
    }
}

fn head() -> TokenFileHead {
    TokenFileHead {
        origin: Origin {
            round: "round".to_owned(),
            as_of: AS_OF,
            policy_digest: String::new(),
            key_id: String::new(),
            algorithm: TokenAlgorithm::HmacSha256,
            export: String::new(),
            snapshot: AS_OF,
        },
        schema_digest: String::new(),
        reading_digest: None,
        asks_who_receives: false,
        fields_missing: Vec::new(),
        sources: Vec::new(),
        account: Default::default(),
    }
}

/// Writes an export with all columns of the schema, or without some.
fn write(schema: &ExportSchema, path: &Path, seed: u64) {
    let mut random = Random(seed);
    let fields: Vec<&Field> = schema.fields.iter().collect();
    let is_id = |field: &Field| schema.national_id().is_some_and(|id| id.name == field.name);
    let kept: Vec<&Field> = fields
        .into_iter()
        .filter(|field| is_id(field) || field.required || random.below(6) > 0)
        .collect();
    let header: Vec<&str> = kept.iter().map(|field| field.name.as_str()).collect();
    let mut bytes = format!("{}\n", header.join(",")).into_bytes();
    let is_gb = random.below(3) == 0;
    for _ in 0..700 {
        let row: Vec<String> = kept
            .iter()
            .map(|field| match is_id(field) {
                true => person(&mut random),
                false => cells(field, &mut random),
            })
            .collect();
        let row = format!("{}\n", row.join(","));
        // Some rows are in the other encoding.
        match is_gb != (random.below(20) == 0) {
            true => bytes.extend_from_slice(&GB18030.encode(&row).0),
            false => bytes.extend_from_slice(row.as_bytes()),
        }
        if random.below(90) == 0 {
            // A cell that no encoding has.
            let at = bytes.len() - 2;
            bytes.insert(at, 0xff);
        }
    }
    std::fs::write(path, bytes).expect("the temporary folder is writable");
}

/// What must be the same: the token file, and all that is counted and told. Also how many rows
/// were judged by their kind.
fn outcome(fixture: &Fixture, pass: Pass, way: Way) -> ((Vec<u8>, String), u64) {
    let rules = fixture.policy.outcome_rules(&fixture.schema.name);
    let rules: Vec<&str> = rules.map(|rule| rule.id.as_str()).collect();
    let writer = TokenFileWriter::begin(Vec::new(), &rules).expect("memory can be written");
    let tokenising = fixture.tokenising(pass, None);
    let exports = fixture.exports();
    match tokenise(way, &exports, &tokenising, writer, fixture.folder.path(), 5) {
        Ok((whole, of_known_kinds)) => {
            let told = format!("{:?} {} {:?}", whole.report, whole.persons, whole.rare);
            let bytes = whole.writer.finish(&head()).expect("memory can be written");
            ((bytes, told), of_known_kinds)
        }
        Err(_) => ((Vec::new(), "nothing usable".to_owned()), 0),
    }
}

/// What is foreseen of an export.
fn foreseen(fixture: &Fixture, pass: Pass, way: Way) -> String {
    let (exports, schema) = (fixture.exports(), &fixture.schema);
    let foreseen = preview_by(
        (way, pass),
        &exports,
        schema,
        &fixture.policy,
        AS_OF,
        &|_| {},
    );
    format!("{:?}", foreseen.expect("the export can be read"))
}

#[test]
fn rows_that_are_alike_are_foreseen_as_each_of_them() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let schemas = Schemas::read(&project.join("schemas")).expect("the shipped schemas");
    let policy = Policy::read(&project.join("policies/shaoguan.toml"), &schemas);
    let mut fixture = fixture();
    fixture.policy = policy.expect("the shipped policy");
    // Also the export of case parties, which has the most rules.
    let exports = fixture.policy.registers_used().into_iter();
    let exports: Vec<String> = exports.chain([CASE_EXPORT]).map(str::to_owned).collect();
    for name in exports {
        fixture.schema = schemas.get(&name).expect("shipped").clone();
        let path = fixture.folder.path().join(format!("{name}.csv"));
        write(&fixture.schema, &path, 5);
        fixture.paths = vec![path];
        let plain = foreseen(&fixture, Pass::DEFAULT, Way::Plain);
        assert!(plain.contains("sent: "), "{name}: {plain}");
        for pass in [Pass::Plain, Pass::Fast { block_bytes: 900 }, Pass::DEFAULT] {
            assert_eq!(
                foreseen(&fixture, pass, Way::Alike),
                plain,
                "{name} {pass:?}"
            );
        }
    }
}

#[test]
fn rows_that_are_alike_are_judged_as_each_of_them() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let schemas = Schemas::read(&project.join("schemas")).expect("the shipped schemas");
    let mut fixture = fixture();
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    for register in fixture.policy.registers_used() {
        let schema = schemas.get(register).expect("shipped").clone();
        left.insert(schema.name.clone(), 0);
    }
    for name in left.clone().into_keys() {
        fixture.schema = schemas.get(&name).expect("shipped").clone();
        for seed in 0..6 {
            let path = fixture.folder.path().join(format!("{name}.{seed}.csv"));
            write(&fixture.schema, &path, seed);
            fixture.paths = vec![path];
            let (plain, none) = outcome(&fixture, Pass::DEFAULT, Way::Plain);
            assert_eq!(none, 0);
            for pass in [Pass::Plain, Pass::Fast { block_bytes: 900 }, Pass::DEFAULT] {
                let (alike, _) = outcome(&fixture, pass, Way::Alike);
                assert_eq!(alike.1, plain.1, "{name} {seed} {pass:?}");
                assert!(alike.0 == plain.0, "{name} {seed} {pass:?}");
            }
            *left.entry(name.clone()).or_default() += plain.0.len();
        }
    }
    assert!(left.values().all(|bytes| *bytes > 0), "{left:?}");
}

/// Returns a condition on columns of a schema: comparisons of every kind, with constants, with the
/// as-of date, with other columns, and with what the ID number says.
fn condition(schema: &ExportSchema, random: &mut Random, depth: usize) -> String {
    if depth > 0 {
        let (left, right) = (
            condition(schema, random, depth - 1),
            condition(schema, random, depth - 1),
        );
        return match random.below(5) {
            0 | 1 => format!("({left}) AND ({right})"),
            2 | 3 => format!("({left}) OR ({right})"),
            _ => format!("NOT ({left})"),
        };
    }
    let attributes: Vec<&Field> = schema
        .fields
        .iter()
        .filter(|field| field.role == Role::Attribute)
        .collect();
    let field = *random.of(&attributes);
    let others: Vec<&&Field> = attributes
        .iter()
        .filter(|other| other.field_type == field.field_type)
        .collect();
    let (name, other) = (&field.name, &random.of(&others).name);
    let than = *random.of(&["<", "<=", "=", "<>", ">=", ">"]);
    let codes: Vec<&str> = field.known_codes().into_iter().collect();
    match (random.below(8), field.field_type) {
        (0, _) => format!("{name} IS NULL"),
        (1, _) => format!("age {than} {}", random.below(80)),
        (2, _) => "minor".to_owned(),
        (3, _) => "sex = 'female'".to_owned(),
        (_, FieldType::Boolean) => name.clone(),
        (4, FieldType::Number | FieldType::Integer) => format!("{name} {than} {other} + 500"),
        (5, FieldType::Number | FieldType::Integer) => format!("{name} + age {than} 700"),
        (_, FieldType::Number | FieldType::Integer) => {
            format!("{name} {than} {}", random.below(12) * 250)
        }
        (4 | 5, FieldType::Date) => format!("{name} {than} {other}"),
        (6, FieldType::Date) => format!("{name} {than} DATE '2026-01-28'"),
        (_, FieldType::Date) => {
            let months = random.below(60);
            format!("{name} {than} as_of - INTERVAL '{months}' MONTH")
        }
        (_, FieldType::String) if codes.is_empty() => format!("{name} IS NULL"),
        (_, FieldType::String) => {
            format!(
                "{name} IN ('{}','{}')",
                random.of(&codes),
                random.of(&codes)
            )
        }
    }
}

#[test]
fn rows_are_alike_under_any_rules() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let schemas = Schemas::read(&project.join("schemas")).expect("the shipped schemas");
    let mut fixture = fixture();
    let shipped = Policy::read(&project.join("policies/shaoguan.toml"), &schemas);
    let shipped = shipped.expect("the shipped policy");
    let mut persons = 0;
    for seed in 0..2 {
        let mut random = Random(seed);
        let mut text = "id = \"any\"\nversion = \"1\"\nextends = \"shaoguan\"\n".to_owned();
        text += "title = { zh = \"x\", en = \"x\" }\n";
        // The rules on referrals are the program's.
        let is_of_referrals = |register: &&str| shipped.referrals_on.as_deref() == Some(*register);
        let registers = shipped.registers_used().into_iter();
        for register in registers.filter(|register| !is_of_referrals(register)) {
            let schema = schemas.get(register).expect("shipped");
            for rule in shipped.outcome_rules(register) {
                let (when, core) = (
                    condition(schema, &mut random, 2),
                    condition(schema, &mut random, 1),
                );
                text += &format!(
                    "[[rule]]\nid = \"{}\"\namend = true\nbecause = \"x\"\nwhen = \"{when}\"\nunknown = \"review\"\ncore = \"{core}\"\n[[rule.case]]\nrow = {{}}\noutcome = \"no\"\n",
                    rule.id
                );
            }
        }
        let path = fixture.folder.path().join("any.toml");
        std::fs::write(&path, text).expect("writable");
        let read = Policy::read(&path, &schemas);
        fixture.policy = read.unwrap_or_else(|faults| panic!("{seed}: {faults:?}"));
        for register in shipped.registers_used() {
            fixture.schema = schemas.get(register).expect("shipped").clone();
            let path = fixture.folder.path().join(format!("{register}.csv"));
            write(&fixture.schema, &path, seed);
            fixture.paths = vec![path];
            let (plain, _) = outcome(&fixture, Pass::DEFAULT, Way::Plain);
            for block_bytes in [900, 20_000] {
                let (alike, _) = outcome(&fixture, Pass::Fast { block_bytes }, Way::Alike);
                assert!(alike == plain, "{register} {seed} {block_bytes}");
            }
            persons += plain.0.len();
        }
    }
    assert!(persons > 0);
}

/// The same file three times over: most rows are of a kind that an earlier one has.
#[test]
fn rows_of_known_kinds_are_counted_too() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let schemas = Schemas::read(&project.join("schemas")).expect("the shipped schemas");
    let mut fixture = fixture();
    fixture.schema = schemas.get("education.students").expect("shipped").clone();
    let path = fixture.folder.path().join("students.csv");
    write(&fixture.schema, &path, 11);
    let bytes = std::fs::read(&path).expect("just written");
    let rows = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a header")
        + 1;
    let tripled = [&bytes[..], &bytes[rows..], &bytes[rows..]].concat();
    std::fs::write(&path, tripled).expect("writable");
    fixture.paths = vec![path];
    for block_bytes in [1, 5_000, 60_000] {
        let pass = Pass::Fast { block_bytes };
        let (alike, of_known_kinds) = outcome(&fixture, pass, Way::Alike);
        let (plain, none) = outcome(&fixture, pass, Way::Plain);
        assert!(alike == plain, "{block_bytes}");
        assert!(of_known_kinds > 10, "{block_bytes}: {of_known_kinds}");
        assert_eq!(none, 0, "{block_bytes}");
    }
}
