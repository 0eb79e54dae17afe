#!/bin/sh
# Builds what the tests against a real API server use, with the ordinary Go client: kube-apiserver, etcd, helm,
# kustomize, actionlint. What lies in the folder already is left alone, so that running this again is free.
#
#   tools/cluster-tools.sh [FOLDER]      FOLDER is .tools/bin unless given
set -eu

KUBERNETES=1.37.2
ETCD=v3.7.3
HELM=v4.3.0
KUSTOMIZE=v5.8.2
ACTIONLINT=v1.7.12

cd "$(dirname "$0")/.."
folder=${1:-.tools/bin}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

missing=
for tool in actionlint etcd helm kube-apiserver kustomize; do
  [ -x "$folder/$tool" ] || missing="$missing $tool"
done
if [ -z "$missing" ]; then
  echo "nothing to build: actionlint, etcd, helm, kube-apiserver and kustomize are in $folder"
  exit 0
fi
if ! command -v go >/dev/null; then
  echo "cannot build$missing: there is no Go on PATH. Install Go (https://go.dev/doc/install) and run this again," >&2
  echo "or take kube-apiserver and etcd from setup-envtest and let KUBEBUILDER_ASSETS name their folder." >&2
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
  if [ "$status" -ne 0 ]; then
    tail -n 20 "$scratch/log" >&2
    echo "$tool could not be built, see above. What was built before it stays: run this again to go on." >&2
    exit 1
  fi
  # Moved only when whole: an interrupted build leaves nothing that looks like a tool.
  mv "$scratch/done" "$folder/$tool"
done
echo "done: actionlint, etcd, helm, kube-apiserver and kustomize are in $folder"
