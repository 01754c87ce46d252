{{/*
The contacts of the configuration in `config`, as `mailprobe config show --hosts` tells them: a list of {host, port, protocol}; host "" is
told at run time. Name servers are not among them, but those that a mail service names. A test compares both.
*/}}
{{- define "mailprobe.contacts" -}}
{{- $found := dict }}
{{- $config := include "mailprobe.config" . | fromYaml }}
{{- $central := ternary .Values.central.config dict .Values.central.enabled }}
{{- $checks := include "mailprobe.checks" $config | fromYamlArray }}
{{- $checks = concat $checks (include "mailprobe.checks" $central | fromYamlArray) }}
{{- $services := dict }}
{{- $layer := (include "mailprobe.siteLayer" . | fromYaml).mail_services }}
{{- range $each := list $config.mail_services $central.mail_services $layer }}
{{- $services = mergeOverwrite $services (deepCopy (default dict $each)) }}
{{- end }}
{{- $mailboxes := mergeOverwrite (deepCopy (default dict $config.mailboxes)) (default dict $central.mailboxes) }}
{{- $args := dict "root" $ "found" $found "services" $services "mailboxes" $mailboxes }}
{{- range $check := $checks }}
{{- range $kind, $of := $check }}
{{- include "mailprobe.contactsOfCheck" (merge (dict "kind" $kind "of" (default dict $of)) $args) }}
{{- end }}
{{- end }}
{{- $reference := default (default dict $config.reference) .Values.reference }}
{{- with $reference.dns }}
{{- include "mailprobe.contactAddress" (dict "root" $ "found" $found "address" (trimPrefix "tcp://" .)) }}
{{- end }}
{{- with $reference.web }}
{{- include "mailprobe.contactUrl" (dict "root" $ "found" $found "url" .) }}
{{- end }}
{{- values $found | toYaml }}
{{- end }}

{{- define "mailprobe.words" -}}
{{- if kindIs "slice" . }}{{ toYaml . }}{{ else if . }}{{ toYaml (list .) }}{{ else }}[]{{ end }}
{{- end }}

{{/* Who signs in by what; for the kind `endpoint`, which mail service is looked at. */}}
{{- define "mailprobe.contactsOfCheck" -}}
{{- $of := .of }}
{{- $sessions := list }}
{{- if eq .kind "endpoint" }}
{{- $service := get .services $of.mail_service | default dict }}
{{- $protocols := include "mailprobe.words" $of.protocols | fromYamlArray }}
{{- $args := merge (dict "service" $service "name" $of.mail_service) . }}
{{- range $protocol := default (list "smtp" "imap" "pop3" "ews" "owa" "caldav" "autodiscover") $protocols }}
{{- include "mailprobe.contactConfigured" (merge (dict "protocol" $protocol) $args) }}
{{- end }}
{{- include "mailprobe.contactNameServers" $args }}
{{- else if eq .kind "roundtrip" }}
{{- $sessions = list (dict "mailbox" $of.from "by" $of.send) (dict "mailbox" $of.to "by" $of.views) }}
{{- else if eq .kind "calendar" }}
{{- $sessions = list (dict "mailbox" $of.mailbox "by" $of.write) (dict "mailbox" $of.mailbox "by" $of.views) }}
{{- else if eq .kind "meeting" }}
{{- $attendee := default $of.protocol $of.attendee_protocol }}
{{- range $side := list (dict "mailbox" $of.organizer "by" $of.protocol) (dict "mailbox" $of.attendee "by" $attendee) }}
{{- $sessions = append $sessions $side }}
{{- if eq $side.by "imap" }}{{ $sessions = append $sessions (dict "mailbox" $side.mailbox "by" "smtp") }}{{ end }}
{{- end }}
{{- else if eq .kind "free_busy" }}
{{- $sessions = list (dict "mailbox" $of.mailbox "by" $of.protocol) (dict "mailbox" $of.of "by" (default $of.protocol $of.write)) }}
{{- else if eq .kind "autodiscover" }}
{{- $sessions = list (dict "mailbox" $of.mailbox "by" "autodiscover") }}
{{- else }}
{{- $sessions = list (dict "mailbox" $of.mailbox "by" $of.protocols) }}
{{- end }}
{{- $outer := . }}
{{- range $session := $sessions }}
{{- $mailbox := get $outer.mailboxes $session.mailbox | default dict }}
{{- $args := merge (dict "mailbox" $mailbox "service" (get $outer.services (toString $mailbox.mail_service) | default dict) "name" $mailbox.mail_service) $outer }}
{{- include "mailprobe.contactNameServers" $args }}
{{- if eq (dig "auth" "method" "" $mailbox) "kerberos" }}
{{- range $transport := list "TCP" "UDP" }}
{{- include "mailprobe.contact" (dict "root" $outer.root "found" $outer.found "host" "" "port" 88 "protocol" $transport) }}
{{- end }}
{{- end }}
{{- range $protocol := include "mailprobe.words" $session.by | fromYamlArray }}
{{- include "mailprobe.contactSession" (merge (dict "protocol" $protocol) $args) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "mailprobe.contactNameServers" -}}
{{- $resolver := default "own" .service.resolver }}
{{- if kindIs "map" $resolver }}
{{- $args := . }}
{{- range $server := include "mailprobe.words" $resolver.servers | fromYamlArray }}
{{- range $transport := list "TCP" "UDP" }}
{{- include "mailprobe.contact" (dict "root" $args.root "found" $args.found "host" $server "port" 53 "protocol" $transport) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Found at run time where its URL is left out and nothing fills it in. */}}
{{- define "mailprobe.contactSession" -}}
{{- $service := .service }}
{{- $protocol := .protocol }}
{{- $filled := and (eq (default "" $service.preset) "exchange") $service.host }}
{{- $isEmpty := and (hasKey $service $protocol) (kindIs "map" (get $service $protocol)) (not (dig $protocol "url" "" $service)) }}
{{- $domain := .mailbox.address | toString | splitList "@" | last }}
{{- $isFound := and $isEmpty (or (eq $protocol "caldav") (and (has $protocol (list "ews" "owa")) (not $filled))) }}
{{- if and $isFound (eq $protocol "caldav") }}
{{- include "mailprobe.contactEndpoint" (merge (dict "host" $domain "port" 443) .) }}
{{- include "mailprobe.contactElsewhere" . }}
{{- else if or $isFound (eq $protocol "autodiscover") }}
{{- if $isFound }}{{ include "mailprobe.contactElsewhere" . }}{{ end }}
{{- if dig "autodiscover" "url" "" (dict "autodiscover" (default dict $service.autodiscover)) }}
{{- include "mailprobe.contactConfigured" (merge (dict "protocol" "autodiscover") .) }}
{{- else }}
{{- include "mailprobe.contactEndpoint" (merge (dict "host" $domain "port" 443) .) }}
{{- include "mailprobe.contactEndpoint" (merge (dict "host" (printf "autodiscover.%s" $domain) "port" 443) .) }}
{{- include "mailprobe.contactEndpoint" (merge (dict "host" (printf "autodiscover.%s" $domain) "port" 80) .) }}
{{- include "mailprobe.contactElsewhere" . }}
{{- end }}
{{- else }}
{{- include "mailprobe.contactConfigured" . }}
{{- end }}
{{- end }}

{{/* An endpoint as it is written, else as host and preset fill it in. */}}
{{- define "mailprobe.contactConfigured" -}}
{{- $service := .service }}
{{- $written := hasKey $service .protocol }}
{{- $value := get $service .protocol }}
{{- $part := ternary $value dict (kindIs "map" $value) }}
{{- $ports := dict "smtp" 587 "imap" 993 "pop3" 995 }}
{{- if and $written (kindIs "invalid" $value) }}
{{- else if $part.address }}
{{- include "mailprobe.contactAddress" (merge (dict "address" $part.address) .) }}
{{- else if $part.url }}
{{- include "mailprobe.contactUrl" (merge (dict "url" $part.url) .) }}
{{- else if eq (default "generic" $service.preset) "microsoft365" }}
{{- $hosts := dict "smtp" "smtp.office365.com" "imap" "outlook.office365.com" }}
{{- with get $hosts .protocol }}
{{- include "mailprobe.contactEndpoint" (merge (dict "host" . "port" (get $ports $.protocol)) $) }}
{{- end }}
{{- else if and $service.host (hasKey $ports .protocol) }}
{{- include "mailprobe.contactEndpoint" (merge (dict "host" $service.host "port" (get $ports .protocol)) .) }}
{{- else if and $service.host (eq (default "" $service.preset) "exchange") (has .protocol (list "ews" "owa")) }}
{{- include "mailprobe.contactEndpoint" (merge (dict "host" $service.host "port" 443) .) }}
{{- end }}
{{- end }}

{{- define "mailprobe.contactAddress" -}}
{{- $address := include "mailprobe.expanded" (dict "root" .root "text" .address) }}
{{- $port := regexFind "[0-9]+$" $address }}
{{- $host := trimSuffix (printf ":%s" $port) $address | trimPrefix "[" | trimSuffix "]" }}
{{- include "mailprobe.contactEndpoint" (merge (dict "host" $host "port" (int $port)) .) }}
{{- end }}

{{- define "mailprobe.contactUrl" -}}
{{- $url := include "mailprobe.expanded" (dict "root" .root "text" .url) | urlParse }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" }}
{{- $usual := ternary 80 443 (eq $url.scheme "http") }}
{{- include "mailprobe.contactEndpoint" (merge (dict "host" $url.hostname "port" (default $usual $port | int)) .) }}
{{- end }}

{{/* Where a redirect, DNS or Autodiscover may lead; a proxy knows it better. */}}
{{- define "mailprobe.contactElsewhere" -}}
{{- $proxy := include "mailprobe.proxyOf" . | fromYaml }}
{{- if or (not $proxy.url) $proxy.no_proxy }}
{{- include "mailprobe.contact" (dict "root" .root "found" .found "host" "" "port" 443 "protocol" "TCP") }}
{{- end }}
{{- end }}

{{- define "mailprobe.contactEndpoint" -}}
{{- $host := include "mailprobe.expanded" (dict "root" .root "text" .host) | lower }}
{{- $proxy := include "mailprobe.proxyOf" . | fromYaml }}
{{- $port := int .port }}
{{- if $proxy.url }}
{{- $isExempt := dict }}
{{- range $entry := include "mailprobe.words" $proxy.no_proxy | fromYamlArray }}
{{- $domain := lower $entry | trimPrefix "." }}
{{- $isAddress := or (contains ":" $host) (regexMatch "^[0-9.]+$" $host) }}
{{- if or (eq $entry "*") (eq (lower $entry) $host) (and (not $isAddress) (hasSuffix (printf ".%s" $domain) $host)) }}
{{- $_ := set $isExempt "yes" true }}
{{- end }}
{{- end }}
{{- if not $isExempt.yes }}
{{- $url := urlParse (include "mailprobe.expanded" (dict "root" .root "text" $proxy.url)) }}
{{- $host = lower $url.hostname }}
{{- $port = regexFind "[0-9]+$" $url.host | int }}
{{- end }}
{{- end }}
{{- include "mailprobe.contact" (dict "root" .root "found" .found "host" $host "port" $port "protocol" "TCP") }}
{{- end }}

{{- define "mailprobe.proxyOf" -}}
{{- $proxy := dig "proxy" "" (default dict .service) }}
{{- ternary (dict "url" $proxy) (default dict $proxy) (kindIs "string" $proxy) | toYaml }}
{{- end }}

{{- define "mailprobe.contact" -}}
{{- $_ := set .found (printf "%s %d %s" .host (int .port) .protocol) (dict "host" .host "port" (int .port) "protocol" .protocol) }}
{{- end }}

{{/* References that the chart knows too; the probe alone knows the others. */}}
{{- define "mailprobe.expanded" -}}
{{- $text := replace "${site}" .root.Values.site (toString .text) }}
{{- range $name, $value := .root.Values.siteLabels }}
{{- $text = replace (printf "${site_labels.%s}" $name) $value $text }}
{{- end }}
{{- if contains "${" $text }}
{{- fail (printf "networkPolicy: what %q stands for is known to the probe alone; set networkPolicy.egress.ports (for cilium, hosts) to what `mailprobe config show --hosts` tells" $text) }}
{{- end }}
{{- $text }}
{{- end }}
