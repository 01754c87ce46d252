{{- define "mailprobe.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Shorter than a label may be: StatefulSets add a hash and an index. */}}
{{- define "mailprobe.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "mailprobe.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "mailprobe.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "mailprobe.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "mailprobe.selectorLabels" -}}
app.kubernetes.io/name: {{ include "mailprobe.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: probe
{{- end }}

{{/* With `component`: what the object is for. */}}
{{- define "mailprobe.labels" -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/name" (include "mailprobe.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "app.kubernetes.io/part-of" "mailprobe"
  "mailprobe.io/site" .Values.site }}
{{- toYaml (merge $own .Values.commonLabels) }}
{{- end }}

{{- define "mailprobe.meta" -}}
name: {{ include "mailprobe.fullname" . }}
namespace: {{ include "mailprobe.namespace" . }}
labels:
  {{- include "mailprobe.labels" . | nindent 2 }}
{{- end }}

{{- define "mailprobe.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "mailprobe.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "mailprobe.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry }}
{{- $name := ternary (printf "%s/%s" $registry .Values.image.repository) .Values.image.repository (ne $registry "") }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $name .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "mailprobe.scheme" -}}
{{- ternary "HTTPS" "HTTP" .Values.webConfig.tls }}
{{- end }}

{{/* The `config` of values as a map, whether it is written as one or as a text. */}}
{{- define "mailprobe.config" -}}
{{- if kindIs "string" .Values.config }}
{{- $read := .Values.config | fromYaml }}
{{- if hasKey $read "Error" }}
{{- fail (printf "config: is no YAML: %s" $read.Error) }}
{{- end }}
{{- toYaml $read }}
{{- else }}
{{- toYaml .Values.config }}
{{- end }}
{{- end }}

{{- define "mailprobe.isInline" -}}
{{- if not (or .Values.existingConfigMap .Values.existingSecret) }}true{{ end }}
{{- end }}

{{/* Seconds of a time span such as 1m 30s. */}}
{{- define "mailprobe.seconds" -}}
{{- $units := dict "s" 1 "sec" 1 "secs" 1 "second" 1 "seconds" 1 "m" 60 "min" 60 "mins" 60 "minute" 60 "minutes" 60 "h" 3600 "hr" 3600 "hour" 3600 "hours" 3600 }}
{{- $sum := 0 }}
{{- range regexFindAll "[0-9]+ *[a-z]+" . -1 }}
{{- $unit := regexFind "[a-z]+" . }}
{{- $number := regexFind "[0-9]+" . | int }}
{{- $sum = add $sum (mul $number (default 0 (get $units $unit))) }}
{{- end }}
{{- $sum }}
{{- end }}

{{- define "mailprobe.grace" -}}
{{- $drain := "35s" }}
{{- if include "mailprobe.isInline" . }}
{{- $drain = default $drain (include "mailprobe.config" . | fromYaml).drain }}
{{- end }}
{{- $seconds := include "mailprobe.seconds" $drain | int }}
{{- $given := .Values.terminationGracePeriodSeconds }}
{{- if kindIs "invalid" $given }}
{{- add $seconds 25 }}
{{- else if lt (int $given) (int (add $seconds 10)) }}
{{- fail (printf "terminationGracePeriodSeconds: %d is less than the configuration's drain (%s) and 10 s for closing sessions" (int $given) $drain) }}
{{- else }}
{{- int $given }}
{{- end }}
{{- end }}

{{/* What cannot be rendered is refused here, in words that say what to do. */}}
{{- define "mailprobe.validate" -}}
{{- if not .Values.site }}
{{- fail "site: say where this probe runs (site: lisbon); it is the label `site` of every metric" }}
{{- end }}
{{- $ways := list }}
{{- range $key := list "config" "existingConfigMap" "existingSecret" }}
{{- if get $.Values $key }}{{ $ways = append $ways $key }}{{ end }}
{{- end }}
{{- if ne (len $ways) 1 }}
{{- fail (printf "the configuration: give one of config, existingConfigMap, existingSecret; given: %s" (join ", " $ways | default "none")) }}
{{- end }}
{{- if and .Values.caBundle.existingConfigMap .Values.caBundle.existingSecret }}
{{- fail "caBundle: give one of existingConfigMap, existingSecret" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
{{- fail "serviceMonitor and podMonitor are both enabled: every sample would be there twice" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) }}
{{- fail "serviceMonitor.enabled needs service.enabled; or take podMonitor.enabled" }}
{{- end }}
{{- if include "mailprobe.isInline" . }}
{{- include "mailprobe.validateConfig" . }}
{{- else if .Values.proxy.url }}
{{- fail "proxy.url: a proxy for mail services of `config`; in an existing configuration write it there (mail_services.NAME.proxy)" }}
{{- end }}
{{- end }}

{{- define "mailprobe.validateConfig" -}}
{{- $config := include "mailprobe.config" . | fromYaml }}
{{- if and $config.site (ne (toString $config.site) .Values.site) }}
{{- fail (printf "config.site is %v and site is %s: leave config.site out" $config.site .Values.site) }}
{{- end }}
{{- range $key := list "listen" "shard" }}
{{- if hasKey $config $key }}
{{- fail (printf "config.%s: the chart fills it in (listenAddress, port, shards)" $key) }}
{{- end }}
{{- end }}
{{- range $name, $mailbox := $config.mailboxes }}
{{- if and (not $.Values.secretConfig) (dig "auth" "password" "" (default dict $mailbox)) }}
{{- fail (printf "config.mailboxes.%s.auth.password: a password in a ConfigMap; take password_file and credentials, or secretConfig: true" $name) }}
{{- end }}
{{- end }}
{{- if not (or .Values.fleetKey.existingSecret $config.fleet_keys) }}
{{- range (include "mailprobe.checks" $config | fromYamlArray) }}
{{- $kind := keys . | first }}
{{- if has $kind (list "roundtrip" "calendar" "meeting" "free_busy") }}
{{- fail (printf "fleetKey.existingSecret: the check %s needs the key that signs the fleet's messages: kubectl create secret generic mailprobe-fleet --from-literal=fleet-key=$(openssl rand -hex 32)" $kind) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The checks of a configuration as a list, whether they are a list or a map by name. */}}
{{- define "mailprobe.checks" -}}
{{- $list := list }}
{{- range $check := .checks }}
{{- if $check }}{{ $list = append $list $check }}{{ end }}
{{- end }}
{{- toYaml $list }}
{{- end }}
