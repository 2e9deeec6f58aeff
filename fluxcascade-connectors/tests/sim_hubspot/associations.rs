//! Associations: read, made by default and by label, archived.

use super::*;

/// A contact and two companies.
fn seeded(portal: &Portal) -> (String, String, String) {
    let ann = portal.sim.seed_contact([("email", "ann@example.com")]).unwrap();
    let company = |name: &str| portal.sim.seed("companies", [("name", name)]).unwrap();
    (ann, company("Oak"), company("Elm"))
}

async fn read(portal: &Portal, from: &str, to: &str, ids: &[&str]) -> (u16, Json) {
    let inputs: Json = ids.iter().map(|id| json!({"id": id})).collect();
    let path = format!("/crm/v4/associations/{from}/{to}/batch/read");
    portal.post(&path, json!({"inputs": inputs})).await
}

#[tokio::test]
async fn a_default_association_is_there_from_both_ends_and_moves_no_time() {
    let portal = portal().await;
    let (ann, oak, _) = seeded(&portal);
    portal.clock.advance(Duration::from_secs(60));
    let path = "/crm/v4/associations/contacts/companies/batch/associate/default";
    let body = json!({"inputs": [{"from": {"id": ann}, "to": {"id": oak}}]});
    let (status, made) = portal.post(path, body).await;
    assert_eq!(
        (status, &made["results"][0]["associationSpec"]["associationTypeId"]),
        (200, &json!(279))
    );
    let (status, tied) = read(&portal, "companies", "contacts", &[&oak]).await;
    assert_eq!(status, 200);
    let row = &tied["results"][0];
    assert_eq!(
        (row["from"]["id"].as_str(), row["to"][0]["toObjectId"].to_string()),
        (Some(&*oak), ann.clone())
    );
    assert_eq!(row["to"][0]["associationTypes"][0]["typeId"], 280);
    let updated = portal.sim.contact(&ann).unwrap().updated_at;
    assert_eq!(updated.to_string(), "2026-03-01T14:00:00Z");
}

#[tokio::test]
async fn a_record_without_associations_is_named_among_the_errors_of_a_207() {
    let portal = portal().await;
    let (ann, oak, _) = seeded(&portal);
    let (status, body) = read(&portal, "contacts", "companies", &[&ann]).await;
    assert_eq!((status, body["results"].as_array().unwrap().len()), (207, 0));
    let error = &body["errors"][0];
    assert_eq!(error["category"], "OBJECT_NOT_FOUND");
    assert_eq!(error["subCategory"], "crm.associations.NO_ASSOCIATIONS_FOUND");
    assert_eq!(error["context"]["fromObjectId"], json!([ann]));
    portal.sim.associate(("contacts", &ann), ("companies", &oak)).unwrap();
    portal.sim.archive("companies", &oak).unwrap();
    assert_eq!(read(&portal, "contacts", "companies", &[&ann]).await.0, 207, "it is archived");
    portal.sim.restore("companies", &oak).unwrap();
    assert_eq!(read(&portal, "contacts", "companies", &[&ann]).await.0, 200);
}

#[tokio::test]
async fn a_label_replaces_those_that_were_there_and_one_company_is_primary() {
    let portal = portal().await;
    let (ann, oak, elm) = seeded(&portal);
    let primary = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]);
    let plain = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]);
    let put = async |company: &str, types: &Json| {
        let path = format!("/crm/v4/objects/contacts/{ann}/associations/companies/{company}");
        portal.send(Method::PUT, &path, Some(types)).await.status().as_u16()
    };
    let tied = || portal.sim.associated(("contacts", &ann), "companies");
    assert_eq!(put(&oak, &primary).await, 201);
    assert_eq!(put(&elm, &primary).await, 201);
    assert_eq!(tied(), [(oak.clone(), false), (elm.clone(), true)]);
    assert_eq!(put(&elm, &plain).await, 201);
    assert_eq!(tied(), [(oak.clone(), false), (elm.clone(), false)]);
    let unknown = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 4}]);
    assert_eq!(put(&elm, &unknown).await, 400);
    let archive = json!({"inputs": [{"from": {"id": ann}, "to": [{"id": oak}, {"id": elm}]}]});
    let path = "/crm/associations/2026-03/contacts/companies/batch/archive";
    assert_eq!(portal.post(path, archive.clone()).await.0, 200);
    let path = "/crm/v4/associations/contacts/companies/batch/archive";
    assert_eq!(portal.post(path, archive).await.0, 204, "they are gone already");
    assert_eq!(tied(), []);
}

#[tokio::test]
async fn a_create_may_bring_its_associations_with_it() {
    let portal = portal().await;
    let (ann, oak, _) = seeded(&portal);
    let to = |id: &str, kind: u64| {
        json!({"to": {"id": id}, "types": [
            {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind},
        ]})
    };
    let deal = json!({"dealname": "Fence", "dealstage": "closedwon", "pipeline": "default"});
    let inputs = json!({"inputs": [
        {"objectWriteTraceId": "0", "properties": deal, "associations": [to(&ann, 3), to(&oak, 5)]},
        {"objectWriteTraceId": "1", "properties": deal, "associations": [to("17", 3)]},
    ]});
    let (status, body) = portal.post("/crm/v3/objects/deals/batch/create", inputs).await;
    assert_eq!((status, body["numErrors"].as_u64()), (207, Some(1)));
    let id = body["results"][0]["id"].as_str().unwrap();
    assert_eq!(portal.sim.associated(("deals", id), "contacts"), [(ann, false)]);
    assert_eq!(portal.sim.associated(("deals", id), "companies"), [(oak.clone(), true)]);
    let (_, one) = portal.get(&format!("/crm/v3/objects/deals/{id}?associations=companies")).await;
    assert_eq!(one["associations"]["companies"]["results"][0]["id"], oak.as_str());
}

#[tokio::test]
async fn many_associations_of_one_record_are_paged() {
    let portal = portal().await;
    let oak = portal.sim.seed("companies", [("name", "Oak")]).unwrap();
    for id in portal.seed(501) {
        portal.sim.associate(("companies", &oak), ("contacts", &id)).unwrap();
    }
    let (_, first) = read(&portal, "companies", "contacts", &[&oak]).await;
    let row = &first["results"][0];
    assert_eq!(row["to"].as_array().unwrap().len(), 500);
    let next = json!({"inputs": [{"id": oak, "after": row["paging"]["next"]["after"]}]});
    let (_, rest) = portal.post("/crm/v4/associations/companies/contacts/batch/read", next).await;
    assert_eq!(rest["results"][0]["to"].as_array().unwrap().len(), 1);
    assert!(rest["results"][0].get("paging").is_none());
}
