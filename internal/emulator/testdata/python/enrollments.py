"""Works on enrollments by Microsoft's Python client: each step asserts what the
client hands back. ENDORSEMENT_KEY is a key that the emulator accepts, and
REGISTERED the ID of a machine that has registered."""

import os

from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.iot.deviceprovisioning import DeviceProvisioningClient, generate_sas_token

CONNECTION = os.environ["PROVISIONING_CONNECTION_STRING"]
EVERYTHING = {"query": "select *"}


def enrollment(registration_id, **more):
    attestation = {"type": "tpm", "tpm": {"endorsementKey": os.environ["ENDORSEMENT_KEY"]}}
    return {"registrationId": registration_id, "attestation": attestation, **more}


def refused(kind, status, call, *args, **kwargs):
    """Returns the error of a call that has to be refused."""
    try:
        call(*args, **kwargs)
    except kind as err:
        assert err.status_code == status, err
        return err
    raise AssertionError(f"not refused, want {status}")


def lifecycle(client):
    api = client.enrollment
    created = api.create_or_update("py-1", enrollment(
        "py-1", deviceId="press-7", allocationPolicy="static", capabilities=None, iotHubs=None,
        initialTwin={"tags": {"line": 7}, "properties": {"desired": {"a": {"b": [1, 2]}}}}))
    assert created["allocationPolicy"] == "static" and "iotHubs" not in created and "capabilities" not in created
    assert "registrationState" not in created
    read = api.get("py-1")
    assert read.pop("registrationState") == {"registrationId": "py-1", "status": "unassigned"}
    assert read == created and list(read) == list(created)
    assert api.get_attestation_mechanism("py-1")["tpm"]["endorsementKey"] == os.environ["ENDORSEMENT_KEY"]

    refused(ResourceExistsError, 409, api.create_or_update, "py-1", enrollment("py-1"))
    changed = enrollment("py-1", provisioningStatus="disabled")
    updated = api.create_or_update("py-1", changed, if_match=read["etag"])
    assert updated["provisioningStatus"] == "disabled" and updated["etag"] != read["etag"]
    assert updated["createdDateTimeUtc"] == read["createdDateTimeUtc"]
    refused(HttpResponseError, 412, api.create_or_update, "py-1", changed, if_match=read["etag"])
    refused(HttpResponseError, 412, api.delete, "py-1", if_match=read["etag"])
    api.delete("py-1")
    refused(ResourceNotFoundError, 404, api.get, "py-1")


def pages(query):
    return [[e["registrationId"] for e in page] for page in query.by_page()]


def queries(client):
    ids = {f"py_page_{n}" for n in range(150)}
    for name in ids:
        client.enrollment.create_or_update(name, enrollment(name))
    known = ids | {os.environ["REGISTERED"]}
    whole = pages(client.enrollment.query(EVERYTHING))
    assert [len(p) for p in whole] == [100, 51], [len(p) for p in whole]
    order = [name for p in whole for name in p]
    assert set(order) == known and len(order) == len(known)
    for top, sizes in ((50, [50, 50, 50, 1]), (151, [151]), (1, [1] * 151)):
        got = pages(client.enrollment.query(EVERYTHING, top=top))
        assert [len(p) for p in got] == sizes, [len(p) for p in got]
        assert [name for p in got for name in p] == order
    assert {e["registrationId"] for e in client.enrollment.query({"query": "SELECT * FROM enrollments"})} == known
    assert list(client.enrollment_group.query(EVERYTHING)) == []
    for name in ids:
        client.enrollment.delete(name)
    assert len(list(client.enrollment.query(EVERYTHING))) == 1


def bulk(client):
    api = client.enrollment
    names = [f"py-bulk-{n}" for n in range(10)]

    def run(mode, items):
        return api.run_bulk_operation({"enrollments": items, "mode": mode})

    good = {"errors": [], "isSuccessful": True}
    exists = {"errors": [{"registrationId": n, "errorCode": 409201, "errorStatus": "Enrollment already exists."} for n in names],
              "isSuccessful": False}
    items = [enrollment(n) for n in names]
    assert run("create", items) == good
    assert run("create", items) == exists
    assert run("update", items) == exists
    tagged = [enrollment(n, deviceId=f"d-{n}", etag=api.get(n)["etag"]) for n in names]
    assert run("updateIfMatchETag", tagged) == good
    stale = run("updateIfMatchETag", tagged)
    assert not stale["isSuccessful"] and [e["registrationId"] for e in stale["errors"]] == names
    assert api.get(names[3])["deviceId"] == "d-py-bulk-3"
    tagged = [enrollment(n, etag=api.get(n)["etag"]) for n in names]
    assert run("update", tagged) == good
    refused(HttpResponseError, 400, run, "create", [enrollment(f"py-more-{n}") for n in range(11)])
    assert run("delete", items) == good
    gone = run("delete", items[:1])
    assert not gone["isSuccessful"] and gone["errors"][0]["registrationId"] == names[0]


def registrations(client):
    name = os.environ["REGISTERED"]
    state = client.device_registration_state.get(name)
    assert state["status"] == "assigned" and state["substatus"] == "initialAssignment", state
    assert state["registrationId"] == name and state["assignedHub"] and state["etag"], state
    assert client.enrollment.get(name)["registrationState"] == state

    group = {"enrollmentGroupId": "py-group", "attestation": {"type": "symmetricKey", "symmetricKey": {}}, "provisioningStatus": None}
    made = client.enrollment_group.create_or_update("py-group", group)
    assert made["provisioningStatus"] is None and made["attestation"]["symmetricKey"]["primaryKey"]
    assert list(client.device_registration_state.query("py-group")) == []
    client.enrollment_group.delete("py-group")

    client.device_registration_state.delete(name)
    refused(ResourceNotFoundError, 404, client.device_registration_state.get, name)
    assert client.enrollment.get(name)["registrationState"] == {"registrationId": name, "status": "unassigned"}
    client.enrollment.delete(name)


def credentials():
    parts = dict(part.split("=", 1) for part in CONNECTION.split(";"))
    token = generate_sas_token(parts["HostName"], parts["SharedAccessKeyName"], parts["SharedAccessKey"])
    client = DeviceProvisioningClient(parts["HostName"], AzureSasCredential(token))
    assert list(client.enrollment.query(EVERYTHING)) == []
    wrong = generate_sas_token(parts["HostName"], parts["SharedAccessKeyName"], "AAAA")
    client = DeviceProvisioningClient(parts["HostName"], AzureSasCredential(wrong))
    refused(ClientAuthenticationError, 401, client.enrollment.get, "py-1")


def main():
    client = DeviceProvisioningClient.from_connection_string(CONNECTION)
    lifecycle(client)
    queries(client)
    bulk(client)
    registrations(client)
    credentials()
    print("all steps done")


main()
