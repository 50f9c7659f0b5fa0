"""`${...}`: what it leads to, what keeps its type, what is told when it leads nowhere, and that it always ends."""

from __future__ import annotations

import json
import time

import pytest

from configuration_files import ENDPOINT, LEAST, one_file

ENVIRON = {"EV": "evv", "NUM": "10", "LST": "[1, a, {b: c}]", "EMPTY": "", "HF_TOKEN": "hf_abcdefgh1234"}
BASE = """\
defaults: []
a: {b: 1, s: t, n: null, m: '???', tr: true, f: 1.0}
l: [{k: 5}, 7]
k: b
d: {x: "${.y}", y: 2, z: "${..k}", w: {v: "${..y}", u: "${...k}"}}
ref: ${a}
dash-key: 3
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${a.b}", 1),
        ("x${a.b}", "x1"),
        ("${a.b}${a.s}", "1t"),
        ("${a.tr}", True),
        ("x${a.tr}", "xTrue"),
        ("x${a.n}", "xNone"),
        ("x${a.f}", "x1.0"),
        ("${l.0}", {"k": 5}),
        ("${l[0].k}", 5),
        ("${l.0.k}", 5),
        ("${l.1}", 7),
        ("${a[b]}", 1),
        ("x${l}", "x[{'k': 5}, 7]"),
        ("${d}", {"x": 2, "y": 2, "z": "b", "w": {"v": 2, "u": "b"}}),
        ("${d.w.u}", "b"),
        ("${ref.b}", 1),
        ("${ a.b }", 1),
        ("${dash-key}", 3),
        ("${.k}", "b"),
        ("${a.${k}}", 1),
        ("${oc.env:EV}", "evv"),
        ("${oc.env:NUM}", "10"),
        ("${oc.env:EMPTY,d}", ""),
        ("${oc.env:NOPE,def}", "def"),
        ("${oc.env:NOPE,10}", "10"),
        ("${oc.env:NOPE,null}", None),
        ("${oc.env:NOPE,}", ""),
        ("${oc.env:NOPE,''}", ""),
        ("${oc.env:NOPE,a b}", "a b"),
        ('${oc.env:NOPE,"a,b"}', "a,b"),
        ("${oc.env:NOPE,http://x:80/y}", "http://x:80/y"),
        ("${oc.env:NOPE,${a.b}}", "1"),
        ("${oc.env:NOPE,${oc.env:EV}}", "evv"),
        ("${oc.env: EV }", "evv"),
        ("x${oc.env:NOPE,null}", "xNone"),
        ("${oc.select:a.b}", 1),
        ("${oc.select:a.zz}", None),
        ("${oc.select:a.zz,5}", 5),
        ("${oc.select:a.m,5}", 5),
        ("${oc.select:a.n,5}", None),
        ("${select_not_null:a.n,5}", 5),
        ("${select_not_null:a.b,5}", 1),
        ("${oc.select:.k}", "b"),
        ("${oc.select:${k},[1, ${a.b}]}", [1, 1]),
        ("${oc.decode:${oc.env:LST}}", [1, "a", {"b": "c"}]),
        ("${oc.decode:${oc.env:NUM}}", 10),
        ("${oc.decode:'1e3'}", 1000.0),
        ("${oc.decode:null}", None),
        ('${oc.decode:"[${a.b},2]"}', [1, 2]),
        (r"\${a.b}", "${a.b}"),
        (r"\\${a.b}", "\\1"),
        (r"\\\${a.b}", r"\${a.b}"),
        (r"\x${a.b}\y", r"\x1\y"),
        ("$HOME/$$ {x}", "$HOME/$$ {x}"),
        ("$${a.b}", "$1"),
        ("{${a.b}}", "{1}"),
        ("'${a.b}'", "'1'"),
        ("${a.m}", "???"),
        ("x${a.m}", "???"),
    ],
)
def test_interpolations_mean_what_they_mean_to_omegaconf(tmp_path, text, value):
    """Compared with OmegaConf 2.3.1, but for `???`, which stays one until somebody acts on it."""
    found = one_file(tmp_path, f"{BASE}v: {json.dumps(text)}\n").compose(environ=ENVIRON).value["v"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("${a.bb}", "v refers to 'a.bb', which is not there (did you mean 'a.b'? It stands at config.yaml:2)"),
        ("${zzz.y}", "there are: a, l, k, d, ref, dash-key, v"),
        ("${a.s.c}", "v refers to 'a.s.c', which is not there"),
        ("${l.9}", "v refers to 'l.9', which is not there (did you mean 'l."),
        ("${..a}", "above the top"),
        (
            "${oc.env:NOPE}",
            "v needs the variable 'NOPE', which is not set (export NOPE=..., or write ${oc.env:NOPE,DEFAULT})",
        ),
        ("${oc.envv:X}", "resolver 'oc.envv', which there is none of (did you mean 'oc.env'?)"),
        ("${hydra:runtime.cwd}", "known: oc.env, oc.select"),
        ("${oc.env:A,B,C}", "gives oc.env 3 values; it takes 1 or 2"),
        ("${oc.env:}", "gives oc.env 0 values"),
        ("${", "is not closed"),
        ("${a.b", "is not closed; to write one as text, put a backslash before it"),
        ("${}", "names no key"),
        ("${a.}", "ends with a dot"),
        ("${a b}", "is no key"),
        ("${a..b}", "is no key"),
        ("${a[b}", "is not closed"),
        ("${v}", "refers to itself: v -> v"),
        ("${w}", "refers to itself"),
        ("${oc.decode:'[1'}", "the value cannot be decoded"),
        ("${oc.select:a,[1}", "cannot be read"),
    ],
)
def test_an_interpolation_that_leads_nowhere_is_told_with_its_line(tmp_path, text, line):
    """File, line, key, and the nearest thing that is there."""
    found = one_file(tmp_path, f"{BASE}v: {json.dumps(text)}\nw: ${{x.y}}\nx: {{y: '${{v}}'}}\n").problems(
        environ=ENVIRON
    )
    assert any(line in one and one.startswith("config.yaml:") for one in found)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("vras.root", "did you mean 'vars.root'? It stands at config.yaml:3"),
        ("vars.rot", "did you mean 'vars.root'? It stands at config.yaml:3"),
        ("vras.rot", "did you mean 'vars.root'? It stands at config.yaml:3"),
        ("vras.qqqq", "did you mean 'vars'? It stands at config.yaml:2"),
        ("vars.qqqq", "there are: vars.root, vars.rate"),
        ("qqqq.root", "there are: execution, deployment, a, vars"),
    ],
)
def test_a_slip_in_any_step_is_answered_with_the_nearest_key_and_its_place(tmp_path, key, hint):
    """As far as a key like it stands; where none is close, with those beside it."""
    (found,) = one_file(tmp_path, f"a: ${{{key}}}\nvars:\n  root: 1\n  rate: 2\n").problems()
    assert found.startswith(f"config.yaml:1: a refers to {key!r}, which is not there ({hint}")


def test_a_circle_names_its_chain(tmp_path):
    """So that one knows which link to cut; and it is told once."""
    found = one_file(tmp_path, "a: ${b}\nb: x${c.d}\nc: {d: '${a}'}\n").problems()
    assert found == ["config.yaml:1: refers to itself: a -> b -> c.d -> a (correct it, then run again)"]


def test_every_broken_interpolation_is_told_once(tmp_path):
    """What refers to a broken one is not told again."""
    found = one_file(tmp_path, "a: ${nope}\nb: ${a}\nc: ${oc.env:GONE}\nd: [1, '${a}', '${']\n").problems()
    assert [one.partition(" ")[0] for one in found] == ["config.yaml:1:", "config.yaml:3:", "config.yaml:4:"]


def test_values_of_secret_variables_are_known_as_secrets(tmp_path):
    """Wherever they come to stand: as a whole, within a text, decoded, through another key."""
    text = "a: x${oc.env:HF_TOKEN}\nb: ${oc.env:EV}\nc: ${a}\n"
    found = one_file(tmp_path, text).compose(environ=ENVIRON)
    assert found.secrets == {"hf_abcdefgh1234"}
    assert "hf_abc" not in repr(found.root)
    assert found.from_environ == {("a",), ("b",), ("c",)}


def test_a_variable_is_not_read_as_a_configuration(tmp_path):
    """What a variable holds is its value, also where it looks like an interpolation."""
    environ = {"X": "${oc.env:HF_TOKEN}", "HF_TOKEN": "hf_abcdefgh1234"}
    found = one_file(tmp_path, "a: ${oc.env:X}\nb: '-${a}-'\n").compose(environ=environ)
    assert (found.value["a"], found.value["b"]) == ("${oc.env:HF_TOKEN}", "-${oc.env:HF_TOKEN}-")
    assert found.secrets == set()


def test_overrides_are_interpolated_with_the_rest(tmp_path):
    """`-o` may refer to anything, and everything may refer to what it sets."""
    found = one_file(tmp_path, BASE + "v: ${a.b}\n").compose("a.b=${oc.env:NUM}", "+w=[${k}, 1]", environ=ENVIRON)
    assert (found.value["v"], found.value["w"]) == ("10", ["b", 1])


def test_keys_of_ones_own_are_welcome_where_something_refers_to_them(tmp_path):
    """`vars: {root: ...}` is a habit of many; without a reference it is a typing error like any other."""
    text = LEAST + "vars: {root: /data}\nexecution: {output_dir: '${vars.root}/x'}\n"
    config = one_file(tmp_path, text).read()
    assert str(config.output_dir) == "/data/x"
    assert str(one_file(tmp_path, text).read("execution.output_dir=/else").output_dir) == "/else"
    (found,) = one_file(tmp_path, LEAST + "vars: {root: /data}\n").problems()
    assert found.startswith("config.yaml:7: unknown key 'vars' (nothing refers to it; write ${vars.KEY}")


@pytest.mark.parametrize(
    "text",
    ["${own.a}", "x-${own[0].a}", "${oc.env:X,${own.a}}", "${oc.select:own.a,1}", "${.${own.a}}", "${own.${.a}}"],
)
def test_replacing_what_refers_to_a_key_does_not_make_it_unknown(tmp_path, text):
    """Whoever overrides a path on the command line need not take its parts out of the file."""
    files = one_file(tmp_path, LEAST + f"own: {{a: 1}}\nexecution:\n  output_dir: {json.dumps(text)}\n")
    assert files.problems("execution.output_dir=/else") == []


def test_a_missing_value_is_told_where_it_must_be_given(tmp_path):
    """Not where it is used: -o of that key is what helps."""
    text = LEAST + "vars:\n  root: ???\nexecution: {output_dir: '${vars.root}/x'}\n"
    (found,) = one_file(tmp_path, text).problems()
    assert found == (
        "config.yaml:8: execution.output_dir refers to vars.root, which needs a value"
        " (give it: -o vars.root=VALUE, or in the file)"
    )


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"a{n}: ${{a{n + 1}}}" for n in range(5000)) + "\na5000: 1\n",
        "\n".join(f"a{n}: ${{a{n + 1}}}${{a{n + 1}}}" for n in range(40)) + "\na40: 0123456789\n",
        "\n".join(f"a{n}: ['${{a{n + 1}}}', '${{a{n + 1}}}']" for n in range(40)) + "\na40: 1\n",
        "\n".join(f"a{n}: " + "[" * 45 + f"'${{a{n + 1}}}'" + "]" * 45 for n in range(20)) + "\na20: 1\n",
        "a: " + "${" * 300 + "x" + "}" * 300 + "\n",
        "a: '" + "${oc.select:x," * 200 + "1" + "}" * 200 + "'\n",
        "a: '" + "${" * 100_000 + "'\n",
        "a: '${oc.select:x," + "[" * 5000 + "}'\n",
        "a: {b: '${a}'}\n",
    ],
    ids=["chain", "texts", "lists", "levels", "nested", "arguments", "open", "brackets", "itself"],
)
def test_interpolation_is_bounded(tmp_path, text):
    """Whatever refers to whatever: an error after little work, never a dead process."""
    started = time.monotonic()
    found = one_file(tmp_path, text).problems()
    assert found
    assert time.monotonic() - started < 5


def test_deep_but_honest_configurations_are_resolved(tmp_path):
    """Thirty links are more than anybody writes."""
    chain = "".join(f"x-{n}: ${{x-{n + 1}}}\n" for n in range(30))
    assert one_file(tmp_path, ENDPOINT + chain + "x-30: 7\n").compose().value["x-0"] == 7
