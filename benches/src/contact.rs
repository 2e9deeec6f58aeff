//! One contact's twenty fields: names, types, and short values as real ones are. Values depend on
//! the record's number alone.

use chrono::NaiveDate;
use fluxcascade_core::Side;
use fluxcascade_core::model::{FieldType, Timestamp, Value};
use rust_decimal::Decimal;

/// How many fields a contact has.
pub const FIELDS: usize = 20;

/// The fields' names on the source and on the target. The first is the key that records match on.
const NAMES: [(&str, &str); FIELDS] = [
    ("email", "emails.primary"),
    ("firstname", "firstName"),
    ("lastname", "lastName"),
    ("phone", "phones.primary"),
    ("mobilephone", "phones.mobile"),
    ("company", "companyName"),
    ("jobtitle", "title"),
    ("address", "billingAddress.street"),
    ("city", "billingAddress.city"),
    ("state", "billingAddress.province"),
    ("zip", "billingAddress.postalCode"),
    ("country", "billingAddress.country"),
    ("website", "website"),
    ("lead_source", "leadSource"),
    ("opted_out", "receivesNoMails"),
    ("open_amount", "balance"),
    ("annual_revenue", "revenue"),
    ("employees", "employees"),
    ("birthday", "birthday"),
    ("last_visit", "lastVisit"),
];

const FIRST: [&str; 12] = [
    "Ann", "Maria", "José", "Wei", "Olivia", "Björn", "Fatima", "Jack", "Priya", "Tom", "Chloé",
    "Samuel",
];
const LAST: [&str; 11] = [
    "Marsh",
    "García",
    "Nguyen",
    "Smith",
    "O'Neill",
    "Müller",
    "Okafor",
    "Johansson",
    "Patel",
    "Brown",
    "Kowalski",
];
const CITIES: [&str; 9] = [
    "Huntsville",
    "Edmonton",
    "St. John's",
    "Austin",
    "Montréal",
    "Leeds",
    "Kansas City",
    "Tampa",
    "Spokane",
];
const STREETS: [&str; 7] =
    ["Maple Ave", "3rd Street NW", "Chemin du Lac", "High Road", "Oak Hill Dr", "Elm St", "Bay Rd"];
const TITLES: [&str; 5] =
    ["Owner", "Office Manager", "Facility Coordinator", "", "Head of Operations"];
const SOURCES: [&str; 4] = ["ORGANIC_SEARCH", "REFERRALS", "PAID_SOCIAL", "OFFLINE"];

/// A field's name on a side.
pub(crate) fn name(field: usize, side: Side) -> &'static str {
    match side {
        Side::Source => NAMES[field].0,
        Side::Target => NAMES[field].1,
    }
}

/// A field's type; it is the same on both sides.
pub(crate) fn field_type(field: usize) -> FieldType {
    match NAMES[field].0 {
        "email" => FieldType::Email,
        "phone" | "mobilephone" => FieldType::Phone,
        "lead_source" => {
            FieldType::Choice { options: SOURCES.iter().map(|&code| code.to_owned()).collect() }
        }
        "opted_out" => FieldType::Bool,
        "open_amount" | "annual_revenue" => FieldType::Decimal,
        "employees" => FieldType::Int,
        "birthday" => FieldType::Date,
        "last_visit" => FieldType::Instant,
        _ => FieldType::Text,
    }
}

/// A field's value in a record.
pub(crate) fn value(field: usize, record: usize) -> Value {
    let number = i64::try_from(record).unwrap_or(i64::MAX);
    let first = pick(&FIRST, record);
    let last = pick(&LAST, record / 5);
    match NAMES[field].0 {
        "email" => format!("{}.{record}@example.com", first.to_lowercase()).into(),
        "firstname" => first.into(),
        "lastname" => last.into(),
        "phone" => format!("+1256{:07}", record % 10_000_000).into(),
        // One contact in three has no second phone.
        "mobilephone" if record.is_multiple_of(3) => Value::Null,
        "mobilephone" => format!("+1780{:07}", (record * 7) % 10_000_000).into(),
        "company" => format!("{last} & Sons {}", record % 977).into(),
        "jobtitle" => pick(&TITLES, record).into(),
        "address" => format!("{} {}", record % 9_000 + 1, pick(&STREETS, record)).into(),
        "city" => pick(&CITIES, record).into(),
        "state" => pick(&["AL", "AB", "TX", "QC"], record).into(),
        "zip" => format!("{:05}", (record * 31) % 100_000).into(),
        "country" => pick(&["US", "CA", "GB"], record).into(),
        "website" => format!("https://www.example.com/{}", record % 50_021).into(),
        "lead_source" => Value::Choice(pick(&SOURCES, record).to_owned()),
        "opted_out" => Value::Bool(record.is_multiple_of(11)),
        "open_amount" => Value::Decimal(Decimal::new(number * 37 % 10_000_000, 2)),
        "annual_revenue" => Value::Decimal(Decimal::new(number * 1_013 % 1_000_000_000, 2)),
        "employees" => Value::Int(number % 5_000),
        "birthday" => {
            let days = i32::try_from(record % 20_000).unwrap_or(0);
            NaiveDate::from_num_days_from_ce_opt(715_000 + days).map_or(Value::Null, Value::Date)
        }
        _ => Value::Instant(Timestamp::from_secs(1_690_000_000 + number * 61)),
    }
}

fn pick<'a>(from: &[&'a str], by: usize) -> &'a str {
    from[by % from.len()]
}
