"""The names of span attributes, which those who write spans and those who read them share.

They are public: people's dashboards and queries go by them. Where neither OpenTelemetry's conventions nor Keptn have
a name, ours begins with `delivery.`.
"""

SCOPE = "delivery.telemetry"
"""The instrumentation scope of every span of a promotion run."""

# OpenTelemetry's conventions for CI/CD and version control, 1.43
PIPELINE = "cicd.pipeline.name"
ACTION = "cicd.pipeline.action.name"
RUN_ID = "cicd.pipeline.run.id"
RUN_URL = "cicd.pipeline.run.url.full"
RESULT = "cicd.pipeline.result"
TASK = "cicd.pipeline.task.name"
TASK_RUN_ID = "cicd.pipeline.task.run.id"
TASK_RESULT = "cicd.pipeline.task.run.result"
PROVIDER = "vcs.provider.name"
OWNER = "vcs.owner.name"
REPOSITORY = "vcs.repository.name"
REPOSITORY_URL = "vcs.repository.url.full"
HEAD = "vcs.ref.head.name"
HEAD_TYPE = "vcs.ref.head.type"
HEAD_REVISION = "vcs.ref.head.revision"
BASE = "vcs.ref.base.name"
CHANGE_ID = "vcs.change.id"
CHANGE_TITLE = "vcs.change.title"
CHANGE_STATE = "vcs.change.state"

# its stable conventions
ENVIRONMENT = "deployment.environment.name"
ERROR_TYPE = "error.type"
SERVICE = "service.name"
SERVICE_VERSION = "service.version"

# Keptn's lifecycle operator; a KeptnAppContext's metadata has no prefix, and the chart puts `commitID` there
KEPTN = "keptn.deployment."
APP_NAME = "keptn.deployment.app.name"
APP_VERSION = "keptn.deployment.app.version"
APP_NAMESPACE = "keptn.deployment.app.namespace"
COMMIT = "commitID"
LINK_TYPE = "opentracing.ref_type"

# this project
SOURCE_ENVIRONMENT = "delivery.source.environment.name"
COMMIT_TIME = "delivery.commit.time"
OUTCOME = "delivery.promotion.outcome"
CHANGE_URL = "delivery.change.url"
LINK = "delivery.link"
