//! Which columns the exports have. Few offices have all that the policy can use: an
//! export then comes as lists of names and numbers, and what a list says as a whole is a
//! constant in the round file.

use super::row::Row;

/// Which columns the exports of a sample have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// Case number, name, handler, role and ID number of case parties; name and ID number
    /// in registers, a list for each kind. No referrals.
    Minimal,
    /// What case systems and registers usually have. Nothing that somebody would have to
    /// judge first: no hardship, no injury, no seal.
    Usual,
    /// Every column of the schemas.
    All,
}

impl Columns {
    /// All choices.
    pub const ALL: [Columns; 3] = [Columns::Minimal, Columns::Usual, Columns::All];

    /// Returns the choice with a name on the command line.
    ///
    /// # Errors
    /// If there is none.
    pub fn parse(name: &str) -> Result<Self, String> {
        let mut all = Columns::ALL.into_iter();
        all.find(|columns| columns.name() == name)
            .ok_or_else(|| format!("`{name}` is not a choice of columns / 没有“{name}”这种选择"))
    }

    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Columns::Minimal => "minimal",
            Columns::Usual => "usual",
            Columns::All => "all",
        }
    }

    /// Returns the files of an export; none if no office keeps that register.
    pub(super) fn parts(self, export: &str) -> Vec<Part> {
        let parts: &[Part] = match (self, export) {
            (Columns::All, _) => &[Part::WHOLE],
            (Columns::Minimal, "procuratorate.case-parties") => &[BARE_CASES],
            (Columns::Minimal, "civil-affairs.assistance") => &RECIPIENTS,
            (Columns::Minimal, "education.students") => &[STUDENTS_IN_HARDSHIP, FUNDED_STUDENTS],
            (Columns::Minimal, "disabled-federation.persons") => &[CERTIFICATES],
            (Columns::Minimal, "veterans.persons") => &VETERANS_BY_KIND,
            (Columns::Minimal, _) => &[],
            (Columns::Usual, "procuratorate.case-parties") => &[CASES],
            (Columns::Usual, "civil-affairs.assistance") => &RECIPIENTS,
            (Columns::Usual, "education.students") => &[FUNDED_STUDENTS],
            (Columns::Usual, "disabled-federation.persons") => &[CERTIFICATES],
            (Columns::Usual, "veterans.persons") => &[VETERANS],
            (Columns::Usual, _) => &[REFERRALS],
        };
        let is_bare_register = self == Columns::Minimal && export != "procuratorate.case-parties";
        let parts = parts.iter().map(|part| match is_bare_register {
            true => Part {
                fields: Some(&["name", "national_id"]),
                other_column: None,
                ..*part
            },
            false => *part,
        });
        parts.collect()
    }
}

/// A column that no schema has: its header, and the cell of a row.
pub(super) type OtherColumn = (&'static str, fn(&Row) -> &'static str);

/// A file of an export. It has the rows of which its constants are true.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// What the file name has after the export's name; empty for the only file.
    pub(super) suffix: &'static str,
    /// The fields that are columns, in this order; `None`: all of the schema.
    pub(super) fields: Option<&'static [&'static str]>,
    /// A last column that no schema has.
    pub(super) other_column: Option<OtherColumn>,
    /// The values of fields that the round file states for every row.
    pub(super) constants: &'static [(&'static str, &'static str)],
    /// The reason for the constants, if the round file needs one.
    pub(super) because: Option<&'static str>,
}

impl Part {
    const WHOLE: Part = Part {
        suffix: "",
        fields: None,
        other_column: None,
        constants: &[],
        because: None,
    };

    const fn list(
        suffix: &'static str,
        fields: &'static [&'static str],
        constants: &'static [(&'static str, &'static str)],
    ) -> Self {
        Part {
            suffix,
            fields: Some(fields),
            constants,
            ..Part::WHOLE
        }
    }

    /// Returns whether a row is in the file.
    pub(super) fn holds(&self, row: &Row) -> bool {
        let mut constants = self.constants.iter();
        constants.all(|(field, value)| row.value(field) == *value)
    }

    /// Returns what the file says of a field of one of its rows; empty if nothing.
    pub(super) fn stated<'r>(&self, row: &'r Row, field: &str) -> &'r str {
        let is_column = self.fields.is_none_or(|fields| fields.contains(&field));
        let is_constant = self.constants.iter().any(|(name, _)| *name == field);
        match is_column || is_constant {
            true => row.value(field),
            false => "",
        }
    }
}

const ACTIVE: (&str, &str) = ("status", "active");

/// The case system leaves sealed records out, and so has no column for the seal.
const CASES: Part = Part {
    because: Some("synthetic data: sealed records are not in the export"),
    ..Part::list(
        "",
        &[
            "case_number",
            "name",
            "national_id",
            "role",
            "accepted_on",
            "handler",
        ],
        &[("sealed", "false")],
    )
};
const BARE_CASES: Part = Part {
    fields: Some(&["case_number", "name", "handler", "national_id", "role"]),
    ..CASES
};

const REFERRALS: Part = Part::list("", &["national_id", "aid", "state", "state_on"], &[]);

/// A list for each kind of assistance, without anybody whose assistance was suspended or
/// has ended.
const RECIPIENTS: [Part; 5] = [
    Part::list(".dibao", RECIPIENT, &[("kind", "dibao"), ACTIVE]),
    Part::list(".tekun", RECIPIENT, &[("kind", "tekun"), ACTIVE]),
    Part::list(".margin", RECIPIENT, &[("kind", "dibao_margin"), ACTIVE]),
    Part::list(
        ".relief",
        RECIPIENT,
        &[("kind", "temporary_relief"), ACTIVE],
    ),
    Part::list(".monitored", RECIPIENT, &[("kind", "monitored"), ACTIVE]),
];
const RECIPIENT: &[&str] = &[
    "name",
    "national_id",
    "household_number",
    "relationship_to_head",
    "started_on",
    "monthly_amount",
];

/// The yearly list of students recognised as in hardship.
const STUDENTS_IN_HARDSHIP: Part = Part::list(
    ".hardship",
    STUDENT,
    &[
        ("enrolment_status", "enrolled"),
        ("hardship_student", "true"),
    ],
);
/// The students who receive the funding for those in hardship.
const FUNDED_STUDENTS: Part = Part {
    other_column: Some(("资助金额", funding)),
    ..Part::list(
        ".funded",
        STUDENT,
        &[
            ("enrolment_status", "enrolled"),
            ("hardship_student", "true"),
            ("funding_status", "receiving"),
        ],
    )
};
const STUDENT: &[&str] = &["name", "national_id", "school"];

/// Returns the yuan of funding in a year; made up.
fn funding(row: &Row) -> &'static str {
    match row.value("stage") {
        "primary" => "1000",
        "junior" => "1250",
        "undergraduate" => "3700",
        _ => "2300",
    }
}

const CERTIFICATES: Part = Part::list(
    "",
    &["name", "national_id", "class", "grade", "issued_on"],
    &[("certificate_status", "valid")],
);

const VETERANS: Part = Part::list("", &["name", "national_id", "kind"], &[ACTIVE]);
const VETERANS_BY_KIND: [Part; 6] = [
    Part::list(".veterans", VETERAN, &[("kind", "veteran"), ACTIVE]),
    Part::list(".disabled", VETERAN, &[("kind", "disabled"), ACTIVE]),
    Part::list(".bereaved", VETERAN, &[("kind", "bereaved_family"), ACTIVE]),
    Part::list(
        ".demobilised",
        VETERAN,
        &[("kind", "demobilised_rural"), ACTIVE],
    ),
    Part::list(
        ".ill-returned",
        VETERAN,
        &[("kind", "ill_returned"), ACTIVE],
    ),
    Part::list(".families", VETERAN, &[("kind", "military_family"), ACTIVE]),
];
const VETERAN: &[&str] = &["name", "national_id"];
