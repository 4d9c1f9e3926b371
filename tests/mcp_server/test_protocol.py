"""What an inspector looks at: descriptions, schemas, annotations, and answers that keep to them."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.shared.exceptions import MCPError
from tiny_lab import Tiny, change, refused, said, verdict, with_client

TOOLS = {"briefing", "read_file", "propose", "wait", "history", "explain"}
READ_ONLY = {"briefing", "read_file", "history", "explain"}


def listed(tiny: Tiny) -> dict[str, Any]:
    async def work(client: Client) -> Any:
        return (await client.list_tools()).tools

    return {tool.name: tool for tool in with_client(tiny.parameters(), work)}


def parameters(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """All parameters of a schema, those of its parts too."""
    for part in (schema, *schema.get("$defs", {}).values()):
        yield from part.get("properties", {}).items()


def test_the_tools_are_few_described_and_titled(tiny):
    tools = listed(tiny)
    assert set(tools) == TOOLS
    for tool in tools.values():
        assert tool.title
        assert 40 < len(tool.description) < 400, tool.name
        assert "\n" not in tool.description


def test_every_parameter_is_described(tiny):
    for tool in listed(tiny).values():
        for name, parameter in parameters(tool.input_schema):
            assert parameter.get("description"), f"{tool.name}: {name}"


def test_schemas_are_json_schema_with_an_object_at_the_root(tiny):
    for tool in listed(tiny).values():
        for schema in (tool.input_schema, tool.output_schema):
            Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"


def test_annotations_say_which_tools_change_nothing(tiny):
    for name, tool in listed(tiny).items():
        notes = tool.annotations
        assert notes.read_only_hint is (name in READ_ONLY), name
        assert notes.destructive_hint is False
        assert notes.open_world_hint is False
        assert notes.idempotent_hint is (name != "propose")


def test_tools_that_only_read_leave_the_lab_as_it_was(tiny):
    async def work(client: Client) -> None:
        for name in READ_ONLY - {"explain"}:
            said(await client.call_tool(name, {}))
        refused(await client.call_tool("explain", {"experiment": 0}))
        await client.read_resource("novum://ledger")

    with_client(tiny.parameters(), work)
    assert tiny.git("status", "--porcelain", "--ignored") == ""


def test_every_answer_has_words_and_keeps_to_its_schema(tiny):
    tools = listed(tiny)

    async def work(client: Client) -> None:
        async def call(name: str, **given: Any) -> Any:
            result = await client.call_tool(name, given)
            assert len(said(result)) > 5
            Draft202012Validator(tools[name].output_schema).validate(result.structured_content)
            return result.structured_content

        await call("history")
        for x in (4, "nonsense", 6):
            made = await call("propose", **change(x))
            await call("wait", proposal=made["proposal"])
            await verdict(client, made["proposal"])
        await call("propose", **change(6))
        for number in range(4):
            await call("explain", experiment=number)
            await call("wait", experiment=number)
        found = await call("history", verdict="crash")
        crashed = [row["experiment"] for row in found["rows"]]
        found = await call("history", verdict="invalid")
        assert crashed + [row["experiment"] for row in found["rows"]] == [2]
        found = await call("history", text="X IS 6")
        assert [row["experiment"] for row in found["rows"]] == [3]
        found = await call("history", last=1)
        assert [row["experiment"] for row in found["rows"]] == [3]
        assert found["experiments_in_all"] == 4
        await call("briefing")
        assert "run.sh" in (await call("read_file"))["files"]
        part = await call("read_file", path="run.sh", first_line=2, lines=1)
        assert part["text"] == 'echo "$words in $PWD"\n'
        assert part["lines_in_all"] == 4

    with_client(tiny.parameters(), work)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("propose", {"title": "t"}, "propose: the argument hypothesis is missing"),
        ("propose", {**change(4), "patch": "x"}, "propose has no argument patch; it has: title"),
        ("propose", change(4) | {"title": ""}, "title: String should have at least 1 character"),
        ("propose", change(4) | {"title": "t" * 201}, "title: String should have at most 200"),
        ("propose", change(4) | {"edits": [{"path": "x.txt"}]}, "edits.0.replace is missing"),
        ("propose", change(4) | {"expected": "lots"}, "expected: Input should be a valid number"),
        ("wait", {}, "say what to wait for"),
        ("wait", {"proposal": 7}, "no experiment was made in this lab yet"),
        ("wait", {"experiment": 0, "seconds": 601}, "seconds: Input should be less than"),
        ("explain", {"experiment": 0}, "no experiment was made in this lab yet"),
        ("explain", {"experiment": -1}, "experiment: Input should be greater than"),
        ("history", {"verdict": "good"}, "verdict: String should match"),
        ("briefing", {"all": True}, "briefing has no argument all; it takes none"),
        ("read_file", {"path": "nothing.txt"}, "there is no file 'nothing.txt' there"),
        ("read_file", {"path": "../x.txt"}, "there is no file"),
        ("read_file", {"path": "x.txt", "experiment": 3}, "no experiment was made"),
    ],
)
def test_errors_are_answers_of_the_tool_that_say_what_to_do(tiny, name, given, words):
    async def work(client: Client) -> str:
        return refused(await client.call_tool(name, given))

    assert words in with_client(tiny.parameters(), work)
    assert not (tiny.path / ".novum").exists()


def test_an_unknown_tool_resource_or_prompt_is_said_to_be_unknown(tiny):
    async def work(client: Client) -> None:
        assert "nothing" in refused(await client.call_tool("nothing", {}))
        with pytest.raises(MCPError):
            await client.read_resource("novum://secrets")
        with pytest.raises(MCPError):
            await client.get_prompt("nothing")

    with_client(tiny.parameters(), work)


def test_links_and_what_is_no_text_cannot_be_read(tiny):
    (tiny.path / "passwd").symlink_to("/etc/passwd")
    (tiny.path / "weights.bin").write_bytes(b"\xff\x00\xfe")
    (tiny.path / "untracked.txt").write_text("mine\n")
    tiny.git("add", "passwd", "weights.bin")
    tiny.git("commit", "-q", "-m", "more")

    async def work(client: Client) -> None:
        for path in ("passwd", "untracked.txt", ".git/config", "."):
            words = refused(await client.call_tool("read_file", {"path": path}))
            assert "there is no file" in words
        words = refused(await client.call_tool("read_file", {"path": "weights.bin"}))
        assert "not UTF-8 text" in words

    with_client(tiny.parameters(), work)


def test_resources_and_the_prompt_are_described_and_say_what_they_should(tiny):
    async def work(client: Client) -> None:
        resources = {str(one.uri): one for one in (await client.list_resources()).resources}
        assert set(resources) == {"novum://program", "novum://ledger"}
        assert all(one.description and one.title and one.mime_type for one in resources.values())
        program = (await client.read_resource("novum://program")).contents[0].text
        assert program == "Find the lowest x.\n"
        ledger = (await client.read_resource("novum://ledger")).contents[0].text
        assert ledger == "no experiment was made yet"
        (prompt,) = (await client.list_prompts()).prompts
        assert prompt.title and prompt.description
        assert all(argument.description for argument in prompt.arguments)
        told = await client.get_prompt(prompt.name, {"idea": "halve x"})
        assert "halve x" in told.messages[0].content.text
        plain = await client.get_prompt(prompt.name)
        assert "The idea to test" not in plain.messages[0].content.text

    with_client(tiny.parameters(), work)


def test_what_is_no_lab_is_told_on_the_command_line(tmp_path, tiny):
    server = Tiny(tmp_path).serve()
    assert server.wait(timeout=60) == 2
    server.communicate()
