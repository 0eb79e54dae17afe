"""Files of the GitOps repository, committed one after another.

Every file is a commit of its own, and GitHub refuses a commit whose parent is no longer the branch's last one, as
happens when files are written at the same time. Git owns the content of an initial file after its first commit, so that
no update ever undoes a promotion; one that exists already is imported as it is, and stays when the stack is destroyed.
"""

from collections.abc import Sequence

import pulumi
from pulumi.resource import DependencyResource
from pulumi_github import RepositoryFile

from delivery.stack.repository_files import RepositoryText


class RepositoryFiles(pulumi.ComponentResource):
    """Declares `files` on the branch `branch` of `repository` (its name), the first one after the resource `after`.

    `last` is the resource that is created last: whoever needs all the files depends on it.
    """

    paths: list[pulumi.Output[str]]
    last: pulumi.Resource | None

    def __init__(
        self,
        name: str,
        repository: str,
        branch: str,
        files: Sequence[RepositoryText],
        after: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("delivery:components:RepositoryFiles", name, None, opts)
        self.paths = []
        self.last = after
        for file in files:
            options = pulumi.ResourceOptions(
                parent=self,
                depends_on=[pulumi.Output.from_input(_by_urn(self.last))] if self.last else [],
                # The provider would commit the initial content over what git has by now.
                ignore_changes=["content", "commitMessage", "overwriteOnCreate"] if file.initial else ["commitMessage"],
                retain_on_delete=file.initial,
                import_=f"{repository}:{file.path}:{branch}" if file.exists else None,
            )
            self.last = RepositoryFile(
                f"{name}/{file.path}",
                repository=repository,
                branch=branch,
                file=file.path,
                content=file.content,
                commit_message=f"delivery: {file.path}",
                # A file that an interrupted update has committed already is no reason to stop the next one.
                overwrite_on_create=not file.initial,
                opts=options,
            )
            self.paths.append(self.last.file)
        self.register_outputs({"paths": self.paths})


async def _by_urn(resource: pulumi.Resource) -> pulumi.Resource:
    """A resource that has the URN of `resource` and nothing else, which is all that the engine is told.

    For each `depends_on` the SDK looks for cycles, recursing through everything that the dependency depends on. The
    files of a stage form one chain: walking it again for every file takes longer than all the rest, and a chain of
    a thousand files exceeds Python's recursion limit. This resource has no dependencies to walk through.
    """
    return DependencyResource(str(await resource.urn.future()))
