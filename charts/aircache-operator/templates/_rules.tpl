{{/*
What the operator may do in the namespaces that it works in, as in config/rbac/role.yaml. Nothing about
secrets, nodes, roles or pods/exec.
*/}}
{{- define "aircache-operator.namespacedRules" -}}
- apiGroups: [aircache.dev]
  resources: [aircachedeployments]
  verbs: [list, watch]
- apiGroups: [aircache.dev]
  resources: [aircachedeployments/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [deployments, controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""] # what node autoscalers say about pods
  resources: [events]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* GPU classes belong to no namespace. An operator of the whole cluster reads which labels namespaces have, for GPUClass.spec.allowedNamespaces. */}}
{{- define "aircache-operator.clusterRules" -}}
- apiGroups: [aircache.dev]
  resources: [gpuclasses]
  verbs: [list, watch]
{{- if not .Values.watchNamespaces }}
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}
{{- end -}}
