from pathlib import Path

import pytest

from tests.manifests.support import MINIMAL, loaded, problems_in, problems_of, write

CANARY = "s3cr3t-canary-value"
WRONG_PLACES = {
    "password": "connections: {c: {conn_type: http, password: CANARY}}",
    "password, as a list": "connections: {c: {conn_type: http, password: [CANARY]}}",
    "password, as a mapping": "connections: {c: {conn_type: http, password: {value: CANARY}}}",
    "password with a mask": "connections: {c: {conn_type: http, password: 'CANARY***'}}",
    "password with a reference": "connections: {c: {conn_type: http, password: 'CANARY${x}'}}",
    "unknown field": "connections: {c: {conn_type: http, pasword: CANARY}}",
    "port": "connections: {c: {conn_type: http, port: CANARY}}",
    "conn_type": "connections: {c: {conn_type: [CANARY]}}",
    "host": "connections: {c: {conn_type: http, host: {a: CANARY}}}",
    "long host": "connections: {c: {conn_type: http, host: 'CANARY" + "x" * 500 + "'}}",
    "extra as text": "connections: {c: {conn_type: http, extra: CANARY}}",
    "extra": "connections: {c: {conn_type: http, extra: {token: CANARY}}}",
    "deep in extra": "connections: {c: {conn_type: http, extra: {password: [{a: CANARY}]}}}",
    "mask in extra": "connections: {c: {conn_type: http, extra: {a: 'CANARY***'}}}",
    "connection": "connections: {c: CANARY}",
    "section": "connections: CANARY",
    "a list of connections": "connections: [CANARY]",
    "document": "CANARY",
    "slots": "pools: {p: {slots: CANARY}}",
    "pool": "pools: {p: CANARY}",
    "unknown section": "conections: {c: {password: CANARY}}",
    "mask in a value": "variables: {v: 'CANARY***'}",
    "ignore": "variables: {v: {value: 1, ignore: [CANARY]}}",
    "secret_version": "variables: {v: {value: 1, secret_version: CANARY}}",
    "reference": "variables: {v: {value: {$secret: CANARY}}}",
    "reference of an unknown source": "variables: {v: {value: {$secret: 'CANARY:x'}}}",
    "beside a reference": "variables: {v: {value: {$secret: 'env:A', password: CANARY}}}",
    "reference in short form": "variables: {v: {$secret: CANARY}}",
    "tag": "variables: {v: !CANARY x}",
    "tagged": "variables: {v: !!binary CANARY}",
    "tag handle": "variables: {v: !CANARY!x y}",
    "alias": "variables: {v: *CANARY}",
    "unclosed quote": "variables: {v: 'CANARY",
    "unclosed list": "variables: {v: [CANARY",
    "colon": "variables:\n  v: CANARY: x",
    "escape": 'variables: {v: "\\qCANARY"}',
    "control character": "variables: {v: CANARY\0}",
    "absent": "absent: CANARY",
    "absent ids": "absent: {variables: {CANARY: 1}}",
    "parameter without an end": "variables: {v: '${CANARY'}",
    "ambiguous number": "variables: {v: 0777}  # CANARY",
    "second document": "variables: {v: 1}\n---\nCANARY: CANARY",
}
WRONG_SETTINGS = {
    "name": "name: [CANARY]\ntarget: sandbox:s",
    "odd name": "name: CANARY CANARY\ntarget: sandbox:s",
    "target": "name: dev\ntarget: [CANARY]",
    "scheme": "name: dev\ntarget: CANARY://x",
    "credentials": "name: dev\ntarget: http://u:CANARY@h",
    "credentials on MWAA": "name: dev\ntarget: mwaa://u:CANARY@eu-west-1/x",
    "credentials in no URL": "name: dev\ntarget: 'http://u:CANARY@[::1'",
    "option": "name: dev\ntarget: http://h?password=CANARY",
    "auth": f"{MINIMAL}auth: CANARY",
    "auth on the sandbox": f"{MINIMAL}auth: {{token: CANARY}}",
    "basic": "name: dev\ntarget: http://h\nauth: {basic: CANARY}",
    "user without password": "name: dev\ntarget: http://h\nauth: {basic: {password: CANARY}}",
    "two ways": "name: dev\ntarget: http://h\nauth: {basic: {username: u, password: CANARY}, token: CANARY}",
    "unknown way": "name: dev\ntarget: http://h\nauth: {bearer: CANARY}",
    "reference": "name: dev\ntarget: http://h\nauth: {token: {$secret: CANARY}}",
    "unknown source": "name: dev\ntarget: http://h\nauth: {token: {$secret: 'CANARY:x'}}",
    "fingerprint_key": f"{MINIMAL}fingerprint_key: [CANARY]",
    "rate_limit": f"{MINIMAL}rate_limit: CANARY",
    "adopt": f"{MINIMAL}adopt: CANARY",
    "limits": f"{MINIMAL}limits: {{deletes: CANARY}}",
    "parameters": f"{MINIMAL}parameters: CANARY",
    "unknown": f"{MINIMAL}pasword: CANARY",
    "layers": f"{MINIMAL}layers: {{a: CANARY}}",
}


@pytest.mark.parametrize("name", WRONG_PLACES)
def test_no_message_quotes_what_stands_in_the_wrong_place_of_a_manifest(name: str, tmp_path: Path) -> None:
    found = problems_in(tmp_path, WRONG_PLACES[name].replace("CANARY", CANARY))

    assert found
    assert CANARY not in "".join(found)


@pytest.mark.parametrize("name", WRONG_SETTINGS)
def test_no_message_quotes_what_stands_in_the_wrong_place_of_environment_yaml(
    name: str, tmp_path: Path
) -> None:
    found = problems_in(tmp_path, "", WRONG_SETTINGS[name].replace("CANARY", CANARY))

    assert found
    assert CANARY not in "".join(found)


def test_no_message_quotes_a_parameter(tmp_path: Path) -> None:
    environment = f"{MINIMAL}parameters: {{a: {CANARY}, b: [{CANARY}]}}\n"
    manifest = "pools: {p: {slots: '${a}'}, '': '${b}'}\nvariables: {v: 'x${b}', w: '${c}', x: '***${a}'}\n"

    found = problems_in(tmp_path, manifest, environment)

    assert len(found) == 6
    assert CANARY not in "".join(found)


def test_warnings_and_texts_of_an_environment_quote_no_value(tmp_path: Path) -> None:
    manifest = f"variables: {{api_key: {CANARY}, config: {{value: {{password: {CANARY}}}}}}}\n"

    environment = loaded(write(tmp_path, {"dev/m.yaml": manifest}))

    assert len(environment.warnings) == 2
    assert CANARY not in "".join(map(str, environment.warnings))


def test_a_library_error_is_never_passed_on(tmp_path: Path) -> None:
    folder = write(tmp_path, {"dev/m.yaml": f"variables: {{v: '{CANARY}"})

    with pytest.raises(Exception, match="this is not YAML") as caught:
        loaded(folder)

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert problems_of(folder)
