{{/* The release's name and the chart's, without saying the same twice: a release "aircache" is aircache-operator. */}}
{{- define "aircache-operator.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else if contains .Release.Name .Chart.Name -}}
{{- .Chart.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "aircache-operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "aircache-operator.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "aircache-operator.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "aircache-operator.labels" -}}
{{ include "aircache-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* The Secret with the keys that sign directives. */}}
{{- define "aircache-operator.directiveKeys" -}}
{{- .Values.directiveKeys.existingSecret | default (printf "%s-directive-keys" (include "aircache-operator.fullname" .)) -}}
{{- end -}}

{{/* A digest wins over a tag, a tag over the chart's own version. */}}
{{- define "aircache-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}
