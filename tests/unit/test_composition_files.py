"""Configuration files and defaults lists: which files are found, in which order they are laid over one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from configuration_files import LEAST, ConfigurationFiles, one_file
from evaltrail.config.composition.compose import compose, compose_file
from evaltrail.core.errors import InputError, PartialError

GROUPS = {"g/x.yaml": "v: x\nonly: 1\n", "g/y.yaml": "v: y\n"}
LOCAL = {"type": "local", "mode": "sequential", "output_dir": "./results"}


def composed(folder: Path, texts: dict[str, str], *overrides: str) -> dict:
    return dict(ConfigurationFiles(folder, {**GROUPS, **texts}).compose(*overrides).value)


def test_a_file_without_a_defaults_list_runs_locally_and_deploys_nothing(tmp_path):
    """Seed 002's file has no defaults list: execution local, one after another, below ./results, no deployment."""
    found = one_file(tmp_path, "a: 1\n").compose()
    assert found.value == {"execution": LOCAL, "deployment": {"type": "none"}, "a": 1}
    assert found.folders == (tmp_path,)
    assert [file.name for file in found.files] == ["config.yaml", "none.yaml", "local.yaml"]


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        ({"config.yaml": "defaults:\n  - g: x\ng:\n  v: own\n"}, {"g": {"v": "own", "only": 1}}),
        ({"config.yaml": "defaults:\n  - _self_\n  - g: x\ng:\n  v: own\n"}, {"g": {"v": "x", "only": 1}}),
        ({"config.yaml": "defaults: []\na: 1\n"}, {"a": 1}),
        ({"config.yaml": "defaults:\n  - g: [x, y]\n"}, {"g": {"v": "y", "only": 1}}),
        ({"config.yaml": "defaults:\n  - g: null\na: 1\n"}, {"a": 1}),
        ({"config.yaml": "defaults:\n  - optional g: nope\na: 1\n"}, {"a": 1}),
        ({"config.yaml": "defaults:\n  - g: x\n  - override g: y\n"}, {"g": {"v": "y"}}),
        (
            {"config.yaml": "defaults:\n  - base\n  - g/x\na: 1\n", "base.yaml": "a: 0\nb: 2\n"},
            {"a": 1, "b": 2, "g": {"v": "x", "only": 1}},
        ),
        ({"config.yaml": "defaults:\n  - g/sub: s\n", "g/sub/s.yaml": "k: 1\n"}, {"g": {"sub": {"k": 1}}}),
        ({"config.yaml": "defaults:\n  - g: z/d\n", "g/z/d.yml": "a: 1\n"}, {"g": {"a": 1}}),
        (
            {"config.yaml": "defaults:\n  - g@p.q: x\n  - g@_global_: y\n  - _self_\n"},
            {"p": {"q": {"v": "x", "only": 1}}, "v": "y"},
        ),
        (
            {"config.yaml": "defaults:\n  - g: z\n", "g/z.yaml": "defaults:\n  - x\nv: z\n"},
            {"g": {"v": "z", "only": 1}},
        ),
        (
            {
                "config.yaml": "defaults:\n  - g: z\n",
                "g/z.yaml": "defaults:\n  - /h: q\n  - sub: s\n",
                "h/q.yaml": "hv: 1\n",
                "g/sub/s.yaml": "s: 1\n",
            },
            {"g": {"h": {"hv": 1}, "sub": {"s": 1}}},
        ),
        (
            {
                "config.yaml": "defaults:\n  - g: z\n",
                "g/z.yaml": "# ours\n# @package foo\ndefaults:\n  - x@_here_\na: 1\n",
            },
            {"foo": {"v": "x", "only": 1, "a": 1}},
        ),
        (
            {
                "config.yaml": "defaults:\n  - g: x\n  - exp: e\n",
                "exp/e.yaml": "# @package _global_\ndefaults:\n  - override /g: y\nfoo: 1\n",
            },
            {"g": {"v": "y"}, "foo": 1},
        ),
        ({"config.yaml": "defaults:\n  - g: x\n  - _self_\ng:\n  v: ???\n"}, {"g": {"v": "x", "only": 1}}),
        ({"config.yaml": "defaults:\n  - g: x\n  - _self_\ng: null\n"}, {"g": None}),
        ({"config.yaml": "defaults:\n  - g: x\n  - _self_\ng: {only: [2]}\n"}, {"g": {"v": "x", "only": [2]}}),
    ],
)
def test_defaults_lists_mean_what_they_mean_to_hydra(tmp_path, texts, value):
    """Each of these was composed with Hydra 1.3.8 (version_base None) and gave the same."""
    assert composed(tmp_path, texts) == value


@pytest.mark.parametrize(
    ("text", "override", "value"),
    [
        ("defaults:\n  - g: x\n", "g=y", {"g": {"v": "y"}}),
        ("defaults:\n  - g: null\n", "g=y", {"g": {"v": "y"}}),
        ("defaults:\n  - g: x\n", "g=[x,y]", {"g": {"v": "y", "only": 1}}),
        ("defaults:\n  - g: x\na: 1\n", "~g", {"a": 1}),
        ("defaults:\n  - g: x\na: 1\n", "~g=x", {"a": 1}),
        ("defaults:\n  - g: x\na: 1\n", "g={v: 9}", {"g": {"v": 9, "only": 1}, "a": 1}),
        ("defaults:\n  - _self_\ng: {v: own}\n", "+g=y", {"g": {"v": "y"}}),
        ("defaults:\n  - g@p: x\n", "g@p=y", {"p": {"v": "y"}}),
        ("defaults:\n  - _self_\n", "+g@p=y", {"p": {"v": "y"}}),
    ],
)
def test_groups_are_chosen_on_the_command_line_as_with_hydra(tmp_path, text, override, value):
    """`group=option` replaces a choice, `+` adds one, `~` takes one away; a mapping sets values."""
    assert composed(tmp_path, {"config.yaml": text}, override) == value


def test_slurm_has_the_name_that_the_launcher_gives_it_too(tmp_path):
    """`execution=slurm/default` is the word of the launcher's configurations; both mean Slurm."""
    files = one_file(tmp_path, LEAST)
    assert files.read("execution=slurm/default").executor == "slurm"
    assert files.read("execution=slurm").executor == "slurm"


@pytest.mark.parametrize(
    ("texts", "override", "line"),
    [
        (
            {"config.yaml": "defaults:\n  - g: xx\n"},
            (),
            "config.yaml:2: the group 'g' has no option 'xx' (did you mean 'x'?)",
        ),
        ({"config.yaml": "defaults:\n  - nope\n"}, (), "config.yaml:2: there is no file 'nope'"),
        ({"config.yaml": "defaults:\n  - ../x\n"}, (), "config.yaml:2: '../x' is no name of a configuration"),
        ({"config.yaml": "defaults:\n  - g: ../../x\n"}, (), "config.yaml:2: 'g/../../x' is no name"),
        ({"config.yaml": "defaults:\n  - g: /etc/passwd\n"}, (), "config.yaml:2: 'g//etc/passwd' is no name"),
        ({"config.yaml": "defaults:\n  - //etc/passwd\n"}, (), "config.yaml:2: '/etc/passwd' is no name"),
        (
            {"config.yaml": "defaults:\n  - g: x\n  - g: y\n"},
            (),
            "config.yaml:3: the group 'g' is chosen twice; it is chosen at config.yaml:2 too",
        ),
        (
            {
                "config.yaml": "defaults:\n  - g: c\n",
                "g/c.yaml": "defaults:\n  - d\n",
                "g/d.yaml": "defaults:\n  - c\n",
            },
            (),
            "g/d.yaml:2: files name one another in a circle: g/c -> g/d -> g/c",
        ),
        ({"config.yaml": "defaults:\n  - config\n"}, (), "config.yaml:2: files name one another in a circle"),
        ({"config.yaml": "defaults:\n  - g: ???\n"}, (), "give it: -o g=OPTION; there are: x, y"),
        ({"config.yaml": "defaults:\n  - override g: y\n"}, (), "no defaults list names the group 'g'"),
        ({"config.yaml": "defaults: []\n"}, ("g=y",), "to add it, write -o +g=y"),
        ({"config.yaml": "defaults:\n  - g: x\n"}, ("~g=y",), "g=y is not chosen (g=x is chosen; write -o ~g)"),
        ({"config.yaml": "defaults: {a: b}\n"}, (), "config.yaml:1: defaults is no list"),
        ({"config.yaml": "defaults:\n  - {a: b, c: d}\n"}, (), "config.yaml:2: an entry of defaults"),
        ({"config.yaml": "defaults:\n  - [a]\n"}, (), "config.yaml:2: an entry of defaults"),
        ({"config.yaml": "defaults:\n  - _self_\n  - _self_\n"}, (), "config.yaml:3: _self_ stands twice"),
        ({"config.yaml": "defaults:\n  - overide g: x\n"}, (), "did you mean 'override'?"),
        ({"config.yaml": "defaults:\n  - g: ${other}\n"}, (), "${...} has no meaning in a defaults list"),
        ({"config.yaml": "defaults:\n  - g: l\n", "g/l.yaml": "- 1\n"}, (), "g/l.yaml:1: is no mapping"),
        ({"config.yaml": "defaults:\n  - deployment: vllm\n"}, (), "put its URL under target.api_endpoint.url"),
        ({"config.yaml": "a: 1\n"}, ("execution=lepton/default",), "execution: lepton/default is not done yet"),
        ({"config.yaml": "a: 1\n"}, ("execution=slrum",), "did you mean 'slurm'?"),
        ({"config.yaml": "a: 1\n"}, ("nope/x=1",), "there is no group 'nope/x'"),
    ],
)
def test_what_is_wrong_with_a_defaults_list_is_told_with_its_line(tmp_path, texts, override, line):
    """File, line, what is wrong, and the nearest name or the next step."""
    (found,) = ConfigurationFiles(tmp_path, {**GROUPS, **texts}).problems(*override)
    assert line in found


def test_a_defaults_list_that_doubles_itself_ends(tmp_path):
    """Files may name others twice; 2^30 of them are an error, not an afternoon."""
    texts = {f"f{n}.yaml": f"defaults:\n  - f{n + 1}\n  - f{n + 1}\n" for n in range(28)}
    files = ConfigurationFiles(tmp_path, {**texts, "f28.yaml": "a: 1\n", "config.yaml": "defaults: [f0]\n"})
    (found,) = files.problems()
    assert "the defaults lists name too many files" in found


def test_folders_are_looked_through_in_their_order_and_before_ours(tmp_path):
    """The first folder that has a file wins; an option of ours can be replaced by one of the same name."""
    ConfigurationFiles(tmp_path / "one", {"config.yaml": "defaults:\n  - execution: local\n  - g: x\n"})
    ConfigurationFiles(tmp_path / "two", {"g/x.yaml": "v: 2\n", "config.yaml": "a: 9\n"})
    ConfigurationFiles(tmp_path / "two", {"execution/local.yaml": "type: local\nmode: parallel\n"})
    found = compose([tmp_path / "one", tmp_path / "two"], "config", [], {})
    assert found.value == {"execution": {"type": "local", "mode": "parallel"}, "g": {"v": 2}}


@pytest.mark.parametrize("name", ["my_config", "my_config.yaml", "sub/other", "sub/other.yml"])
def test_a_configuration_is_named_with_or_without_its_ending(tmp_path, name):
    """`--config-name my_config.yaml` is what people type."""
    ConfigurationFiles(tmp_path, {"my_config.yaml": "a: 1\n", "sub/other.yml": "# @package _global_\na: 1\n"})
    assert compose([tmp_path], name, [], {}).value["a"] == 1


def test_a_file_is_composed_with_the_groups_beside_it(tmp_path):
    """`--config FILE`: its own folder is looked through first, then those that are given."""
    ConfigurationFiles(tmp_path, {"deep/run.conf": "defaults:\n  - g: x\n  - h: y\n", "deep/g/x.yaml": "v: 1\n"})
    ConfigurationFiles(tmp_path / "more", {"h/y.yaml": "w: 2\n"})
    found = compose_file(tmp_path / "deep/run.conf", [], {}, [tmp_path / "more"])
    assert found.value == {"g": {"v": 1}, "h": {"w": 2}}
    assert found.folders == (tmp_path / "deep", tmp_path / "more")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"a: 1\nb: 2\na: 3\n", "config.yaml:3: the key 'a' stands here again; it is on line 1 too (keep one)"),
        (b"a:\n  - {x: 1, y: 2,\n     x: 1}\n", "config.yaml:3: the key 'x' stands here again; it is on line 2"),
        (b"a: [1\nb: 2\n", "config.yaml:2: is no YAML"),
        (b"a: 1\n b: 2\n", "config.yaml:2: is no YAML"),
        (b"ok: 1\nname: caf\xe9\n", "config.yaml:2: is no text in UTF-8"),
        (b"a: 1\n---\nb: 2\n", "holds more than one document"),
        (b"- a\n", "config.yaml:1: is no mapping"),
        (b"just words\n", "config.yaml:1: is no mapping"),
        (b"a: " + b"[" * 60 + b"]" * 60, "nested deeper than 50 levels"),
        (b"a: " + b"[" * 100_000, "is nested too deeply"),
        (b"a: '" + b"x" * 4_000_000 + b"'", "is larger than 4 MB"),
        (b"a: &a [1,1,1]\nb: &b [*a,*a,*a]\n" + b"c: [" + b"*b," * 100_000 + b"1]", "holds more than 200,000 values"),
        (b"a: &a [*a]\n", "cannot be used"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_line(tmp_path, data, line):
    """Hostile or broken, it is one clear line."""
    (tmp_path / "config.yaml").write_bytes(data)
    with pytest.raises((InputError, PartialError)) as caught:
        compose([tmp_path], "config", [], {})
    assert line in str(caught.value)


def test_every_key_that_stands_twice_is_told(tmp_path):
    """One error each, so that one round of mending is enough."""
    assert len(one_file(tmp_path, "a: 1\na: 2\nb: {c: 1, c: 1}\n").problems()) == 2


def test_merge_keys_bring_values_and_their_lines(tmp_path):
    """`<<` may stand with a key that it brings in too; an error names the line where a value is written."""
    text = "x-fast: &x\n  mode: fast\n  type: local\nexecution:\n  <<: *x\n  type: local\n" + LEAST
    files = one_file(tmp_path, text)
    assert files.compose().value["execution"]["mode"] == "fast"
    assert "config.yaml:2: there is no mode 'fast'" in files.problems()[0]


@pytest.mark.parametrize(
    ("folder", "name", "line"),
    [("", "nope", "there is no file 'nope'"), ("", "../config", "no name"), ("gone", "config", "no such folder")],
)
def test_a_configuration_that_is_not_there_is_told(tmp_path, folder, name, line):
    """The name, or the folder, and where was looked."""
    one_file(tmp_path, "a: 1\n")
    with pytest.raises(InputError, match=line):
        compose([tmp_path / folder], name, [], {})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mian", "did you mean 'main'?"),
        ("mian.yaml", "did you mean 'main'?"),
        ("zzz", "there are: main, nightly"),
        ("locl", "there are: main, nightly"),
    ],
)
def test_the_name_of_a_configuration_that_is_not_there_is_answered_with_the_nearest(tmp_path, name, hint):
    """Of all folders, or with what they hold; options of groups and what we bring along are no configurations."""
    texts = {"one/main.yaml": "a: 1\n", "two/nightly.yml": "a: 1\n", "two/target/local.yaml": "b: 1\n"}
    files = ConfigurationFiles(tmp_path, texts)
    with pytest.raises(InputError) as caught:
        compose([files.folder / "one", files.folder / "two"], name, [], {})
    assert (caught.value.where, caught.value.hint) == ("--config-name", hint)


def test_where_no_configuration_is_the_folders_are_told(tmp_path):
    """So that one sees that another folder was meant."""
    with pytest.raises(InputError, match="looked in") as caught:
        compose([tmp_path], "main", [], {})
    assert str(tmp_path) in caught.value.hint


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    """`--config` names a file."""
    for place in (tmp_path, tmp_path / "gone.yaml", Path("a\0b")):
        with pytest.raises(InputError, match=r"is no file|cannot be read"):
            compose_file(place, [], {})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1E3", 1000.0),
        ("-.5e+2", -50.0),
        ("'1e-5'", "1e-5"),
        ("!!str 1e-5", "1e-5"),
        ("1e999", "1e999"),
    ],
)
def test_numbers_with_exponents_are_numbers(tmp_path, text, value):
    """As Hydra has it; YAML 1.1 alone would make a learning rate of 1e-5 a text. An alias means the same."""
    found = one_file(tmp_path, f"a: &a {text}\nb: [*a]\n").compose().value
    assert (found["a"], found["b"]) == (value, [value])


def test_an_empty_file_is_a_configuration_that_says_nothing(tmp_path):
    """What it lacks is told when it is read."""
    found = one_file(tmp_path, "# nothing yet\n").compose()
    assert found.value["execution"] == LOCAL


def test_places_are_found_for_what_is_there_and_what_is_not(tmp_path):
    """The deepest known part of a path; -o is named as it was written."""
    files = ConfigurationFiles(
        tmp_path, {**GROUPS, "config.yaml": "defaults:\n  - g: x\na:\n  b:\n    - c: 1\n    - 2\n"}
    )
    found = files.compose("+a.d={e: 1}", "g.v=3")
    where = {
        ("a", "b", 0, "c"): "config.yaml:5",
        ("a", "b", 1): "config.yaml:6",
        ("a", "b", 7, "z"): "config.yaml:4",
        ("g", "only"): "g/x.yaml:2",
        ("g", "v"): "-o g.v=3",
        ("a", "d", "e"): "-o +a.d={...}",
        ("nothing",): "config.yaml:1",
    }
    assert {path: found.where(path).replace(f"{tmp_path}/", "") for path in where} == where
