//! Creates and edits of a client, without a server.

use super::*;
use crate::sim::jobber::input::{
    EmailCreateAttributes, EmailUpdateAttributes, EncodedId, PhoneNumberCreateAttributes,
};

fn email(address: &str, primary: bool) -> EmailCreateAttributes {
    EmailCreateAttributes {
        address: Some(address.to_owned()),
        primary: Some(primary),
        ..EmailCreateAttributes::default()
    }
}

fn ann() -> (JobberClient, Ids) {
    let mut ids = Ids::starting(1);
    let input = ClientCreateInput {
        first_name: MaybeUndefined::Value("Ann".to_owned()),
        emails: Some(vec![email("a@x.io", true), email("b@x.io", false)]),
        ..ClientCreateInput::default()
    };
    (create(input, &mut ids).unwrap(), ids)
}

fn paths(refusals: &[Refusal]) -> Vec<String> {
    refusals.iter().map(|refusal| refusal.path.join("/")).collect()
}

#[test]
fn a_client_without_any_name_is_refused() {
    let refusals = create(ClientCreateInput::default(), &mut Ids::starting(1)).unwrap_err();
    assert_eq!(paths(&refusals), ["input"]);
    let (client, mut ids) = ann();
    let input = ClientEditInput { first_name: MaybeUndefined::Null, ..ClientEditInput::default() };
    assert_eq!(paths(&edit(&client, input, AddressEdit::Merges, &mut ids).unwrap_err()), ["input"]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let input = ClientCreateInput {
        first_name: MaybeUndefined::Value("x".repeat(256)),
        company_name: MaybeUndefined::Value("Lee Ltd".to_owned()),
        emails: Some(vec![email("not an address", true), email("a@b", true), email("", true)]),
        phones: Some(vec![PhoneNumberCreateAttributes {
            number: Some("call me".to_owned()),
            ..PhoneNumberCreateAttributes::default()
        }]),
        ..ClientCreateInput::default()
    };
    let refusals = create(input, &mut Ids::starting(1)).unwrap_err();
    assert_eq!(
        paths(&refusals),
        ["input/firstName", "input/emails", "input/emails", "input/emails", "input/phones"]
    );
}

#[test]
fn an_edit_that_is_refused_changes_nothing_and_names_the_list() {
    let (client, mut ids) = ann();
    let nobody = EncodedId(encode_id(Kind::Email, 999));
    let input = ClientEditInput {
        first_name: MaybeUndefined::Value("Bea".to_owned()),
        emails_to_edit: Some(vec![EmailUpdateAttributes {
            address: None,
            description: None,
            id: nobody.clone(),
            primary: Some(true),
        }]),
        emails_to_delete: Some(vec![nobody]),
        ..ClientEditInput::default()
    };
    let refusals = edit(&client, input, AddressEdit::Merges, &mut ids).unwrap_err();
    assert_eq!(paths(&refusals), ["input/emailsToEdit", "input/emailsToDelete"]);
    assert_eq!(client.first_name, "Ann");
}

#[test]
fn a_new_primary_unsets_the_others_of_its_list() {
    let (client, mut ids) = ann();
    let input = ClientEditInput {
        emails_to_add: Some(vec![email("c@x.io", true)]),
        ..ClientEditInput::default()
    };
    let client = edit(&client, input, AddressEdit::Merges, &mut ids).unwrap();
    let primaries: Vec<bool> = client.emails.iter().map(|email| email.primary).collect();
    assert_eq!(primaries, [false, false, true]);
}

#[test]
fn the_same_address_added_twice_is_there_twice() {
    let (client, mut ids) = ann();
    let again = || ClientEditInput {
        emails_to_add: Some(vec![email("a@x.io", false)]),
        ..ClientEditInput::default()
    };
    let client = edit(&client, again(), AddressEdit::Merges, &mut ids).unwrap();
    let client = edit(&client, again(), AddressEdit::Merges, &mut ids).unwrap();
    let same = client.emails.iter().filter(|email| email.address == "a@x.io").count();
    assert_eq!(same, 3);
    let mut distinct: Vec<&str> = client.emails.iter().map(|email| email.id.as_str()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), client.emails.len());
}

#[test]
fn an_edit_replaces_the_billing_address_or_merges_into_it() {
    let (mut client, mut ids) = ann();
    client.billing_address = Some(JobberAddress {
        street1: "1 Main".to_owned(),
        city: "Reno".to_owned(),
        ..JobberAddress::default()
    });
    let mut street = |street: &str, how: AddressEdit| {
        let input = ClientEditInput {
            billing_address: Some(AddressAttributes {
                street1: MaybeUndefined::Value(street.to_owned()),
                ..AddressAttributes::default()
            }),
            ..ClientEditInput::default()
        };
        let address = edit(&client, input, how, &mut ids).unwrap().billing_address;
        address.map(|address| (address.street1, address.city))
    };
    let pair = |street: &str, city: &str| Some((street.to_owned(), city.to_owned()));
    assert_eq!(street("2 Main", AddressEdit::Merges), pair("2 Main", "Reno"));
    assert_eq!(street("2 Main", AddressEdit::Replaces), pair("2 Main", ""));
    assert_eq!(street("", AddressEdit::Merges), pair("", "Reno"));
    assert_eq!(street("", AddressEdit::Replaces), None);
}
