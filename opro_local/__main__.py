"""python -m opro_local is the command opro-local."""

from opro_local.cli import main

main(prog_name="opro-local")
