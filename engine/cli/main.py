"""`budstikke`: every command by its name (decision 16)."""

from __future__ import annotations

import sys

import typer

from engine.cli import check, demo, messages, run, send, standin, trying
from engine.cli import map as mapping
from engine.errors import ConfigError, EngineError

app = typer.Typer(
    name="budstikke",
    help="Integration engine for municipal health care: HL7 v2 and KITH-XML in, FHIR R4 out, nothing lost.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("demo")(demo.demo)
app.command("send")(send.send)
app.command("check")(check.check)
app.command("schema")(check.schema)
app.command("try")(trying.try_file)
app.add_typer(messages.app, name="messages")
app.add_typer(mapping.app, name="map")
app.add_typer(standin.app, name="standin")


def main() -> None:
    """Entry point of the console script: our errors in words and exit codes, never a traceback.

    Exit codes: 0 done, 1 refused or findings, 2 wrong use, 3 the machine failed us.
    """
    try:
        app()
    except ConfigError as error:
        for finding in error.findings:
            print(finding, file=sys.stderr)
        sys.exit(1)
    except EngineError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        sys.exit(3 if error.default_code == "store" else 1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
