// The shipped pipeline: the stack has the name of its stage.
import * as pulumi from "@pulumi/pulumi";
import { Stage } from "@pulumi/delivery";

const config = new pulumi.Config();

const delivery = new Stage("delivery", {
    stage: pulumi.getStack(),

    // The GitOps repository, which Argo CD reads. An update needs your own owner.
    repositoryOwner: "example-org",
    repositoryName: "podtato-head-gitops",

    applications: [
        {
            name: "podtato-head",
            image: "ghcr.io/podtato-head/podtato-server",
            workload: "podtato-head-frontend",
            containerPort: 9000,
            servicePort: 8080,
            firstVersion: "v0.3.0",
            promotedKeys: [{ key: "serviceVersion" }],
        },
    ],
    stages: [{ name: "dev" }, { name: "production", after: ["dev"] }],
    tasks: { "post-deployment": 'print("deployment verified")\n' },

    argocdApplication: config.get("argocdApplication"),
    postDeploymentTasks: config.getObject<string[]>("postDeploymentTasks"),
    kubeContext: config.get("kubeContext"),
    githubToken: config.requireSecret("githubToken"),
    promotionToken: config.requireSecret("promotionToken"),
});

export const { stage, repository, applications, promotesTo } = delivery;
