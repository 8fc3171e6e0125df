//! Reads labels as offices write them, by the shipped schemas.

use std::path::{Path, PathBuf};

use aidlink_agency::cell::{self, ColumnForm, ValueFault};
use aidlink_agency::label::Reading;
use aidlink_faults::uniform_text::uniform_label;
use aidlink_policy::reading::{ReadingChoice, SiteLabel};
use aidlink_policy::schema::{ExportSchema, Schemas};
use aidlink_policy::value::{FieldType, Value};

fn schemas() -> Schemas {
    let package: PathBuf = std::env::var_os("CARGO_MANIFEST_DIR")
        .expect("cargo sets it")
        .into();
    Schemas::read(&package.join("../../schemas")).expect("the shipped schemas are valid")
}

/// Reads a cell; returns its codes, sorted and joined by a space.
fn read(schema: &ExportSchema, field: &str, cell: &str) -> Result<String, ValueFault> {
    let field = schema.field(field).expect("a field of the schema");
    let values = match cell::read(schema, field, ColumnForm::default(), cell)? {
        Reading::Empty => Vec::new(),
        Reading::One(value) => vec![value],
        Reading::Several(values) => values,
    };
    let mut codes: Vec<String> = values
        .into_iter()
        .map(|value| match value {
            Value::String(code) => code,
            Value::Integer(code) => code.to_string(),
            Value::Boolean(code) => code.to_string(),
            other => panic!("{other:?} is not a code"),
        })
        .collect();
    codes.sort();
    Ok(codes.join(" "))
}

/// Checks cells of one field. `None` is a cell that cannot be read.
fn check(schema: &str, field: &str, cells: &[(&str, Option<&str>)]) {
    let schemas = schemas();
    let schema = schemas.get(schema).expect("a shipped schema");
    for (cell, expected) in cells {
        let read = read(schema, field, cell);
        assert_eq!(read.ok().as_deref(), *expected, "{field}: {cell:?}");
    }
}

#[test]
fn a_label_with_its_number_is_read() {
    check(
        "civil-affairs.assistance",
        "kind",
        &[
            ("低保对象-7019", Some("dibao")),
            ("低保对象－7019", Some("dibao")),
            ("01 低保", Some("dibao")),
            ("01低保", Some("dibao")),
            ("低保7019", Some("dibao")),
            ("1-低保", Some("dibao")),
            ("1、低保", Some("dibao")),
            ("1．低保", Some("dibao")),
            ("低保(01)", Some("dibao")),
            ("低保（０１）", Some("dibao")),
            ("【01】低保", Some("dibao")),
            (" 低 保 ", Some("dibao")),
            ("特困人员-7131", Some("tekun")),
            ("城乡孤儿-7041", Some("orphan")),
            ("事实无人抚养儿童-7141", Some("unsupported_child")),
            ("低保边缘户-7201", Some("dibao_margin")),
            ("返贫致贫人口-7202", Some("monitored")),
            // Numbers are codes only where a national standard fixes them.
            ("01", None),
            ("7019", None),
            ("01,02", None),
            // A longer number may be a person's, and one digit after a label a grade.
            ("低保-13800001234", None),
            ("低保3", None),
        ],
    );
    check(
        "disabled-federation.persons",
        "class",
        &[
            ("1-视力", Some("1")),
            ("视力残疾(1)", Some("1")),
            ("04 肢体", Some("4")),
            // A number of the standard must be that of its label.
            ("2-视力", None),
            ("肢体 2", None),
            ("1-视力,4-肢体", Some("1 4")),
            ("1-视力,2-肢体", None),
        ],
    );
    check(
        "procuratorate.case-parties",
        "relationship",
        &[("20-子", Some("child")), ("24", Some("child")), ("2", None)],
    );
    check(
        "education.students",
        "enrolment_status",
        &[
            ("06", Some("dropped_out")),
            ("01-在读", Some("enrolled")),
            ("10 转学（转出）", Some("other")),
            ("02-在读", None),
            ("11", Some("died")),
        ],
    );
    check(
        "education.students",
        "registered_poor",
        &[
            ("1-是", Some("true")),
            ("0 否", Some("false")),
            ("1-否", None),
        ],
    );
}

#[test]
fn a_label_with_a_class_is_read() {
    check(
        "veterans.persons",
        "kind",
        &[
            ("残疾退役军人 /七级/因战", Some("disabled")),
            ("残疾退役军人（七级）", Some("disabled")),
            ("因战残疾军人", Some("disabled")),
            ("七级", None),
        ],
    );
    check(
        "disabled-federation.persons",
        "class",
        &[
            ("肢体二级", Some("4")),
            ("肢体残疾/二级", Some("4")),
            ("重度肢体残疾", Some("4")),
            ("未评定", Some("")),
        ],
    );
    check(
        "disabled-federation.persons",
        "grade",
        &[
            ("一级(重度)", Some("1")),
            ("肢体二级", Some("2")),
            ("壹级", Some("1")),
            ("2-二级", Some("2")),
            ("2(重度)", Some("2")),
            ("3-二级", None),
            ("未定级", Some("")),
            ("2 3", Some("2 3")),
            ("1-4", None),
            ("2.5", None),
        ],
    );
    check(
        "civil-affairs.assistance",
        "kind",
        &[
            ("低保（A类）", Some("dibao")),
            ("农村低保/二档", Some("dibao")),
        ],
    );
}

#[test]
fn a_cell_may_hold_several_values_where_the_schema_says_so() {
    check(
        "disabled-federation.persons",
        "class",
        &[
            ("肢体,智力", Some("4 5")),
            ("视力、听力", Some("1 2")),
            ("肢体;精神", Some("4 6")),
            ("肢体；精神；", Some("4 6")),
            ("肢体/智力/肢体残疾", Some("4 5")),
            ("肢体 智力", Some("4 5")),
            ("肢体\n智力", Some("4 5")),
            ("肢体(二级)、智力(三级)", Some("4 5")),
            ("4,5", Some("4 5")),
            ("肢体,-", Some("4")),
            // What binds a part to the one before may explain it.
            ("肢体(智力)", None),
            ("4-5", None),
        ],
    );
    check(
        "civil-affairs.assistance",
        "kind",
        &[("低保,临时救助", Some("dibao temporary_relief"))],
    );
    check(
        "procuratorate.case-parties",
        "civil_cause",
        &[
            ("生命权、健康权、身体权纠纷", Some("other_tort")),
            (
                "机动车交通事故责任纠纷、生命权、健康权、身体权纠纷",
                Some("other_tort traffic_accident"),
            ),
        ],
    );
    check(
        "procuratorate.case-parties",
        "injury_level",
        &[
            ("轻伤(一级)、轻微伤", Some("minor slight_1")),
            ("轻微伤；重伤（二级）", Some("minor serious_2")),
        ],
    );
    check(
        "procuratorate.case-parties",
        "other_parent",
        &[
            ("服刑在押、重残", Some("imprisoned severely_disabled")),
            ("失联；患重病", Some("out_of_contact seriously_ill")),
            ("被遣送（驱逐）出境", Some("deported")),
            ("被宣告失踪", Some("missing")),
            ("强制隔离戒毒", Some("drug_rehabilitation")),
            ("被撤销监护资格", Some("guardianship_revoked")),
            ("犯罪嫌疑人、刑事拘留", Some("detained offender")),
            ("有抚养能力", Some("able")),
            // A parent who is alive may still be in prison.
            ("健在", Some("other")),
            ("情况不明", Some("")),
            ("服刑期满", None),
            ("无", None),
        ],
    );
    // A person is in one state.
    check(
        "civil-affairs.assistance",
        "status",
        &[("在保/正常", Some("active")), ("在保,停发", None)],
    );
    check(
        "disabled-federation.persons",
        "employment",
        &[("是/就业", Some("employed")), ("是,否", None)],
    );
}

#[test]
fn a_cell_with_a_part_that_is_not_understood_is_unreadable() {
    check(
        "civil-affairs.assistance",
        "kind",
        &[
            ("低保 已退出", None),
            ("低保-停保", None),
            ("原 低保", None),
            ("非-低保", None),
            ("低保（疑似）", None),
            ("低保,住房", None),
            ("低保（无）", None),
            ("低保 无", None),
            ("无,无", Some("")),
            (
                "低保,低保,低保,低保,低保,低保,低保,低保,低保,低保,低保,低保,低保,低保,低保,低保,低保",
                None,
            ),
        ],
    );
}

/// Whether somebody is in work is stated by yes and no, or in words.
#[test]
fn employment_is_read_from_yes_and_no_and_from_words() {
    check(
        "disabled-federation.persons",
        "employment",
        &[
            ("是", Some("employed")),
            ("TRUE", Some("employed")),
            ("1-是", Some("employed")),
            ("已就业", Some("employed")),
            ("灵活就业", Some("flexible")),
            ("务农", Some("flexible")),
            ("否", Some("unemployed")),
            ("False", Some("unemployed")),
            ("0 否", Some("unemployed")),
            ("n", Some("unemployed")),
            ("未就业", Some("unemployed")),
            ("下岗", Some("unemployed")),
            ("退休", Some("retired")),
            ("在校学生", Some("student")),
            ("超过劳动年龄", Some("not_of_working_age")),
            ("不详", Some("")),
            ("1-否", None),
            ("未就业（退休）", None),
        ],
    );
}

/// An unknown label is never `other`, and `other` is a code of every list.
#[test]
fn every_code_list_has_other() {
    for schema in schemas().0.values() {
        for field in schema.fields.iter().filter(|field| field.codes.is_some()) {
            let place = format!("{} {}", schema.name, field.name);
            for other in ["other", "其他"] {
                let read = read(schema, &field.name, other);
                assert_eq!(read.as_deref(), Ok("other"), "{place}");
            }
            let unknown = read(schema, &field.name, "没有人对应的标签");
            assert_eq!(unknown, Err(ValueFault::UnknownCode), "{place}");
            assert!(field.labels.contains_key("other"), "{place}");
        }
    }
}

/// Every label of a schema gives its code, also in full width and with spaces.
#[test]
fn every_label_of_the_schemas_is_read() {
    let mut labels = 0;
    for schema in schemas().0.values() {
        for field in &schema.fields {
            for (label, code) in &field.raw_codes {
                let full_width: String = label
                    .chars()
                    .map(|c| match c {
                        '!'..='~' => char::from_u32(c as u32 + 0xfee0).expect("a full-width form"),
                        other => other,
                    })
                    .collect();
                for cell in [
                    label.clone(),
                    full_width,
                    format!("\u{feff} {label}\u{3000}"),
                ] {
                    let read = read(schema, &field.name, &cell);
                    let place = format!("{} {} {cell}", schema.name, field.name);
                    assert_eq!(read.as_deref(), Ok(code.as_str()), "{place}");
                    labels += 1;
                }
                assert_eq!(uniform_label(label), *label);
            }
        }
    }
    assert!(labels > 2000, "{labels}");
}

/// The children of GB/T 4761-2008: without 34, a third child orphaned by the case is
/// missed.
#[test]
fn every_number_of_the_standard_of_family_relationships_is_read() {
    let schemas = schemas();
    let schema = schemas.get("procuratorate.case-parties").expect("shipped");
    for number in (1..=2).chain(10..=12).chain(20..=99) {
        let read = read(schema, "relationship", &format!("{number:02}"));
        let child = matches!(number, 20..=27 | 29..=37 | 39);
        assert!(read.is_ok(), "{number}");
        assert_eq!(read.as_deref() == Ok("child"), child, "{number}");
    }
}

#[test]
fn a_site_maps_its_own_labels() {
    let schemas = schemas();
    let schema = schemas.get("disabled-federation.persons").expect("shipped");
    let site = |field: &str, label: &str, code: &str| SiteLabel {
        field: field.to_owned(),
        label: label.to_owned(),
        code: code.to_owned(),
    };
    let choice = ReadingChoice {
        values: vec![
            site("class", "侏儒（矮小症）", "4"),
            site("grade", "最重", "1"),
            site("employment", "在家", "unemployed"),
            site("employment", "待定", ""),
        ],
        ..ReadingChoice::default()
    };
    let schema = choice.schema_of_file(schema.clone());
    for (field, cell, code) in [
        ("class", "侏儒(矮小症)", "4"),
        ("class", "侏儒（矮小症），智力", "4 5"),
        ("grade", "最重", "1"),
        ("employment", "在家", "unemployed"),
        ("employment", "待定", ""),
    ] {
        assert_eq!(read(&schema, field, cell).as_deref(), Ok(code), "{cell}");
    }
}

#[test]
fn the_parts_without_a_code_are_told() {
    let schemas = schemas();
    let schema = schemas.get("disabled-federation.persons").expect("shipped");
    for (field, cell, parts) in [
        ("class", "肢体, 脑 损伤,甲", vec!["脑", "损伤", "甲"]),
        ("class", " Ａ型 ", vec!["a型"]),
        // Each part is known, but not together.
        ("class", "2-视力", vec!["2-视力"]),
        ("employment", "是,否", vec!["是,否"]),
        ("class", "肢体", vec![]),
        // These fields have no labels.
        ("birth_date", "昨天", vec![]),
        ("name", "甲", vec![]),
    ] {
        let field = schema.field(field).expect("a field");
        assert_eq!(cell::unmapped_labels(schema, field, cell), parts, "{cell}");
    }
}

proptest::proptest! {
    #[test]
    fn no_cell_makes_the_reader_panic(cell in "[低保肢体二级0-9,、()（）/ \\-]{0,40}|\\PC{0,40}") {
        let schemas = schemas();
        for schema in schemas.0.values() {
            let labels = |field: &&_| {
                let field: &aidlink_policy::schema::Field = field;
                !matches!(field.field_type, FieldType::Date | FieldType::Number)
            };
            for field in schema.fields.iter().filter(labels) {
                let read = cell::read(schema, field, ColumnForm::default(), &cell);
                let parts = cell::unmapped_labels(schema, field, &cell);
                proptest::prop_assert_eq!(read.is_err() && field.has_labels(), !parts.is_empty());
            }
        }
    }
}

#[test]
fn a_schema_whose_label_has_two_codes_is_refused() {
    let schema = r#"{
        "name": "a.b", "title": "甲", "aidlink": {"agency": "a", "title_en": "A"},
        "fields": [
            {"name": "national_id", "type": "string", "title": "号",
             "aidlink": {"title_en": "ID", "role": "national_id"}},
            {"name": "kind", "type": "string", "title": "类",
             "constraints": {"enum": ["x", "y"]},
             "aidlink": {"title_en": "Kind", "codes": {"甲（乙）": "x", "甲(乙)": "y"},
                         "several": "yes", "certificate_part": "clas"}},
            {"name": "derived", "type": "string", "title": "甲",
             "constraints": {"enum": ["p"]},
             "aidlink": {"title_en": "D",
                         "derived_from": {"field": "kind", "codes": {"z": "p", "x": "q"}}}},
            {"name": "chained", "type": "string", "title": "乙",
             "constraints": {"enum": ["p"]},
             "aidlink": {"title_en": "C", "affixes": {"befor": []},
                         "derived_from": {"field": "derived", "codes": {}}}},
            {"name": "unfounded", "type": "string", "title": "丙",
             "aidlink": {"title_en": "U", "affixes": [], "derived_from": {"field": "no"}}}
        ]}"#;
    let faults = ExportSchema::parse(Path::new("a.b.json"), schema.as_bytes());
    let faults = faults.expect_err("two codes, and wrong values");
    let messages: Vec<&str> = faults
        .iter()
        .map(|fault| fault.message.en.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "the label `甲（乙）` has two codes",
            "`several` must be true or false",
            "unknown part of a certificate number",
            "unknown key `befor`",
            "`affixes` must be an object",
            "the code `q` is not in the code list",
            "the code `z` is not in the code list",
            "`derived` is not a field with a code list, or is derived itself",
            "`no` is not a field with a code list, or is derived itself",
        ]
    );
}

/// The table of charges and causes of the case parties' schema: every code decides the kind
/// of case, every charge an offence category, every civil cause one, and every label states
/// its source.
#[test]
fn the_table_of_causes_is_whole_and_cited() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/procuratorate.case-parties.json");
    let schema = ExportSchema::read(&path).expect("the shipped schema");
    let field = |name: &str| schema.field(name).expect("a field");
    let codes_of = |name: &str| {
        let from = field(name).derived_from.clone().expect("a derived field");
        assert_eq!(from.field, "cause_of_action");
        from.codes
    };
    let (kinds, offences, civil) = (
        codes_of("case_kind"),
        codes_of("offence_category"),
        codes_of("civil_cause"),
    );
    let cause = field("cause_of_action");
    let codes = cause.codes.as_ref().expect("a code list");
    assert!(codes.len() >= 100);
    // Another cause says nothing.
    for code in codes.iter().filter(|code| *code != "other") {
        let kind = kinds.get(code).expect("a kind of case").as_str();
        assert_eq!(offences.contains_key(code), kind == "criminal", "{code}");
        assert_eq!(civil.contains_key(code), kind == "civil", "{code}");
        let label = cause.labels.get(code).expect("a label");
        let source = match kind {
            "criminal" => ("（刑法第", "(Criminal Law, Article "),
            "civil" => (
                "（民事案件案由规定第",
                "(Provisions on Causes of Civil Actions, ",
            ),
            _ => (
                "（关于行政案件案由的暂行规定",
                "(Interim Provisions on Causes of Administrative",
            ),
        };
        assert!(label.zh.contains(source.0), "{}", label.zh);
        assert!(label.en.contains(source.1), "{}", label.en);
        assert!(
            cause.raw_codes.values().any(|known| known == code),
            "{code}"
        );
    }
}
