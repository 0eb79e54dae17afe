#!/bin/sh
# Gets what the tests against a real API server use, with the ordinary Go client: builds kube-apiserver, etcd, helm,
# kustomize and actionlint, and takes the custom resource definitions of Argo CD, Keptn and the Pulumi Kubernetes
# Operator out of their modules. What is there already is left alone, so that running this again is free.
#
#   tools/cluster-tools.sh [FOLDER]      FOLDER is .tools/bin unless given; the definitions go to `crds` beside it
set -eu

KUBERNETES=1.37.2
ETCD=v3.7.3
HELM=v4.3.0
KUSTOMIZE=v5.8.2
ACTIONLINT=v1.7.12
ARGOCD=github.com/argoproj/argo-cd/v3@v3.5.1
# Keptn's tags are none of a Go module: the last release is named by its commit.
KEPTN=github.com/keptn/lifecycle-toolkit/lifecycle-operator@v0.0.0-20241111131734-3c671ee8030e
OPERATOR=github.com/pulumi/pulumi-kubernetes-operator/v2@v2.9.0

cd "$(dirname "$0")/.."
folder=${1:-.tools/bin}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
definitions=$(dirname "$folder")/crds
mkdir -p "$definitions"

missing=
for tool in actionlint etcd helm kube-apiserver kustomize; do
  [ -x "$folder/$tool" ] || missing="$missing $tool"
done
wanted=
[ -f "$definitions/argoproj.io_applications.yaml" ] || wanted=argocd
# Not every proxy serves these.
optional=
[ -f "$definitions/options.keptn.sh_keptnconfigs.yaml" ] || optional=keptn
[ -f "$definitions/pulumi.com_stacks.yaml" ] || optional="$optional operator"
if [ -z "$missing$wanted$optional" ]; then
  echo "nothing to do: actionlint, etcd, helm, kube-apiserver and kustomize are in $folder, definitions in $definitions"
  exit 0
fi
if [ -n "$missing$wanted" ] && ! command -v go >/dev/null; then
  echo "cannot get$missing $wanted: there is no Go on PATH. Install Go (https://go.dev/doc/install) and run this" >&2
  echo "again, or take kube-apiserver and etcd from setup-envtest and let KUBEBUILDER_ASSETS name their folder, and" >&2
  echo "let DELIVERY_CRDS name a folder with the custom resource definitions of Argo CD and Keptn." >&2
  exit 1
fi

scratch=$(mktemp -d "$folder/../building.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
# A module of its own for each build: nothing of a person's workspace or flags takes part.
export GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0

new_module() { # NAME REQUIREMENT: go there, into an empty module with one requirement
  mkdir "$scratch/$1"
  cd "$scratch/$1"
  go mod init "building/$1" 2>/dev/null
  go mod edit "-require=$2"
}

show_progress() { # TOOL: how long its build has taken so far, while there is a file that says that it runs
  since=$(date +%s) due=0
  # One changing line on a terminal.
  if [ -t 1 ]; then every=1 start='\r' end=; else every=30 start= end='\n'; fi
  # Not ended by a signal, which a shell that has only just forked may lose. When the script was killed, nobody
  # takes that file away.
  while sleep 1 && [ -e "$scratch/$1.runs" ] && kill -0 $$ 2>/dev/null; do
    passed=$(($(date +%s) - since))
    [ "$passed" -ge $((due + every)) ] || continue
    due=$passed
    printf "${start}building %s: %d min %02d s so far$end" "$1" $((passed / 60)) $((passed % 60))
  done
}

build_actionlint() {
  new_module actionlint "github.com/rhysd/actionlint@$ACTIONLINT"
  go build -trimpath -o "$scratch/done" github.com/rhysd/actionlint/cmd/actionlint
}

build_etcd() {
  new_module etcd "go.etcd.io/etcd/server/v3@$ETCD"
  go build -trimpath -ldflags '-s -w' -o "$scratch/done" go.etcd.io/etcd/server/v3
}

build_helm() {
  new_module helm "helm.sh/helm/v4@$HELM"
  go build -trimpath -ldflags '-s -w' -o "$scratch/done" helm.sh/helm/v4/cmd/helm
}

build_kustomize() {
  new_module kustomize "sigs.k8s.io/kustomize/kustomize/v5@$KUSTOMIZE"
  go build -trimpath -ldflags '-s -w' -o "$scratch/done" sigs.k8s.io/kustomize/kustomize/v5
}

build_kube_apiserver() {
  new_module kube-apiserver "k8s.io/kubernetes@v$KUBERNETES"
  # Kubernetes takes its libraries from folders of its own repository; outside of it they are modules at v0.
  definition=$(go mod download -json "k8s.io/kubernetes@v$KUBERNETES" | sed -n 's/^[[:space:]]*"GoMod": "\(.*\)",*$/\1/p')
  for library in $(awk '$2 == "=>" && $3 ~ /^\.\/staging\// {print $1}' "$definition"); do
    go mod edit "-replace=$library=$library@v0.${KUBERNETES#1.}"
  done
  minor=${KUBERNETES#1.}
  version=k8s.io/component-base/version
  go build -trimpath -o "$scratch/done" -ldflags "-s -w -X $version.gitVersion=v$KUBERNETES \
    -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*} -X $version.gitTreeState=clean" \
    k8s.io/kubernetes/cmd/kube-apiserver
}

for tool in $missing; do
  case $tool in
    actionlint) about="half a minute" ;;
    etcd) about="a minute" ;;
    helm) about="three minutes" ;;
    kube-apiserver) about="seven minutes" ;;
    kustomize) about="half a minute" ;;
  esac
  echo "building $tool (once, about $about on two cores)"
  : >"$scratch/$tool.runs"
  show_progress "$tool" &
  # Not as a condition of `if` or `||`: there, the shell would go on after a step that failed.
  set +e
  (
    set -e
    case $tool in
      actionlint) build_actionlint ;;
      etcd) build_etcd ;;
      helm) build_helm ;;
      kube-apiserver) build_kube_apiserver ;;
      kustomize) build_kustomize ;;
    esac
  ) 2>"$scratch/log"
  status=$?
  set -e
  rm "$scratch/$tool.runs"
  [ ! -t 1 ] || echo
  if [ "$status" -ne 0 ]; then
    tail -n 20 "$scratch/log" >&2
    echo "$tool could not be built, see above. What was built before it stays: run this again to go on." >&2
    exit 1
  fi
  # Moved only when whole: an interrupted build leaves nothing that looks like a tool.
  mv "$scratch/done" "$folder/$tool"
done

unpacked() { # MODULE@VERSION: prints the folder of its files; what went wrong goes to the log
  go mod download -json "$1" >"$scratch/module" 2>"$scratch/log" || {
    sed -n 's/^[[:space:]]*"Error": "\(.*\)",*$/\1/p' "$scratch/module" >>"$scratch/log"
    return 1
  }
  sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p' "$scratch/module"
}

take() { # FILE NAME: copied under that name, once it is whole, and not read-only as in the module cache
  cat "$1" >"$scratch/done"
  mv "$scratch/done" "$definitions/$2"
}

if [ -n "$wanted" ]; then
  echo "getting the definitions of Argo CD"
  if ! from=$(unpacked "$ARGOCD"); then
    tail -n 20 "$scratch/log" >&2
    echo "Argo CD's definitions could not be had, see above: run this again, or set DELIVERY_CRDS." >&2
    exit 1
  fi
  # The file that is looked for comes last.
  for kind in appproject applicationset application; do
    take "$from/manifests/crds/$kind-crd.yaml" "argoproj.io_${kind}s.yaml"
  done
fi

for name in $optional; do
  case $name in
    keptn) product=Keptn module=$KEPTN below=config/crd/bases ;;
    operator) product="the Pulumi Kubernetes Operator" module=$OPERATOR below=deploy/crds ;;
  esac
  if command -v go >/dev/null && from=$(unpacked "$module"); then
    echo "getting the definitions of $product"
    # The file that is looked for is the last of them, by name.
    for file in "$from/$below"/*.yaml; do
      take "$file" "${file##*/}"
    done
  else
    echo "without the definitions of $product, which are not served here: the tests that need them skip (or set DELIVERY_CRDS)"
  fi
done
echo "done: actionlint, etcd, helm, kube-apiserver and kustomize are in $folder, definitions in $definitions"
