{{/* The layer that lies over the configuration: what the chart knows of the site. */}}
{{- define "mailprobe.siteLayer" -}}
{{- $host := ternary (printf "[%s]" .Values.listenAddress) .Values.listenAddress (contains ":" .Values.listenAddress) }}
{{- $layer := dict "version" 1 "site" .Values.site "listen" (printf "%s:%d" $host (int .Values.port)) }}
{{- if .Values.siteLabels }}{{ $_ := set $layer "site_labels" .Values.siteLabels }}{{ end }}
{{- if .Values.reference }}{{ $_ := set $layer "reference" .Values.reference }}{{ end }}
{{- if .Values.webConfig.existingSecret }}
{{- $_ := set $layer "web_config_file" (printf "/etc/mailprobe-web/%s" .Values.webConfig.key) }}
{{- end }}
{{- if .Values.fleetKey.existingSecret }}
{{- $keys := dict "sign" "/run/secrets/mailprobe/fleet-key" }}
{{- $accept := list }}
{{- range .Values.fleetKey.accept }}{{ $accept = append $accept (printf "/run/secrets/mailprobe/fleet-key-%s" .) }}{{ end }}
{{- if $accept }}{{ $_ := set $keys "accept" $accept }}{{ end }}
{{- $_ := set $layer "fleet_keys" $keys }}
{{- end }}
{{- if include "mailprobe.isInline" . }}
{{- $services := dict }}
{{- range $name, $service := (include "mailprobe.config" . | fromYaml).mail_services }}
{{- $more := include "mailprobe.serviceLayer" (dict "root" $ "service" (default dict $service)) | fromYaml }}
{{- if $more }}{{ $_ := set $services $name $more }}{{ end }}
{{- end }}
{{- if $services }}{{ $_ := set $layer "mail_services" $services }}{{ end }}
{{- end }}
{{- toYaml $layer }}
{{- end }}

{{/* What a mail service gets that does not say it itself. */}}
{{- define "mailprobe.serviceLayer" -}}
{{- $more := dict }}
{{- if and (include "mailprobe.hasCa" .root) (not (dig "tls" "ca_file" "" .service)) }}
{{- $_ := set $more "tls" (dict "ca_file" "/etc/mailprobe-ca/ca.crt") }}
{{- end }}
{{- with .root.Values.proxy }}
{{- if and .url (not (hasKey $.service "proxy")) }}
{{- $proxy := dict "url" .url }}
{{- if .noProxy }}{{ $_ := set $proxy "no_proxy" .noProxy }}{{ end }}
{{- if .username }}{{ $_ := set $proxy "username" .username }}{{ end }}
{{- if .passwordFile }}{{ $_ := set $proxy "password_file" .passwordFile }}{{ end }}
{{- $_ := set $more "proxy" $proxy }}
{{- end }}
{{- end }}
{{- toYaml $more }}
{{- end }}

{{- define "mailprobe.hasCa" -}}
{{- if or .Values.caBundle.existingConfigMap .Values.caBundle.existingSecret }}true{{ end }}
{{- end }}

{{/* The layers, later ones win. */}}
{{- define "mailprobe.configArgs" -}}
- --config=/etc/mailprobe/mailprobe.yaml
{{- if .Values.central.enabled }}
- --config=/etc/mailprobe/central.yaml
{{- end }}
- --config=/etc/mailprobe/site.yaml
{{- end }}
