//! Paging through a list whose cursors are mere positions, while clients are edited: the worst
//! that Jobber's cursors may be, as far as its documentation goes.

use std::collections::BTreeSet;

use fluxcascade_core::connector::{ChangesRequest, Cursor};

use super::*;

/// Clients with the seconds at which they were changed.
type Rows = Arc<Mutex<Vec<(String, i64)>>>;

/// How bounds are meant: neither is documented.
#[derive(Clone, Copy)]
enum Bounds {
    Inclusive,
    Exclusive,
}

struct Positions {
    rows: Rows,
    bounds: Bounds,
}

impl Respond for Positions {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Json = request.body_json().unwrap();
        let variables = &body["variables"];
        let bound = |key: &str| {
            let text = variables["filter"]["updatedAt"][key].as_str()?;
            Some(text.parse::<Timestamp>().unwrap().micros() / 1_000_000)
        };
        let is_in = |at: i64| match self.bounds {
            Bounds::Inclusive => {
                bound("after").is_none_or(|from| at >= from)
                    && bound("before").is_none_or(|to| at <= to)
            }
            Bounds::Exclusive => {
                bound("after").is_none_or(|from| at > from)
                    && bound("before").is_none_or(|to| at < to)
            }
        };
        let mut rows = self.rows.lock().unwrap().clone();
        rows.retain(|(_, at)| is_in(*at));
        rows.sort_by_key(|(_, at)| *at);
        let first = usize::try_from(variables["first"].as_u64().unwrap()).unwrap();
        let from = variables["after"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
        let to = rows.len().min(from + first);
        let nodes: Vec<Json> = rows
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .map(|(id, at)| client(id, &Timestamp::from_secs(*at).to_string()))
            .collect();
        let next = (to < rows.len()).then(|| to.to_string());
        data(&list(&nodes, next.as_deref()))
    }
}

const NOON_SECONDS: i64 = 1_772_366_400;

/// Reads to the end, editing a client that was read already after each page.
async fn read(rows: &Rows, bounds: Bounds, start: Option<Cursor>) -> (BTreeSet<String>, Cursor) {
    let server = MockServer::start().await;
    let positions = Positions { rows: Arc::clone(rows), bounds };
    Mock::given(any()).respond_with(positions).mount(&server).await;
    let jobber = Jobber::builder().token("s3cret").base_url(server.uri()).build().unwrap();
    let mut seen = BTreeSet::new();
    let mut position = start.map_or(Position::Start, Position::After);
    loop {
        let projection = projection(&["firstName"]);
        let request = ChangesRequest { object: clients(), projection, position, limit: 20 };
        let page = jobber.changes(request).await.unwrap();
        seen.extend(page.observations.iter().map(|seen| seen.record.to_string()));
        if !page.more {
            return (seen, page.cursor);
        }
        let edited = page.observations[0].record.as_str();
        for row in rows.lock().unwrap().iter_mut().filter(|(id, _)| id == edited) {
            row.1 = NOON_SECONDS + 60;
        }
        position = Position::After(page.cursor);
    }
}

fn rows(times: impl Iterator<Item = i64>) -> (Rows, BTreeSet<String>) {
    let rows: Vec<(String, i64)> =
        times.enumerate().map(|(n, at)| (format!("c{n:03}"), at)).collect();
    let ids = rows.iter().map(|(id, _)| id.clone()).collect();
    (Arc::new(Mutex::new(rows)), ids)
}

#[tokio::test]
async fn nobody_is_skipped_by_a_full_read_where_a_cursor_is_a_mere_position() {
    for bounds in [Bounds::Inclusive, Bounds::Exclusive] {
        let (rows, ids) = rows((0..200).map(|n| NOON_SECONDS - 100_000 + 40 * n));
        assert_eq!(read(&rows, bounds, None).await.0, ids);
    }
}

#[tokio::test]
async fn nobody_is_skipped_by_a_window_where_a_cursor_is_a_mere_position() {
    for bounds in [Bounds::Inclusive, Bounds::Exclusive] {
        let (nobody, _) = self::rows(std::iter::empty());
        let cursor = read(&nobody, bounds, None).await.1;
        let (rows, ids) = self::rows((1..100).map(|n| NOON_SECONDS - 300 + 3 * n));
        assert_eq!(read(&rows, bounds, Some(cursor)).await.0, ids);
    }
}
