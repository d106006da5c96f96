#!/usr/bin/env bash
# Checks the files in this directory against the schemas of Compose and Kubernetes.
set -euo pipefail
cd "$(dirname "$0")"

tools="${BONGSU_CACHE:-../.cache}/deploy-check"
if [[ ! -x $tools/bin/kubernetes-validate ]]; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check check-jsonschema==0.39.0 kubernetes-validate==1.37.0
fi
"$tools/bin/check-jsonschema" --builtin-schema vendor.compose-spec compose/compose.yaml
for file in kubernetes/*.yaml; do
  [[ $file == kubernetes/kustomization.yaml ]] && continue # of the client, not of the API
  "$tools/bin/kubernetes-validate" --strict "$file"
done
