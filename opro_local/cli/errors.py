"""From an error to an exit code and one line on stderr."""

import sys
import traceback
from collections.abc import Sequence

import click

from opro_local.cli.output import say
from opro_local.errors import (
    DataError,
    Interrupted,
    ModelError,
    OproError,
    SettingsError,
    StoreBusy,
    WorkersGone,
)

EXIT_CODES: tuple[tuple[type[OproError], int], ...] = (
    (SettingsError, 2),
    (DataError, 3),
    (ModelError, 4),
    (StoreBusy, 75),
    (WorkersGone, 75),
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


def check_utf8(arguments: Sequence[str]) -> None:
    """Texts are kept, asked and shown as UTF-8, names of files too. Raises SettingsError."""
    for argument in arguments:
        if argument.encode(errors="replace").decode() != argument:
            raise SettingsError(f"{argument}: is not UTF-8. Write it so; if it names a file, rename that.")


class OneLineErrors(click.Group):
    """A command group whose OproErrors end the program with one line; --verbose shows the traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[__name__] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            check_utf8(ctx.meta[__name__])
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
