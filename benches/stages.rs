//! Measures each stage of a round on a clean register: splitting rows, checking ID
//! numbers, making tokens, searching for case parties, evaluating rules, and screening.
//!
//! Run `cargo bench --bench stages`; with `-- --quick` it takes seconds.

use std::hint::black_box;
use std::io::Cursor;
use std::path::Path;

use aidlink_agency::case_parties::CaseParties;
use aidlink_agency::key::RoundKey;
use aidlink_agency::national_id::{CheckedId, NationalId};
use aidlink_agency::scan::headings::Headings;
use aidlink_agency::scan::pass::{Pass, Place, RowFault, RowView, Tally, run};
use aidlink_agency::scan::{Dialect, Export};
use aidlink_agency::step::origin;
use aidlink_agency::tokenise::{Tokenising, tokenise_cases, tokenise_register};
use aidlink_agency::tokeniser::{Scratch, Tokeniser};
use aidlink_centre::screen::{ScreeningTerms, screen};
use aidlink_contract::token::TokenAlgorithm;
use aidlink_contract::token_table::{CaseTable, RegisterTable};
use aidlink_office::round::{Mode, Reads, Round};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A sample round for the benches, with its key.
struct BenchRound {
    _folder: tempfile::TempDir,
    plan: Round,
    key: RoundKey,
    tokeniser: Tokeniser,
}

fn make_round() -> BenchRound {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("round");
    let aidlink = Path::new(env!("CARGO_BIN_EXE_aidlink"));
    let status = std::process::Command::new(aidlink)
        .args([
            "sample", "--seed", "7", "--scale", "5", "--dirt", "none", "--out",
        ])
        .arg(&out)
        .stdout(std::process::Stdio::null())
        .status()
        .expect("the command starts");
    assert!(status.success());
    let file = out.join("round.toml");
    let Ok(plan) = Round::read(&file, None, Mode::Pooled, Reads::All) else {
        panic!("the sample's round file must be valid")
    };
    let Ok(key) = RoundKey::create(&plan.paths.key_file, &plan.terms.round, &plan.terms.purpose)
    else {
        panic!("the key must be writable")
    };
    let tokeniser = Tokeniser::new(&key.person_subkey(plan.terms.algorithm));
    BenchRound {
        _folder: folder,
        plan,
        key,
        tokeniser,
    }
}

/// Counts rows with an ID cell, and does nothing else with them.
#[derive(Default)]
struct RowCount(u64);

impl Tally<()> for RowCount {
    fn row(&mut self, _: &(), _: Place, row: Result<RowView<'_>, RowFault>) {
        self.0 += row.is_ok_and(|row| !row.id_cell().is_empty()) as u64;
    }

    fn append(&mut self, _: &(), next: Self, _: u64, _: u64) {
        self.0 += next.0;
    }
}

fn stages(criterion: &mut Criterion) {
    let bench = make_round();
    let plan = &bench.plan;
    let students = plan
        .registers()
        .find(|export| export.schema.name == "education.students")
        .expect("the sample has students");
    let bytes = std::fs::read(&students.files[0].path).expect("the sample's file");
    let header = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let body = &bytes[header..];
    let lines = body.iter().filter(|byte| **byte == b'\n').count() as u64;
    let width = bytes[..header].split(|byte| *byte == b',').count();
    let dialect = Dialect {
        delimiter: b',',
        width,
        fields: width,
        id_column: 0,
    };
    let headings = Headings::default();
    let ids: Vec<&[u8]> = body
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.get(..18))
        .collect();

    let mut group = criterion.benchmark_group("a row");
    group.throughput(Throughput::Elements(lines));
    for (name, pass) in [
        ("split, plain", Pass::Plain),
        ("split, fast", Pass::DEFAULT),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut source = Cursor::new(body);
                let read = run::<(), RowCount>(pass, &mut source, dialect, &headings, &(), &|_| {});
                read.expect("memory can be read").0.0
            });
        });
    }
    group.throughput(Throughput::Elements(ids.len() as u64));
    group.bench_function("check of the ID number", |bencher| {
        bencher.iter(|| {
            let good = |id: &&&[u8]| NationalId::parse_plain(id, plan.terms.as_of).is_some();
            ids.iter().filter(good).count()
        });
    });
    let checked: Vec<_> = ids
        .iter()
        .filter_map(|id| NationalId::parse_plain(id, plan.terms.as_of))
        .collect();
    let mut scratch = Scratch::default();
    for algorithm in TokenAlgorithm::ALL {
        let tokeniser = Tokeniser::new(&bench.key.person_subkey(algorithm));
        group.bench_function(format!("token, {}", algorithm.name()), |bencher| {
            bencher.iter(|| {
                for checked in &checked {
                    black_box(tokeniser.token(&checked.id, &mut scratch));
                }
            });
        });
    }
    let some = || checked.iter().step_by(50).map(|checked| &checked.id);
    let tokens = some().map(|id| bench.tokeniser.token(id, &mut scratch));
    let tokens = tokens.collect();
    let fingerprints: Vec<_> = some().map(|id| bench.tokeniser.fingerprint(id)).collect();
    let parties = CaseParties::new(tokens, &fingerprints);
    group.bench_function("search among the case parties", |bencher| {
        bencher.iter(|| {
            let party = |checked: &&CheckedId| {
                parties.contains(&checked.id, &bench.tokeniser, &mut scratch)
            };
            checked.iter().filter(party).count()
        });
    });
    group.bench_function("digest, BLAKE3", |bencher| {
        bencher.iter(|| blake3::hash(body));
    });
    group.finish();
    rules(criterion, &bench);
}

/// Measures tokenising with rules, and screening.
fn rules(criterion: &mut Criterion, bench: &BenchRound) {
    let plan = &bench.plan;
    let tokenising = |planned: &'static str| {
        let planned = plan
            .exports
            .iter()
            .find(|export| export.schema.name == planned)
            .expect("the sample has this export");
        let exports: Vec<Export> = planned
            .files
            .iter()
            .enumerate()
            .flat_map(|(index, file)| {
                let (schema, reading) = (&planned.schema, &file.reading);
                let Ok(tables) = Export::open(&file.path, index, schema, reading) else {
                    panic!("the sample's export must open")
                };
                tables
            })
            .collect();
        let origin = origin(&plan.terms, planned, "bench");
        let tokenising = Tokenising::of(&plan.terms, planned, &bench.tokeniser, &|_| {});
        (exports, tokenising, origin)
    };
    let mut group = criterion.benchmark_group("an export");
    let cases = || -> CaseTable {
        let (exports, tokenising, origin) = tokenising("procuratorate.case-parties");
        match tokenise_cases(&exports, &tokenising, origin) {
            Ok((table, ..)) => table,
            Err(_) => panic!("the sample's cases must be valid"),
        }
    };
    let register = |name| -> RegisterTable {
        let (exports, tokenising, origin) = tokenising(name);
        match tokenise_register(&exports, &tokenising, origin) {
            Ok((table, _)) => table,
            Err(_) => panic!("the sample's register must be valid"),
        }
    };
    group.bench_function("2,000 case rows to outcomes", |bencher| bencher.iter(cases));
    group.bench_function("40,000 assistance rows to outcomes", |bencher| {
        bencher.iter(|| register("civil-affairs.assistance"));
    });
    let cases = cases();
    let registers: Vec<RegisterTable> = plan
        .registers()
        .map(|planned| planned.schema.name.as_str())
        .filter_map(|name| {
            let names = [
                "procuratorate.referrals",
                "civil-affairs.assistance",
                "education.students",
                "disabled-federation.persons",
                "veterans.persons",
            ];
            names.into_iter().find(|known| *known == name)
        })
        .map(register)
        .collect();
    let terms = ScreeningTerms::of(&plan.terms);
    group.bench_function("screening of five registers", |bencher| {
        bencher.iter(|| screen(&plan.terms.policy, &terms, &cases, &registers).is_ok());
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
