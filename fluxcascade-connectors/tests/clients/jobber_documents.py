"""Checks documents for Jobber against a schema of Jobber's: each query and mutation by the rules of
GraphQL, and its variables by the types that it gives them. Needs graphql-core.

Usage: jobber_documents.py SCHEMA DIRECTORY

SCHEMA is an introspection (`.json`, with or without `data` around it) or a schema in GraphQL's own
language. DIRECTORY has a file for each document, as the test `every_document_that_can_be_sent_is_kept_\
where_somebody_wants_to_check_it` writes them. Every fault is told; the outcome is 1 if there is one."""

import json
import pathlib
import sys

from graphql import GraphQLError, OperationDefinitionNode, build_client_schema, build_schema, parse, validate
from graphql.execution.values import get_variable_values


def schema_of(path):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    if path.endswith(".json"):
        introspection = json.loads(text)
        return build_client_schema(introspection.get("data", introspection))
    return build_schema(text)


def faults(schema, document):
    try:
        parsed = parse(document["query"])
    except GraphQLError as error:
        return [error.message]
    found = [error.message for error in validate(schema, parsed)]
    for part in parsed.definitions:
        if isinstance(part, OperationDefinitionNode) and not found:
            values = get_variable_values(schema, part.variable_definitions, document["variables"])
            found += [error.message for error in values] if isinstance(values, list) else []
    return found


def main(schema, directory):
    schema = schema_of(schema)
    files = sorted(pathlib.Path(directory).glob("*.json"))
    wrong = 0
    for file in files:
        found = faults(schema, json.loads(file.read_text(encoding="utf-8")))
        wrong += bool(found)
        for fault in found:
            print(f"{file.stem}: {fault}")
    print(f"{len(files)} documents, {wrong} with faults")
    if wrong or not files:
        sys.exit(1)


main(*sys.argv[1:3])
