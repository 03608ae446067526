"""From an error to an exit code and one line on stderr."""

import sys
import traceback

import click

from opro_local.cli.output import say
from opro_local.errors import (
    DataError,
    Interrupted,
    ModelError,
    OproError,
    SettingsError,
    StoreBusy,
)

EXIT_CODES: tuple[tuple[type[OproError], int], ...] = (
    (SettingsError, 2),
    (DataError, 3),
    (ModelError, 4),
    (StoreBusy, 75),
    (Interrupted, 130),
    (OproError, 1),
)

LONGEST = 2_000
"""Letters of a message."""


def exit_code(error: OproError) -> int:
    """The first row that fits; OproError itself is the last."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def one_line(said: str) -> str:
    """A message as it may stand on a terminal: names out of foreign files may hold anything."""
    plain = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in said)
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]} ..."


class OneLineErrors(click.Group):
    """A command group whose OproErrors end the program with one line; --verbose shows the traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except OproError as error:
            if ctx.params.get("verbose"):
                traceback.print_exc()
            else:
                say(f"opro-local: {one_line(str(error))}", err=True)
            sys.exit(exit_code(error))
        except KeyboardInterrupt:
            say("opro-local: Interrupted.", err=True)
            sys.exit(exit_code(Interrupted()))
