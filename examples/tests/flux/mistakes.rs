//! Files with mistakes: all are reported at once, each at its place, with the nearest word that is known.

use fluxcascade_examples::flux::Exit;

use crate::Office;
use crate::said::{places, said};

/// Mistakes of every sort. Each line that has some ends with a comment: the columns.
const MANY: &str = r#"
[stor]
sqlite = "x.db"

[store]
sqlite = "sync.db"

[connections.hubspot]
system = "hubspt" # 10
token_env = "HUBSPOT_TOKEN"

[connections.jobber]
system = "jobber"
token_env = "JOBER_TOKEN" # 13
base_url = "http://127.0.0.1:8092"
look_back = "five minutes" # 13
page_sise = 20 # 1

[engine]
lease = "5 minuets" # 9
batch = "many" # 9

[[mappings]]
name = "contacts"
source = { connection = "hubspot", object = "contacts" }
target = { connection = "jober", object = "clients" } # 25
conflicts = ["newest_wins", "manuel"] # 29
on_delete = { source = "forget" } # 24

[[mappings.match]]
source = "email"
target = "emails.primary"
forms = ["mail"] # 10

[[mappings.pairs]]
source = "firstname"
target = "firstName"
directon = "source_only" # 1
"#;

#[tokio::test]
async fn every_mistake_is_reported_at_once_at_its_place_with_the_nearest_word() {
    let office = Office::with(MANY).await;
    let told = office.flux(&["check"]).await;
    assert_eq!((told.exit, told.out.as_str()), (Exit::Mistaken, ""), "{told:?}");
    // `[stor]` stands for itself.
    let mut wanted = vec![(2, 2)];
    wanted.extend(MANY.lines().zip(1..).filter_map(|(line, number)| {
        let (_, column) = line.split_once(" # ")?;
        Some((number, column.parse().unwrap()))
    }));
    assert_eq!(places(&told.err), wanted, "{}", told.err);
    said(
        &told.err,
        &[
            "unknown key `stor`: did you mean `store`?",
            "unknown system `hubspt`: did you mean `hubspot`?",
            "JOBER_TOKEN is not set: did you mean `JOBBER_TOKEN`?",
            "`look_back` is no duration",
            "unknown key `page_sise`: did you mean `page_size`?",
            "is no duration: write",
            "is a text, and takes a whole number",
            "unknown connection `jober`: did you mean `jobber`?",
            "unknown strategy `manuel`: did you mean `manual`?",
            "`forget` is not known here: there is `unlink`",
            "`mail` is not known here: did you mean `email`?",
            "unknown key `directon`: did you mean `direction`?",
            "sync.toml: 12 mistakes",
        ],
    );
    assert!(office.world.hubspot.requests().is_empty());
    assert!(!office.path("sync.db").exists());
}

/// The file that users begin with, with other words in it.
async fn changed(changes: &[(&str, &str)]) -> String {
    let mut file = include_str!("../../sync.toml").to_owned();
    for (from, to) in changes {
        assert!(file.contains(from), "{from}");
        file = file.replacen(from, to, 1);
    }
    let office = Office::with(&file).await;
    let told = office.flux(&["sync"]).await;
    assert_eq!(told.exit, Exit::Mistaken, "{told:?}");
    assert_eq!(office.world.writes(), Vec::<String>::new());
    assert!(!office.path("sync.db").exists(), "a store was made");
    told.err
}

#[tokio::test]
async fn fields_and_object_types_are_looked_up_in_the_systems_beside_other_mistakes() {
    let err = changed(&[
        ("object = \"clients\"", "object = \"client\""),
        ("source = \"firstname\"", "source = \"frstname\""),
        ("source = [\"address\", \"city\"", "source = [\"address\", \"ctiy\""),
        ("conflicts = \"manual\"", "conflicts = \"by_hand\""),
        ("primary = \"source\"", "primary = \"left\""),
    ])
    .await;
    said(
        &err,
        &[
            "`jobber` has no object type `client`: did you mean `clients`?",
            "hubspot contacts has no field `frstname`: did you mean `firstname`?",
            "hubspot contacts has no field `ctiy`: did you mean `city`?",
            "unknown strategy `by_hand`",
            "`left` is not known here: there is `source`, `target`",
            "5 mistakes",
        ],
    );
}

#[tokio::test]
async fn what_the_engine_has_against_a_mapping_is_told_at_its_place() {
    let err =
        changed(&[("primary = \"source\"\n", ""), ("sweep_every = \"24h\"", "lease = \"10s\"")])
            .await;
    said(
        &err,
        &[
            "primary_wins, but the mapping names no primary: add primary = \"source\" or \"target\"",
            "`lease` must be more than twice the request timeout",
            "2 mistakes",
        ],
    );
    let err = changed(&[
        ("sweep_every = \"24h\"", "lease = \"10s\""),
        ("source = \"unlink\"", "source = \"delete\""),
        ("target = \"firstName\"", "target = \"createdAt\""),
    ])
    .await;
    said(&err, &["cannot delete records for good", "createdAt cannot be written"]);
    let at = |word: &str| {
        let line = err.lines().find(|line| line.contains(word)).unwrap();
        line.split(':').nth(1).unwrap().parse::<usize>().unwrap()
    };
    let lines: Vec<&str> = include_str!("../../sync.toml").lines().collect();
    assert!(lines[at("cannot delete records") - 1].starts_with("on_delete"), "{err}");
    assert_eq!(lines[at("createdAt") - 1], "source = \"firstname\"", "{err}");
}

#[tokio::test]
async fn a_secret_in_the_file_is_refused_and_shown_nowhere() {
    let secret = "pat-na1-very-secret";
    for (to, says) in [
        (format!("token = \"{secret}\""), "name that one with `token_env`"),
        (format!("token_env = \"{secret}\""), "names no environment variable that is set"),
    ] {
        let err = changed(&[("token_env = \"HUBSPOT_TOKEN\"", &to)]).await;
        assert!(!err.contains(secret), "{err}");
        said(&err, &[says, "1 mistake"]);
    }
}

#[tokio::test]
async fn a_refused_token_is_told_at_its_connection() {
    let file = include_str!("../../sync.toml");
    let mut office = Office::with(file).await;
    office.vars = fluxcascade_examples::flux::Vars::new([
        ("HUBSPOT_TOKEN", "pat-na1-a-wrong-one"),
        ("JOBBER_TOKEN", "another-wrong-one"),
    ]);
    let told = office.flux(&["check"]).await;
    assert_eq!(told.exit, Exit::Mistaken, "{told:?}");
    said(&told.err, &["connection `hubspot`: ", "connection `jobber`: ", "2 mistakes"]);
    assert!(!told.err.contains("wrong-one"));
}

#[tokio::test]
async fn what_is_no_toml_is_told_with_the_rest() {
    let err = changed(&[
        ("sqlite = \"sync.db\"", "sqlite = sync.db"),
        ("name = \"contacts\"", "name = "),
    ])
    .await;
    assert_eq!(err.matches("is no TOML").count(), 2, "{err}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_told() {
    let office = Office::start().await;
    std::fs::remove_file(office.path("sync.toml")).unwrap();
    let told = office.flux(&["check"]).await;
    assert_eq!(told.exit, Exit::Mistaken);
    said(&told.err, &["name another file with --config"]);
}

#[tokio::test]
async fn an_empty_file_is_told_what_belongs_into_it() {
    let office = Office::with("").await;
    let told = office.flux(&["check"]).await;
    said(&told.err, &["there is no [store]", "no [connections", "no [[mappings]]", "3 mistakes"]);
}

/// A file that is cut off anywhere, or lacks any of its lines, is read to its end.
#[test]
fn no_part_of_a_file_is_too_broken_to_be_told() {
    let whole = include_str!("../../sync.toml");
    let (ends, lines) = (whole.char_indices().map(|(at, _)| at), whole.lines().count());
    let mut told = 0;
    for end in ends {
        told += usize::from(fluxcascade_examples::flux::mappings(&whole[..end]).is_err());
    }
    for gone in 0..lines {
        let left: Vec<&str> =
            whole.lines().enumerate().filter(|(n, _)| *n != gone).map(|(_, l)| l).collect();
        told += usize::from(fluxcascade_examples::flux::mappings(&left.join("\n")).is_err());
    }
    assert!(told > 1000, "{told}");
}

#[tokio::test]
async fn a_store_is_one_and_its_address_is_a_secret() {
    for (to, says) in [
        ("", "name one store"),
        ("sqlite = \"sync.db\"\nmemory = true", "name one store"),
        ("sqlite = \"none/sync.db\"", "lies in a folder that is not there"),
        ("postgres_env = \"DATABASE_URL\"", "DATABASE_URL is not set"),
        ("sqlite = \"sync.db\"\nschema = \"sync\"", "`schema` is for postgres_env alone"),
        ("sqlit = \"sync.db\"", "unknown key `sqlit`: did you mean `sqlite`?"),
    ] {
        let err = changed(&[("sqlite = \"sync.db\"", to)]).await;
        said(&err, &[says]);
    }
    let file = include_str!("../../sync.toml");
    let file = file.replace("sqlite = \"sync.db\"", "postgres_env = \"DATABASE_URL\"");
    let mut office = Office::with(&file).await;
    let token = crate::world::TOKEN;
    office.vars = fluxcascade_examples::flux::Vars::new([
        ("HUBSPOT_TOKEN", token),
        ("JOBBER_TOKEN", token),
        ("DATABASE_URL", "postgres//sync:s3cret@db"),
    ]);
    let told = office.flux(&["sync"]).await;
    assert_eq!(told.exit, Exit::Failed);
    assert!(told.err.contains("URL cannot be read") && !told.err.contains("s3cret"), "{told:?}");
}

#[tokio::test]
async fn mappings_refer_to_each_other_by_names_that_are_there() {
    let err = changed(&[
        ("id = \"company\"", "id = \"company\"\nreference = \"contact\""),
        ("name = \"contacts\"", "name = \"contacts\"\ncreate = \"to_nobody\""),
    ])
    .await;
    said(
        &err,
        &[
            "unknown mapping `contact`: did you mean `contacts`?",
            "`to_nobody` is not known here: there is `both`, `to_source`, `to_target`, `never`",
            "2 mistakes",
        ],
    );
}

/// What core says of mappings in code is said of the file.
#[tokio::test]
async fn what_is_to_be_added_is_named_as_it_stands_in_a_file() {
    let file = include_str!("../../sync.toml");
    let (head, _) = file.split_once("# The same e-mail").unwrap();
    let office = Office::with(&format!("{head}match = []\npairs = []\n")).await;
    let told = office.flux(&["check"]).await;
    said(&told.err, &["add [[mappings.match]] with", "add [[mappings.pairs]] with", "2 mistakes"]);
    assert!(!told.err.contains("add ."), "{told:?}");
}
