//! Answers that are not what a vendor's documentation says: made out of right ones.

use serde_json::{Map, Value as Json, json};

use super::call::Reply;

/// A page for people, where an answer should be.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>One moment</title></head>\n\
    <body><h1>We are checking your connection</h1></body></html>\n";
/// The size of a huge answer, in bytes.
const HUGE: usize = 50 << 20;

/// The same answer as a page.
pub(super) fn page(reply: &Reply) -> Reply {
    Reply::typed(reply.status, "text/html; charset=utf-8", PAGE)
}

/// The same answer with 50 MB of white space after it: it is still JSON.
pub(super) fn huge(mut reply: Reply) -> Reply {
    reply.body.resize(HUGE.max(reply.body.len()), b' ');
    reply
}

/// The same answer with values of other types.
pub(super) fn of_wrong_types(reply: Reply) -> Reply {
    changed(reply, &mut |_, value| match value {
        Json::String(text) => *value = json!({ "text": text }),
        Json::Number(number) => *value = json!([number.to_string()]),
        Json::Bool(_) => *value = json!("perhaps"),
        Json::Null | Json::Array(_) | Json::Object(_) => {}
    })
}

/// The same answer without any id.
pub(super) fn without_ids(reply: Reply) -> Reply {
    changed(reply, &mut |key, value| {
        if matches!(key, "id" | "toObjectId" | "portalId") {
            *value = Json::Null;
        }
    })
}

/// The same answer, which says that another page follows, and names the same place each time.
pub(super) fn endless(reply: Reply) -> Reply {
    let mut reply = changed(reply, &mut |key, value| match key {
        "hasNextPage" => *value = json!(true),
        "endCursor" => *value = json!("MQ"),
        _ => {}
    });
    if let Ok(Json::Object(mut body)) = serde_json::from_slice(&reply.body)
        && body.contains_key("results")
    {
        body.insert("paging".to_owned(), json!({ "next": { "after": "1" } }));
        reply.body = Json::Object(body).to_string().into_bytes();
    }
    reply
}

/// Sends the client to another host: this machine under its other name.
pub(super) fn elsewhere(port: u16) -> Reply {
    Reply::empty(307).header("location", format!("http://localhost:{port}/elsewhere"))
}

/// The answer, of which each value is changed. One that is no JSON stays as it is.
fn changed(mut reply: Reply, change: &mut dyn FnMut(&str, &mut Json)) -> Reply {
    if let Ok(mut body) = serde_json::from_slice::<Json>(&reply.body) {
        each("", &mut body, change);
        reply.body = body.to_string().into_bytes();
    }
    reply
}

fn each(key: &str, value: &mut Json, change: &mut dyn FnMut(&str, &mut Json)) {
    match value {
        Json::Object(fields) => {
            let known: Map<String, Json> = std::mem::take(fields);
            for (key, mut value) in known {
                each(&key, &mut value, change);
                fields.insert(key, value);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| each(key, item, change)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => change(key, value),
    }
}
