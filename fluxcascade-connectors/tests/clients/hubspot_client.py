"""HubSpot's own client (`hubspot-api-client`) against the simulated HubSpot: what works there must work
here. Usage: hubspot_client.py BASE_URL TOKEN; the first line that is not as expected ends it."""

import sys
import urllib.request

from hubspot import Client
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectId,
    Filter,
    FilterGroup,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInput,
    SimplePublicObjectBatchInputForCreate,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.contacts.exceptions import ApiException


def expect(what, held):
    print(("ok      " if held else "FAILED  ") + what)
    if not held:
        sys.exit(1)


def control(base, path, body=b"{}"):
    request = urllib.request.Request(f"{base}/__sim/{path}", data=body, method="POST")
    urllib.request.urlopen(request).read()


def refused(status, call):
    try:
        call()
    except ApiException as error:
        return error.status == status and bool(error.body)
    return False


def main(base, token):
    client = Client.create(access_token=token, host=base)
    contacts = client.crm.contacts
    basic, batch, search = contacts.basic_api, contacts.batch_api, contacts.search_api

    made = basic.create(
        simple_public_object_input_for_create=SimplePublicObjectInputForCreate(
            properties={"email": "client@example.com", "firstname": "Ann"}, associations=[]
        )
    )
    expect("create", made.id.isdigit() and made.properties["email"] == "client@example.com")

    read = basic.get_by_id(made.id, properties=["email", "firstname"])
    expect("read", read.properties["firstname"] == "Ann" and read.updated_at is not None)

    basic.update(
        made.id,
        simple_public_object_input=SimplePublicObjectInput(properties={"firstname": "Anne"}),
    )
    read = basic.get_by_id(made.id, properties=["firstname"])
    expect("update", read.properties["firstname"] == "Anne")

    taken = SimplePublicObjectInputForCreate(
        properties={"email": "client@example.com"}, associations=[]
    )
    expect(
        "a repeated e-mail is a conflict",
        refused(409, lambda: basic.create(simple_public_object_input_for_create=taken)),
    )

    inputs = [
        SimplePublicObjectBatchInputForCreate(
            properties={"email": f"batch{n}@example.com", "firstname": "Batch"}, associations=[]
        )
        for n in range(7)
    ]
    created = batch.create(
        batch_input_simple_public_object_batch_input_for_create=(
            BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs)
        )
    )
    ids = [record.id for record in created.results]
    expect("batch create", len(set(ids)) == 7)

    updates = [SimplePublicObjectBatchInput(id=i, properties={"lastname": "Lee"}) for i in ids]
    updated = batch.update(
        batch_input_simple_public_object_batch_input=(
            BatchInputSimplePublicObjectBatchInput(inputs=updates)
        )
    )
    expect("batch update", all(r.properties["lastname"] == "Lee" for r in updated.results))

    seen, after, pages = [], None, 0
    while True:
        page = basic.get_page(limit=3, after=after, properties=["email"], archived=False)
        seen += [record.id for record in page.results]
        pages += 1
        if page.paging is None:
            break
        after = page.paging.next.after
    expect("list with paging", pages > 2 and len(seen) == len(set(seen)) and set(ids) <= set(seen))

    # What was written shows late in a search.
    control(base, "clock", b'{"advance_seconds":120}')
    found, after = [], None
    while True:
        request = PublicObjectSearchRequest(
            filter_groups=[
                FilterGroup(
                    filters=[Filter(property_name="firstname", operator="EQ", value="Batch")]
                )
            ],
            sorts=["createdate"],
            properties=["email"],
            limit=3,
            after=after,
        )
        page = search.do_search(public_object_search_request=request)
        found += [record.id for record in page.results]
        if page.paging is None:
            break
        after = page.paging.next.after
    expect("search with paging", sorted(found) == sorted(ids))

    basic.archive(made.id)
    expect("archive", refused(404, lambda: basic.get_by_id(made.id)))
    batch.archive(
        batch_input_simple_public_object_id=BatchInputSimplePublicObjectId(
            inputs=[SimplePublicObjectId(id=i) for i in ids]
        )
    )
    archived = basic.get_page(limit=100, archived=True)
    expect("batch archive", set(ids) <= {record.id for record in archived.results})

    expect("a missing id", refused(404, lambda: basic.get_by_id("999999999")))
    control(base, "throttle")
    expect("a limit hit", refused(429, lambda: basic.get_page(limit=1)))
    expect("and over", basic.get_page(limit=1) is not None)

    properties = client.crm.properties.core_api.get_all("contacts").results
    expect("metadata", any(p.name == "email" and p.type == "string" for p in properties))

    wrong = Client.create(access_token="not-the-token", host=base)
    expect("a wrong token", refused(401, lambda: wrong.crm.contacts.basic_api.get_page(limit=1)))


main(*sys.argv[1:3])
