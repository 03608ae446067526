"""serve: the live page of a folder's runs, for the browser of this machine."""

from pathlib import Path

import click

from opro_local.cli.output import say
from opro_local.config import Folders
from opro_local.errors import SettingsError
from opro_local.offline import close_network


@click.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of the loopback interface; any if 0."
)
@click.option("--edit", is_flag=True, help="Let the page take part in runs; else it is for reading only.")
@click.pass_obj
def serve(folders: Folders, folder: Path | None, port: int, edit: bool) -> None:
    """Show the runs of a folder in your browser while they go on.

    FOLDER holds run files; that of your runs if not given. Only this machine can reach the page, and only
    with the address that is printed, which opens once. Needs: pip install 'opro-local[web]'
    """
    close_network()
    try:
        from opro_local.web.server import serve_folder
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"The live page needs {error.name}. Install it with: pip install 'opro-local[web]'"
        ) from None
    serve_folder(folder or folders.runs, port=port, editable=edit, ready=say)
