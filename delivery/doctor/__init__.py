"""`make doctor`: what stands between a stack and its next update, one line for each check, with its fix.

Everything here only reads: the machine, the configuration, the cluster, the GitOps repository.

To add a check, write a function `(name, inspection) -> Check` in the module of its theme (`toolchain`, `inputs`,
`cluster`, `tokens`, `repository`, `committed`, `promotions`) and give it a line in `registry.GROUPS`. It asks the
`Inspection` for what it needs. Where that is missing, the `Inspection` says so in its place. Checks of the platform's
stack are in `platform`, their lines in `registry.PLATFORM`.
"""
