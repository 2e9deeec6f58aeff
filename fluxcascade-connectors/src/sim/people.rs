//! Synthetic people. The same seed and number give the same person in every simulator, so that
//! two systems filled with the same seed hold the same customers. Nobody real is here: the
//! domains are reserved for examples and the numbers for fiction.

use super::draw::{below, pick};

/// A synthetic person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The given name.
    pub first_name: String,
    /// The family name.
    pub last_name: String,
    /// No two numbers have the same.
    pub email: String,
    /// A number of the United States in one of the ways that people write it.
    pub phone: String,
    /// The company; about one in three has none.
    pub company: Option<String>,
    /// Number and street.
    pub street: String,
    /// The city.
    pub city: String,
    /// The state's two letters.
    pub state: String,
    /// The postal code.
    pub zip: String,
    /// The country's name.
    pub country: String,
}

const FIRST: [&str; 40] = [
    "Alice", "Amir", "Ana", "Andre", "Beatriz", "Ben", "Carla", "Chen", "Chloe", "Daniel", "Dora",
    "Elena", "Emeka", "Fatima", "Felix", "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jack", "Jasmin",
    "Kofi", "Laura", "Liam", "Lucia", "Marco", "Maria", "Nadia", "Noah", "Olivia", "Omar", "Paula",
    "Priya", "Quinn", "Rosa", "Samir", "Sofia", "Tom", "Zoë",
];
const LAST: [&str; 40] = [
    "Abbott", "Alvarez", "Baker", "Berg", "Castillo", "Chan", "Cole", "Dawson", "Diaz", "Eriksen",
    "Fischer", "Flores", "Garcia", "Grant", "Hale", "Hoffman", "Ibrahim", "Jensen", "Khan", "Kim",
    "Larsen", "Lopez", "Meyer", "Moreno", "Nakamura", "Nguyen", "O'Neill", "Okafor", "Park",
    "Patel", "Quist", "Ramos", "Rossi", "Schäfer", "Silva", "Tanaka", "Usman", "Vega", "Weber",
    "Young",
];
const COMPANY: [&str; 16] = [
    "Oakfield",
    "Riverside",
    "Summit",
    "Bluebird",
    "Hillcrest",
    "Maple",
    "Granite",
    "Lakeview",
    "Pioneer",
    "Sunrise",
    "Juniper",
    "Harbor",
    "Redwood",
    "Northgate",
    "Willow",
    "Cedar",
];
const TRADE: [&str; 10] = [
    "Plumbing",
    "Landscaping",
    "Roofing",
    "Cleaning",
    "Electric",
    "Painting",
    "Heating",
    "Windows",
    "Pest Control",
    "Tree Care",
];
const DOMAIN: [&str; 4] = ["example.com", "example.org", "example.net", "mail.example"];
const STREET: [&str; 16] = [
    "Oak St",
    "Maple Ave",
    "Main St",
    "2nd St",
    "Park Rd",
    "Lake Dr",
    "Hill Rd",
    "Cedar Ln",
    "River Rd",
    "Elm St",
    "Church St",
    "Mill Ln",
    "Spring St",
    "Ridge Way",
    "Station Rd",
    "Bay Ct",
];
/// City, state, the first three digits of the postal code, area code.
const PLACE: [(&str, &str, &str, &str); 12] = [
    ("Huntsville", "AL", "358", "256"),
    ("Denver", "CO", "802", "303"),
    ("Austin", "TX", "787", "512"),
    ("Portland", "OR", "972", "503"),
    ("Columbus", "OH", "432", "614"),
    ("Tampa", "FL", "336", "813"),
    ("Boise", "ID", "837", "208"),
    ("Albany", "NY", "122", "518"),
    ("Madison", "WI", "537", "608"),
    ("Raleigh", "NC", "276", "919"),
    ("Tucson", "AZ", "857", "520"),
    ("Spokane", "WA", "992", "509"),
];

impl Person {
    /// The person of this number.
    pub fn of(seed: u64, number: u64) -> Self {
        let first = pick(&FIRST, seed, &[number, 1]);
        let last = pick(&LAST, seed, &[number, 2]);
        let (city, state, zip, area) = usize::try_from(below(12, seed, &[number, 3]))
            .ok()
            .and_then(|at| PLACE.get(at).copied())
            .unwrap_or(PLACE[0]);
        let company = (below(3, seed, &[number, 4]) > 0).then(|| {
            let (name, trade) =
                (pick(&COMPANY, seed, &[number, 5]), pick(&TRADE, seed, &[number, 6]));
            format!("{name} {trade}")
        });
        let local = |name: &str| {
            name.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase()
        };
        let domain = pick(&DOMAIN, seed, &[number, 7]);
        Self {
            first_name: first.to_owned(),
            last_name: last.to_owned(),
            email: format!("{}.{}.{number}@{domain}", local(first), local(last)),
            phone: phone(area, seed, number),
            company,
            street: format!(
                "{} {}",
                1 + below(980, seed, &[number, 8]),
                pick(&STREET, seed, &[number, 9])
            ),
            city: city.to_owned(),
            state: state.to_owned(),
            zip: format!("{zip}{:02}", below(100, seed, &[number, 10])),
            country: "United States".to_owned(),
        }
    }
}

/// 555-0100 to 555-0199 are kept free for fiction in every area.
fn phone(area: &str, seed: u64, number: u64) -> String {
    let line = 100 + below(100, seed, &[number, 11]);
    match below(4, seed, &[number, 12]) {
        0 => format!("({area}) 555-0{line}"),
        1 => format!("{area}-555-0{line}"),
        2 => format!("+1{area}5550{line}"),
        _ => format!("+1 {area} 555 0{line}"),
    }
}
