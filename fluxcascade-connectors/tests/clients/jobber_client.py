"""A GraphQL client (`gql`) against the simulated Jobber: it fetches the schema, checks each document
against it, and sends it. Usage: jobber_client.py BASE_URL TOKEN; the first line that is not as expected
ends it."""

import json
import sys
import urllib.request

from gql import Client, gql
from gql.transport.exceptions import TransportQueryError, TransportServerError
from gql.transport.httpx import HTTPXTransport

VERSION = "2026-05-12"

CREATE = gql(
    """mutation($input: ClientCreateInput!) {
      clientCreate(input: $input) { client { id firstName emails { id address description primary } }
        userErrors { message path } } }"""
)
READ = gql("query($id: EncodedId!) { client(id: $id) { id firstName lastName isArchived updatedAt } }")
EDIT = gql(
    """mutation($id: EncodedId!, $input: ClientEditInput!) {
      clientEdit(clientId: $id, input: $input) { client { id firstName emails { address } }
        userErrors { message path } } }"""
)
LIST = gql(
    """query($after: String) {
      clients(first: 3, after: $after, sort: {key: UPDATED_AT, direction: ASCENDING}) {
        nodes { id updatedAt } pageInfo { hasNextPage endCursor } } }"""
)
SEARCH = gql(
    """query($term: String!) {
      clients(first: 10, searchTerm: $term) { nodes { id firstName } pageInfo { hasNextPage } } }"""
)
BATCH = gql(
    """mutation($a: EncodedId!, $b: EncodedId!) {
      a: clientEdit(clientId: $a, input: {lastName: "One"}) { client { lastName } userErrors { message path } }
      b: clientEdit(clientId: $b, input: {lastName: "Two"}) { client { lastName } userErrors { message path } } }"""
)
ARCHIVE = gql(
    """mutation($id: EncodedId!) {
      clientArchive(clientId: $id) { client { id isArchived } userErrors { message path } } }"""
)


def expect(what, held):
    print(("ok      " if held else "FAILED  ") + what)
    if not held:
        sys.exit(1)


def control(base, path, body=b"{}"):
    request = urllib.request.Request(f"{base}/__sim/{path}", data=body, method="POST")
    urllib.request.urlopen(request).read()


def main(base, token):
    def connect(bearer):
        headers = {"Authorization": f"Bearer {bearer}", "X-JOBBER-GRAPHQL-VERSION": VERSION}
        transport = HTTPXTransport(url=f"{base}/api/graphql", headers=headers)
        return Client(transport=transport, fetch_schema_from_transport=True)

    client = connect(token)

    def run(document, **variables):
        document.variable_values = variables
        return client.execute(document)

    def made(first, address):
        given = {
            "firstName": first,
            "lastName": "Lee",
            "emails": [{"description": "MAIN", "primary": True, "address": address}],
        }
        answer = run(CREATE, input=given)["clientCreate"]
        expect(f"create {first}", answer["userErrors"] == [] and answer["client"]["id"])
        return answer["client"]

    ann, bob = made("Clientann", "ann@example.com"), made("Clientbob", "bob@example.com")
    expect("MAIN is read as Main", ann["emails"][0]["description"] == "Main")
    expect("read", run(READ, id=ann["id"])["client"]["firstName"] == "Clientann")

    edited = run(
        EDIT,
        id=ann["id"],
        input={
            "firstName": "Anne",
            "emailsToEdit": [{"id": ann["emails"][0]["id"], "address": "anne@example.com"}],
        },
    )["clientEdit"]
    expect("update", edited["userErrors"] == [] and edited["client"]["firstName"] == "Anne")
    expect("a list is edited by its ids", edited["client"]["emails"] == [{"address": "anne@example.com"}])
    # An id, but of no e-mail.
    refused = run(EDIT, id=ann["id"], input={"emailsToDelete": [ann["id"]]})["clientEdit"]
    expect("a refusal is in userErrors", len(refused["userErrors"]) > 0)

    batch = run(BATCH, a=ann["id"], b=bob["id"])
    expect("batch", [batch[k]["client"]["lastName"] for k in "ab"] == ["One", "Two"])

    seen, after, pages = [], None, 0
    while True:
        page = run(LIST, after=after)["clients"]
        seen += [node["id"] for node in page["nodes"]]
        pages += 1
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    expect("list with paging", pages > 2 and len(seen) == len(set(seen)) and ann["id"] in seen)

    control(base, "clock", b'{"advance_seconds":120}')
    found = run(SEARCH, term="Clientbob")["clients"]["nodes"]
    expect("search", [node["id"] for node in found] == [bob["id"]])

    expect("archive", run(ARCHIVE, id=bob["id"])["clientArchive"]["client"]["isArchived"] is True)
    gone = "Z2lkOi8vSm9iYmVyL0NsaWVudC85OTk5OTk="
    try:
        expect("a missing id", run(READ, id=gone)["client"] is None)
    except TransportQueryError as error:
        expect("a missing id", error.errors[0]["extensions"]["code"] == "NOT_FOUND")

    control(base, "throttle")
    try:
        run(READ, id=ann["id"])
        expect("a limit hit", False)
    except TransportQueryError as error:
        expect("a limit hit", error.errors[0]["extensions"]["code"] == "THROTTLED")
    expect("and over", run(READ, id=ann["id"])["client"] is not None)

    try:
        gql_wrong = gql("query { account { id name } }")
        connect("not-the-token").execute(gql_wrong)
        expect("a wrong token", False)
    except TransportServerError as error:
        expect("a wrong token", error.code == 401)


main(*sys.argv[1:3])
