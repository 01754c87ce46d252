{{- define "monitoring.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Short enough for a dashboard's name behind it. */}}
{{- define "monitoring.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" }}
{{- else if contains (include "monitoring.name" .) .Release.Name }}
{{- .Release.Name | trunc 48 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "monitoring.name" .) | trunc 48 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "monitoring.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{/* `more`: labels of this sort of object, which win. */}}
{{- define "monitoring.labels" -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/name" (include "monitoring.name" .root)
  "app.kubernetes.io/instance" .root.Release.Name
  "app.kubernetes.io/version" .root.Chart.AppVersion
  "app.kubernetes.io/managed-by" .root.Release.Service
  "app.kubernetes.io/part-of" "mailprobe" }}
{{- merge (deepCopy .more) $own .root.Values.commonLabels | toYaml }}
{{- end }}

{{/* A file with the values in the place of the words that stand for them: `__hold__`. */}}
{{- define "monitoring.filled" -}}
{{- $text := .root.Files.Get .file }}
{{- $values := .root.Values }}
{{- $words := merge (dict "runbook_base" $values.runbookBase "dashboard_base" $values.dashboardBase "region_label" $values.regionLabel) $values.thresholds }}
{{- range $word, $value := $words }}
{{- /* As JSON: %v writes 1209600 as 1.2096e+06. */ -}}
{{- $text = replace (printf "__%s__" $word) (ternary $value (toJson $value) (kindIs "string" $value)) $text }}
{{- end }}
{{- $text }}
{{- end }}

{{/* The groups of a rule file, without what is disabled, with the labels that alerts get. */}}
{{- define "monitoring.rules" -}}
{{- $rules := .root.Values.rules }}
{{- $groups := list }}
{{- range $group := (include "monitoring.filled" . | fromYaml).groups }}
{{- $kept := list }}
{{- range $rule := $group.rules }}
{{- if not (has (default "" $rule.alert) $rules.disabled) }}
{{- if and $rule.alert $rules.alertLabels }}
{{- $_ := set $rule "labels" (mergeOverwrite (deepCopy $rules.alertLabels) (default dict $rule.labels)) }}
{{- end }}
{{- $kept = append $kept $rule }}
{{- end }}
{{- end }}
{{- if $kept }}{{ $groups = append $groups (dict "name" $group.name "rules" $kept) }}{{ end }}
{{- end }}
{{- dict "groups" $groups | toYaml }}
{{- end }}

{{/* Which sites there should be. */}}
{{- define "monitoring.sites" -}}
{{- $rules := list }}
{{- range $site := .Values.sites }}
{{- $labels := dict "site" $site.name "page" (ternary "true" "false" (default false $site.page)) }}
{{- if $site.region }}{{ $_ := set $labels $.Values.regionLabel $site.region }}{{ end }}
{{- $rules = append $rules (dict "record" "mailprobe_site_expected" "expr" "vector(1)" "labels" $labels) }}
{{- end }}
{{- dict "groups" (list (dict "name" "mailprobe-sites" "rules" $rules)) | toYaml }}
{{- end }}

{{/* Rule files by name, as YAML. */}}
{{- define "monitoring.files" -}}
{{- $files := dict }}
{{- range $name := list "records" "alerts" }}
{{- $_ := set $files $name (include "monitoring.rules" (dict "root" $ "file" (printf "files/rules/mailprobe-%s.yaml" $name)) | fromYaml) }}
{{- end }}
{{- if .Values.sites }}{{ $_ := set $files "sites" (include "monitoring.sites" . | fromYaml) }}{{ end }}
{{- toYaml $files }}
{{- end }}

{{- define "monitoring.matchers" -}}
{{- $form := "^([a-z_]+)(=~|!~|!=|=)\"(.*)\"$" }}
{{- range . }}
- name: {{ regexReplaceAll $form . "${1}" }}
  matchType: {{ regexReplaceAll $form . "${2}" | quote }}
  value: {{ regexReplaceAll $form . "${3}" | quote }}
{{- end }}
{{- end }}

{{/* A route of Alertmanager's file in the operator's words, without those whose receiver is not among the values. */}}
{{- define "monitoring.route" -}}
{{- $words := dict "receiver" "receiver" "group_by" "groupBy" "group_wait" "groupWait" "group_interval" "groupInterval" "repeat_interval" "repeatInterval" "continue" "continue" }}
{{- range $key, $word := $words }}
{{- if hasKey $.route $key }}
{{ $word }}: {{ get $.route $key | toJson }}
{{- end }}
{{- end }}
{{- with .route.matchers }}
matchers:
  {{- include "monitoring.matchers" . | nindent 2 }}
{{- end }}
{{- with .route.routes }}
routes:
  {{- range . }}
  {{- if hasKey $.receivers .receiver }}
  - {{- include "monitoring.route" (dict "route" . "receivers" $.receivers) | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end }}
